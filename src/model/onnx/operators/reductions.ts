/** Reductions over axes, and the softmax family. */
import type { Call } from "../call.js";
import { type Operator, type Operators, operator } from "../operator.js";
import type { Value } from "../value.js";
import { largestOver } from "./maxima.js";

/** Axes by attribute or input, all where none are named, and whether they stay. */
const reduction = (reduce: (call: Call, x: Value, axes: readonly number[]) => Value): Operator =>
  operator(
    (call) => {
      const { t } = call;
      const x = call.input(0);
      const named = call.axes(1, x.shape.length);
      const keeps = call.int("keepdims", 1) === 1;
      if (call.int("noop_with_empty_axes", 0) === 1 && (named === null || named.length === 0)) return x;
      const axes = named === null || named.length === 0 ? x.shape.map((_, axis) => axis) : named;
      call.across(x, axes);
      const made = reduce(call, x, axes);
      return keeps
        ? made
        : t.reshape(
            made,
            made.shape.filter((_, axis) => !axes.includes(axis)),
          );
    },
    { fixed: [1] },
  );

const share = (x: Value, axes: readonly number[]): number =>
  1 / axes.reduce((size, axis) => size * (x.shape[axis] as number), 1);

export const mean = ({ t }: Call, x: Value, axes: readonly number[]): Value =>
  t.scale(t.sum(x, axes), share(x, axes));

const square = ({ t }: Call, x: Value): Value => t.mul(x, x);

/** Its shift cancels, so that the largest entry is none of a kink. */
function shiftedExponentials(
  call: Call,
  x: Value,
  axes: readonly number[],
): { shift: Value; exponentials: Value } {
  const { t } = call;
  const shift = x.known === null ? t.of(t.b.max(t.node(x), axes)) : t.reduce(x, axes, Math.max);
  return { shift, exponentials: t.exp(t.sub(x, shift)) };
}

function softmaxOver(call: Call, x: Value, axes: readonly number[]): Value {
  const { t } = call;
  const { exponentials } = shiftedExponentials(call, x, axes);
  return t.div(exponentials, t.sum(exponentials, axes));
}

export const softmax = (call: Call, x: Value): Value => softmaxOver(call, x, [x.shape.length - 1]);

function logSumExp(call: Call, x: Value, axes: readonly number[]): Value {
  const { t } = call;
  const { shift, exponentials } = shiftedExponentials(call, x, axes);
  return t.add(shift, t.log(t.sum(exponentials, axes)));
}

/** Before version 13 over all axes from the given one on, since then over that one. */
function softmaxAxes(call: Call, x: Value): number[] {
  const rank = x.shape.length;
  const axis = call.axis(call.int("axis", call.opset < 13 ? 1 : -1), rank);
  const axes = call.opset < 13 ? x.shape.flatMap((_, i) => (i >= axis ? [i] : [])) : [axis];
  call.across(x, axes);
  return axes;
}

export const reductions: Operators = {
  ReduceSum: reduction(({ t }, x, axes) => t.sum(x, axes)),
  ReduceMean: reduction(mean),
  ReduceMax: reduction(largestOver),
  ReduceMin: reduction((call, x, axes) =>
    x.known === null ? call.t.neg(largestOver(call, call.t.neg(x), axes)) : call.t.reduce(x, axes, Math.min),
  ),
  ReduceProd: reduction(({ t }, x, axes) => t.reduce(x, axes, (p, q) => p * q)),
  ReduceSumSquare: reduction((call, x, axes) => call.t.sum(square(call, x), axes)),
  ReduceL2: reduction((call, x, axes) => call.t.sqrt(call.t.sum(square(call, x), axes))),
  ReduceL1: reduction((call, x, axes) => call.t.sum(call.activate(x, { kind: "abs" }), axes)),
  ReduceLogSumExp: reduction(logSumExp),
  Softmax: operator((call) => {
    const x = call.input(0);
    return softmaxOver(call, x, softmaxAxes(call, x));
  }),
  LogSoftmax: operator((call) => {
    const { t } = call;
    const x = call.input(0);
    const axes = softmaxAxes(call, x);
    const { shift, exponentials } = shiftedExponentials(call, x, axes);
    return t.sub(t.sub(x, shift), t.log(t.sum(exponentials, axes)));
  }),
};
