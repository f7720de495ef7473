/** Scaled dot-product attention as one operator (since version 23), and products by index letters. */
import { sizeOf } from "../../../graph/index.js";
import type { Call } from "../call.js";
import { type Operators, operator } from "../operator.js";
import type { Value } from "../value.js";
import { matmul } from "./linear.js";
import { softmax } from "./reductions.js";

/** [n, T, heads·d] as [n, heads, T, d]; four axes stand so already. */
function inHeads(call: Call, x: Value, heads: number): Value {
  if (x.shape.length === 4) return x;
  const [n = 1, T = 1, width = 1] = x.shape;
  if (x.shape.length !== 3 || heads < 1 || width % heads !== 0)
    call.fail(`takes [n, T, heads·d] in ${heads} heads, got [${x.shape.join(", ")}]`);
  return call.t.transpose(call.t.reshape(x, [n, T, heads, width / heads]), [0, 2, 1, 3]);
}

/** Keys and values of fewer heads serve several of the queries. */
function repeatHeads({ t }: Call, x: Value, heads: number): Value {
  const [n = 1, own = 1, T = 1, d = 1] = x.shape;
  if (own === heads) return x;
  const spread = t.broadcast(t.reshape(x, [n, own, 1, T, d]), [n, own, heads / own, T, d]);
  return t.reshape(spread, [n, heads, T, d]);
}

function attention(call: Call): Value {
  const { t } = call;
  call.ignore("softmax_precision", "qk_matmul_output_mode");
  if (
    [4, 5, 6].some((place) => call.optional(place) !== null) ||
    call.node.outputs.slice(1).some((name) => name !== "")
  )
    call.fail("keeps past keys and values, which gradflow does not do");
  const query = inHeads(call, call.input(0), call.int("q_num_heads", 0));
  const heads = query.shape[1] as number;
  const key = repeatHeads(call, inHeads(call, call.input(1), call.int("kv_num_heads", 0)), heads);
  const value = repeatHeads(call, inHeads(call, call.input(2), call.int("kv_num_heads", 0)), heads);
  const [T = 1, d = 1] = query.shape.slice(2);
  const S = key.shape[2] as number;
  const scale = call.float("scale", 1 / Math.sqrt(d));
  if (call.float("softcap", 0) !== 0) call.fail("caps its scores, which gradflow does not do");
  let scores = t.scale(matmul(call, query, t.transpose(key, [0, 1, 3, 2])), scale);
  const mask = call.optional(3);
  if (mask !== null) scores = t.add(scores, additive(call, mask));
  if (call.int("is_causal", 0) === 1) {
    const later = Float64Array.from({ length: T * S }, (_, i) =>
      i % S > Math.floor(i / S) ? Number.NEGATIVE_INFINITY : 0,
    );
    scores = t.add(scores, t.known(later, [T, S]));
  }
  const made = matmul(call, softmax(call, scores), value);
  if (call.input(0).shape.length === 4) return made;
  const [n = 1, , , width = 1] = made.shape;
  return t.reshape(t.transpose(made, [0, 2, 1, 3]), [n, T, heads * width]);
}

/** A mask of truths as what is added to scores. */
function additive(call: Call, mask: Value): Value {
  if (mask.type !== "bool") return mask;
  return call.t.map(mask, "float", (seen) => (seen === 1 ? 0 : Number.NEGATIVE_INFINITY));
}

/** Letters for the axes of an ellipsis, which nobody types. */
const UNNAMED = Array.from({ length: 16 }, (_, k) => String.fromCharCode(0xe000 + k));

/** The equation with a letter for every axis: those of an ellipsis are counted from its end, as broadcasting does. */
function spelled(call: Call, equation: string, operands: readonly Value[]): string {
  const [left = "", right] = equation.split("->");
  const most = { extra: 0 };
  const terms = left.split(",").map((term, k) => {
    if (!term.includes("...")) return term;
    const extra = (operands[k]?.shape.length ?? 0) - (term.length - 3);
    if (extra < 0 || extra > UNNAMED.length)
      call.fail(`has the term ${term} for [${operands[k]?.shape.join(", ")}], which has other axes`);
    most.extra = Math.max(most.extra, extra);
    return term.replace("...", UNNAMED.slice(UNNAMED.length - extra).join(""));
  });
  const all = UNNAMED.slice(UNNAMED.length - most.extra).join("");
  if (right !== undefined) return `${terms.join(",")}->${right.replace("...", all)}`;
  const named = left.replaceAll(/[,.]/g, "");
  const once = [...named].filter((letter) => named.split(letter).length === 2).sort();
  return `${terms.join(",")}->${all}${once.join("")}`;
}

