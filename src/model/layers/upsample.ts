import { count, defineLayer, sampleShape } from "./define.js";
import { checkIndices } from "./windows.js";

export const upsample = defineLayer({
  kind: "upsample",
  text: "Nearest neighbour: [C, H, W] → [C, factor·H, factor·W].",
  fields: () => ({ factor: count.default(2).describe("Copies of every row and column.") }),
  build(scope, { factor }, x) {
    const { b } = scope;
    const [C, H, W] = sampleShape(scope, x, ["C", "H", "W"]) as [number, number, number];
    const n = x.shape[0] as number;
    const wide = W * factor;
    checkIndices(scope, H * factor * wide, `[${H * factor}, ${wide}] positions`);
    const indices = Int32Array.from(
      { length: H * factor * wide },
      (_, i) => Math.floor(i / wide / factor) * W + Math.floor((i % wide) / factor),
    );
    return b.reshape(b.gather(b.reshape(x, [n * C, H * W]), 1, indices), [n, C, H * factor, wide]);
  },
});
