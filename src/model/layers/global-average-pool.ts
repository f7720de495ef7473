import { sizeOf } from "../../graph/index.js";
import { defineLayer } from "./define.js";

export const globalAveragePool = defineLayer({
  kind: "global-average-pool",
  text: "Mean over all positions: [C, ...] → [C].",
  fields: () => ({}),
  build(scope, _, x) {
    const { b } = scope;
    const [n, C, ...sizes] = x.shape as [number, number, ...number[]];
    if (sizes.length === 0) scope.fail(`takes samples of shape [C, ...], got [${x.shape.slice(1)}]`);
    const sum = b.sum(b.reshape(x, [n, C, sizeOf(sizes)]), [2]);
    return b.scale(b.reshape(sum, [n, C]), 1 / sizeOf(sizes));
  },
});
