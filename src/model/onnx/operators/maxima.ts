/** Largest and smallest entries: b + relu(a − b), so that every tie is a kink like any other. */
import type { Call } from "../call.js";
import { type Operators, operator } from "../operator.js";
import type { Value } from "../value.js";

/** Entries that are compared with one another, each a node of the graph. */
const MOST_COMPARED = 4096;

/** Of float32, which exporters write for no bound. */
export const LARGEST_FLOAT = 3.4028e38;

const isUnbounded = (value: number, sign: 1 | -1): boolean => sign * value >= LARGEST_FLOAT;

/** Whether no entry of `q` is a bound, and `p` keeps its shape beside it. JAX's softmax takes the larger of a maximum and −∞. */
const isNoBound = (q: Value, p: Value, sign: 1 | -1): boolean =>
  q.known?.every((value) => isUnbounded(value, sign)) === true && keepsShape(p, q);

const keepsShape = (p: Value, q: Value): boolean =>
  q.shape.length <= p.shape.length &&
  q.shape.every((length, k) => length === 1 || length === p.shape[k + p.shape.length - q.shape.length]);

/** q + relu(p − q) is no number where q is infinite, and p's digits are gone where it is next to that. */
function refuseUnbounded(call: Call, q: Value, sign: 1 | -1): void {
  if (q.known?.some((value) => isUnbounded(value, sign)))
    call.fail(
      "compares with a constant of which some entries are infinite (or the largest float), and others are not, or which repeats what it is compared with; write finite bounds of the size of what they bound",
    );
}

function larger(call: Call, p: Value, q: Value): Value {
  const { t } = call;
  if (p.known !== null && q.known !== null) return t.zip(p, q, p.type, Math.max);
  // The kink of max(x, c) is x's, whichever comes first.
  if (p.known !== null) return larger(call, q, p);
  if (isNoBound(q, p, -1)) return p;
  refuseUnbounded(call, q, -1);
  return q.known?.every((value) => value === 0) && keepsShape(p, q)
    ? call.relu(p)
    : t.add(q, call.relu(t.sub(p, q)));
}

function smaller(call: Call, p: Value, q: Value): Value {
  const { t } = call;
  if (p.known !== null && q.known !== null) return t.zip(p, q, p.type, Math.min);
  if (p.known !== null) return smaller(call, q, p);
  if (isNoBound(q, p, 1)) return p;
  refuseUnbounded(call, q, 1);
  return t.sub(p, call.relu(t.sub(p, q)));
}

/** The largest of many by a tree, neighbours first. */
export function largest(call: Call, entries: readonly Value[]): Value {
  if (entries.length > MOST_COMPARED)
    call.fail(`compares ${entries.length} entries, each a node of the graph; ${MOST_COMPARED} is the most`);
  let level = entries;
  while (level.length > 1)
    level = level.flatMap((p, k) => {
      if (k % 2 === 1) return [];
      const q = level[k + 1];
      return q === undefined ? [p] : [larger(call, p, q)];
    });
  return level[0] as Value;
}

/** Over axes, which stay with length 1. */
export function largestOver(call: Call, x: Value, axes: readonly number[]): Value {
  const { t } = call;
  if (x.known !== null) return t.reduce(x, axes, Math.max);
  return axes.reduce((value, axis) => {
    call.across(value, [axis]);
    const length = value.shape[axis] as number;
    return largest(
      call,
      Array.from({ length }, (_, k) => t.slice(value, axis, k, k + 1)),
    );
  }, x);
}

export const maxima: Operators = {
  Max: operator((call) => call.inputs.reduce((p, q) => larger(call, p, q))),
  Min: operator((call) => call.inputs.reduce((p, q) => smaller(call, p, q))),
};
