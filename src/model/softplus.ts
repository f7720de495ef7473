/** Graphs around ln(1 + e^u) that keep all digits at both ends. */
import type { GraphBuilder, Node } from "../graph/index.js";

/** max(u, 0) + ln(1 + e^{−|u|}) = ln(1 + e^u) */
export function softplus(b: GraphBuilder, u: Node): Node {
  const above = b.pieceOf(u, [0]);
  const size = b.mul(u, b.lookup(above, [-1, 1]));
  return b.add(b.mul(u, b.lookup(above, [0, 1])), b.log1p(b.exp(b.neg(size))));
}

/** Below this e^u is half a rounding of 1 + e^u, and ln softplus(u) is u. */
const TAIL = -40;

/** ln ln(1 + e^u): u itself in the tail, where e^u may be too small for a number. */
export function logSoftplus(b: GraphBuilder, u: Node): Node {
  const above = b.pieceOf(u, [TAIL]);
  const body = b.add(b.mul(u, b.lookup(above, [0, 1])), b.lookup(above, [TAIL, 0]));
  return b.add(b.log(softplus(b, body)), b.sub(u, body));
}

/** ln Σ e^u over `axes`, which stay with length 1: the largest is taken off first, and the derivative of that cancels exactly. */
export function logSumExp(b: GraphBuilder, u: Node, axes: readonly number[]): Node {
  const largest = b.max(u, axes);
  return b.add(largest, b.log(b.sum(b.exp(b.sub(u, largest)), axes)));
}
