import { samplesFirst } from "./convolution.js";
import { defineLayer } from "./define.js";
import { poolFields, poolWindows } from "./pooling.js";

export const averagePool = defineLayer({
  kind: "average-pool",
  text: "Mean over windows: [C, H, W] → [C, ⌊(H−size)/stride⌋+1, …].",
  fields: poolFields,
  build(scope, fields, x) {
    const { b } = scope;
    const { spread, size, shape } = poolWindows(scope, fields, x);
    const [C, entries, n] = spread.shape as [number, number, number];
    const places = entries / size;
    const sums = b.sum(b.reshape(spread, [C, size, places, n]), [1]);
    return samplesFirst(scope, b.scale(b.reshape(sums, [C, places, n]), 1 / size), shape);
  },
});
