import { defineLayer } from "./define.js";
import { poolFields, poolWindows } from "./pooling.js";

export const averagePool = defineLayer({
  kind: "average-pool",
  text: "Mean over windows: [C, H, W] → [C, ⌊(H−size)/stride⌋+1, …].",
  fields: poolFields,
  build(scope, fields, x) {
    const { b } = scope;
    const { parts, shape } = poolWindows(scope, fields, x);
    const sum = parts.reduce((p, q) => b.add(p, q));
    return b.reshape(b.scale(sum, 1 / parts.length), shape);
  },
});
