import { z } from "zod";
import type { GraphBuilder, Node } from "../../graph/index.js";
import { count, defineLayer, sampleShape } from "./define.js";
import { checkIndices } from "./windows.js";

export const attention = defineLayer({
  kind: "attention",
  text: "Self-attention: [T, d] → [T, d], softmax(QKᵀ/√(d/heads))V per head, heads along d in order. Parameters: weight [d, d] and bias [d] of query, key, value and output.",
  fields: () => ({
    heads: count.describe("Number of heads; divides d."),
    causal: z.boolean().default(false).describe("Whether a token sees itself and earlier ones only."),
  }),
  build(scope, { heads, causal }, x) {
    const { b } = scope;
    const [T, d] = sampleShape(scope, x, ["T", "d"]) as [number, number];
    const n = x.shape[0] as number;
    if (d % heads !== 0) scope.fail(`heads ${heads} must divide the width ${d} of samples [${T}, ${d}]`);
    if (causal) checkIndices(scope, T * T, `a mask of ${T} × ${T} tokens`);
    const size = d / heads;
    const project = (name: string, rows: Node): Node => scope.within(name).affine(rows, d, true);
    const rows = b.reshape(x, [n * T, d]);
    const split = (name: string): Node =>
      b.transpose(b.reshape(project(name, rows), [n, T, heads, size]), [0, 2, 1, 3]);
    const [query, key, value] = [split("query"), split("key"), split("value")];
    const scores = b.scale(b.matmul(query, key, { transposeB: true }), 1 / Math.sqrt(size));
    const exponentials = causal
      ? exponentialsOfThePast(b, scores, T)
      : b.exp(b.sub(scores, b.max(scores, [3])));
    const shares = b.div(exponentials, b.sum(exponentials, [3]));
    const mixed = b.transpose(b.matmul(shares, value), [0, 2, 1, 3]);
    return b.reshape(project("output", b.reshape(mixed, [n * T, d])), [n, T, d]);
  },
});

/** e^{scores} [..., T, T] up to a factor a row, zero where the column is later than the row. */
function exponentialsOfThePast(b: GraphBuilder, scores: Node, T: number): Node {
  const mask = (later: number, past: number): Node =>
    b.constant(
      Float64Array.from({ length: T * T }, (_, i) => (i % T > Math.floor(i / T) ? later : past)),
      [T, T],
    );
  const seen = mask(0, 1);
  const largest = b.max(b.add(scores, mask(Number.NEGATIVE_INFINITY, 0)), [3]);
  // What is not seen may be larger than all that is: its exponent is made zero before it can overflow.
  return b.mul(b.exp(b.mul(b.sub(scores, largest), seen)), seen);
}