/** Letters of both operands and the result are batched, those of one alone are its rows or columns, others are summed. */
function einsum(call: Call): Value {
  const { t } = call;
  const operands = call.inputs;
  const given = call.string("equation", "").replace(/\s/g, "");
  const equation = spelled(call, given, operands);
  const [left = "", result = ""] = equation.split("->");
  const terms = left.split(",");
  if (equation.includes(".") || terms.length !== operands.length || operands.length > 2)
    call.fail(`has the equation ${given}; gradflow takes one or two operands, letter by letter`);
  for (const [k, term] of terms.entries())
    if (new Set(term).size !== term.length || term.length !== operands[k]!.shape.length)
      call.fail(
        `has the term ${term} for [${operands[k]!.shape.join(", ")}]; every axis has a letter of its own`,
      );
  const lengths = new Map<string, number>();
  for (const [k, term] of terms.entries())
    [...term].forEach((letter, axis) => {
      lengths.set(letter, Math.max(lengths.get(letter) ?? 1, operands[k]!.shape[axis] as number));
    });
  const lost = [...left].find((letter) => UNNAMED.includes(letter) && !result.includes(letter));
  if (lost !== undefined)
    call.fail(`has the equation ${given}, whose result leaves out the axes of its ellipsis`);
  const size = (letters: string): number =>
    sizeOf([...letters].map((letter) => lengths.get(letter) as number));
  /** Without the letters that neither the result nor the other operand has, the rest in the order asked for. */
  const arrange = (k: number, order: string): Value => {
    const term = terms[k] as string;
    const gone = [...term].flatMap((letter, axis) => (order.includes(letter) ? [] : [axis]));
    call.across(operands[k]!, gone);
    const kept = [...term].filter((letter) => order.includes(letter));
    const summed = t.sum(operands[k]!, gone);
    const reduced =
      gone.length === 0
        ? summed
        : t.reshape(
            summed,
            summed.shape.filter((_, axis) => !gone.includes(axis)),
          );
    const ordered = t.transpose(
      reduced,
      [...order].map((letter) => kept.indexOf(letter)),
    );
    // Axes of an ellipsis of length 1 serve all of the other operand.
    const isShort = [...order].some(
      (letter, axis) => UNNAMED.includes(letter) && ordered.shape[axis] !== lengths.get(letter),
    );
    return isShort
      ? t.broadcast(
          ordered,
          [...order].map((letter) => lengths.get(letter) as number),
        )
      : ordered;
  };
  if (operands.length === 1) return arrange(0, [...result].join(""));
  const [first, second] = terms as [string, string];
  const has = (term: string, letter: string): boolean => term.includes(letter);
  const both = [...result].filter((letter) => has(first, letter) && has(second, letter)).join("");
  const rows = [...result].filter((letter) => has(first, letter) && !has(second, letter)).join("");
  const columns = [...result].filter((letter) => !has(first, letter) && has(second, letter)).join("");
  const inner = [...first].filter((letter) => has(second, letter) && !has(result, letter)).join("");
  const batch = [...both].map((letter) => lengths.get(letter) as number);
  const x = t.reshape(arrange(0, both + rows + inner), [...batch, size(rows), size(inner)]);
  const y = t.reshape(arrange(1, both + inner + columns), [...batch, size(inner), size(columns)]);
  const made = t.reshape(
    matmul(call, x, y),
    [...(both + rows + columns)].map((letter) => lengths.get(letter) as number),
  );
  return t.transpose(
    made,
    [...result].map((letter) => (both + rows + columns).indexOf(letter)),
  );
}

export const attentions: Operators = { Attention: operator(attention), Einsum: operator(einsum) };
