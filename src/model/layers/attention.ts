import { z } from "zod";
import type { Node } from "../../graph/index.js";
import { count, defineLayer, sampleShape } from "./define.js";

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
    if (d % heads !== 0) scope.fail(`heads ${heads} must divide the width ${d}`);
    const size = d / heads;
    const project = (name: string, rows: Node): Node => scope.within(name).affine(rows, d, true);
    const rows = b.reshape(x, [n * T, d]);
    const split = (name: string): Node =>
      b.transpose(b.reshape(project(name, rows), [n, T, heads, size]), [0, 2, 1, 3]);
    const [query, key, value] = [split("query"), split("key"), split("value")];
    let scores = b.scale(b.matmul(query, key, { transposeB: true }), 1 / Math.sqrt(size));
    if (causal) {
      const mask = Float64Array.from({ length: T * T }, (_, i) =>
        i % T > Math.floor(i / T) ? Number.NEGATIVE_INFINITY : 0,
      );
      scores = b.add(scores, b.constant(mask, [T, T]));
    }
    const exponentials = b.exp(b.sub(scores, b.max(scores, [3])));
    const shares = b.div(exponentials, b.sum(exponentials, [3]));
    const mixed = b.transpose(b.matmul(shares, value), [0, 2, 1, 3]);
    return b.reshape(project("output", b.reshape(mixed, [n * T, d])), [n, T, d]);
  },
});
