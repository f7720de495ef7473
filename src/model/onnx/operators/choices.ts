/**
 * Where: one of two by a mask. A mask of the data and of constants only selects. One that moves with θ is taken where both sides are polynomials
 * of what is compared and meet there, as in where(x ≥ 0, x, x/10): that is an activation with a kink.
 */
import { type Node, narrow } from "../../../graph/index.js";
import { softplus } from "../../softplus.js";
import type { Call } from "../call.js";
import { type Operators, operator } from "../operator.js";
import type { Value } from "../value.js";

export const choices: Operators = { Where: operator(choose, { fixed: [0] }) };

function choose(call: Call): Value {
  const { t } = call;
  const [mask, p, q] = [call.input(0), call.input(1), call.input(2)];
  if (mask.node !== null && movesWithParameters(mask.node, call.pass.x)) {
    const bent = bend(call, mask.node, p, q);
    if (bent !== null) return bent;
    call.fail(
      "chooses by a condition that moves with the parameters, and jumps or bends there unseen; write it with Relu, LeakyRelu, Clip, Max, Min or Abs",
    );
  }
  const taken = (value: Value, wanted: 0 | 1): Value => {
    if (mask.known !== null && value.known !== null)
      return t.zip(mask, value, value.type, (m, v) => (m === wanted ? v : 0));
    if (value.known?.some((entry) => !Number.isFinite(entry)))
      return call.fail("chooses infinite numbers by the data, which gradflow does not do");
    const share: Value = { ...mask, type: "float" };
    return t.mul(wanted === 1 ? share : t.sub(t.number(1), share), value);
  };
  return t.add(taken(p, 1), taken(q, 0));
}

/** Whether a node depends on more than the data and constants. */
function movesWithParameters(node: Node, x: Node): boolean {
  const seen = new Set<Node>();
  const stack = [node];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (seen.has(next) || next === x) continue;
    seen.add(next);
    if (next.op === "input") return true;
    stack.push(...next.operands);
  }
  return false;
}

/** The activation that p where z > c, q elsewhere, is; null where it is none. */
function bend(call: Call, mask: Node, p: Value, q: Value): Value | null {
  const found = thresholdOf(mask);
  if (found === null) return null;
  const { z, at } = found;
  // PyTorch's softplus is the line from 20 on, which the function has come to within 2e-9 of there.
  if (at >= LINE_FROM && call.t.node(p) === z && call.t.node(q) === softplus(call.t.b, z)) {
    call.note(`is softplus throughout, where the file takes the line from ${at} on`);
    return q;
  }
  const [above, below] = [p, q].map((side) => polynomialOf(call.t.node(side), z)) as [
    number[] | null,
    number[] | null,
  ];
  if (above === null || below === null) return null;
  const valueAt = (coefficients: readonly number[]): number =>
    coefficients.reduceRight((sum, c) => sum * at + c, 0);
  const sizeOf = (coefficients: readonly number[]): number =>
    coefficients.reduce((sum, c, k) => sum + Math.abs(c * at ** k), 0);
  // To the float32 in which files often keep the coefficients: a jump would be no kink.
  if (Math.abs(valueAt(above) - valueAt(below)) > 1e-6 * (sizeOf(above) + sizeOf(below))) return null;
  return call.activate(call.t.of(z), {
    ...{ kind: "piecewise-polynomial", breakpoints: [at], coefficients: [below, above] },
  });
}

/** ln(1 + e^{−15}) = 3e-7 */
const LINE_FROM = 15;

/** What a comparison holds against a number: z > c or z ≥ c. */
function thresholdOf(mask: Node): { readonly z: Node; readonly at: number } | null {
  const node = narrow(mask);
  if (node.op === "pieceOf" && node.attributes.breakpoints.join() === "0") {
    const gap = node.operands[0] as Node;
    const at = gap.op === "sub" ? numberOf(gap.operands[1] as Node) : null;
    return at === null ? null : { z: gap.operands[0] as Node, at };
  }
  // 1 − [−gap > 0]
  if (node.op !== "lookup" || node.attributes.values.join() !== "1,0") return null;
  const inner = narrow(node.operands[0] as Node);
  const flipped = inner.op === "pieceOf" ? (inner.operands[0] as Node) : null;
  const gap = flipped?.op === "neg" ? (flipped.operands[0] as Node) : null;
  const at = gap?.op === "sub" ? numberOf(gap.operands[1] as Node) : null;
  return gap == null || at === null ? null : { z: gap.operands[0] as Node, at };
}

/** The number that a node is throughout; null where it is none. */
function numberOf(node: Node): number | null {
  const known = narrow(node);
  if (known.op === "broadcast" || known.op === "reshape") return numberOf(known.operands[0] as Node);
  if (known.op !== "constant") return null;
  const [first] = known.attributes.value;
  return first !== undefined && known.attributes.value.every((value) => value === first) ? first : null;
}

/** Coefficients of 1, z, z², … ; null where the node is no polynomial of z. */
function polynomialOf(node: Node, z: Node): number[] | null {
  if (node === z) return [0, 1];
  const number = numberOf(node);
  if (number !== null) return [number];
  const parts = node.operands.map((operand) => polynomialOf(operand, z));
  const [p, q] = parts as [number[] | null, number[] | null];
  if (p == null || parts.includes(null)) return null;
  const sum = (sign: number): number[] =>
    Array.from({ length: Math.max(p.length, q!.length) }, (_, k) => (p[k] ?? 0) + sign * (q![k] ?? 0));
  switch (node.op) {
    case "broadcast":
      return p;
    case "neg":
      return p.map((c) => -c);
    case "add":
      return sum(1);
    case "sub":
      return sum(-1);
    case "mul":
      return Array.from({ length: p.length + q!.length - 1 }, (_, n) =>
        p.reduce((total, c, i) => total + c * (q![n - i] ?? 0), 0),
      );
    default:
      return null;
  }
}
