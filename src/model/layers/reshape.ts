import { z } from "zod";
import { sizeOf } from "../../graph/index.js";
import { count, defineLayer } from "./define.js";

export const reshape = defineLayer({
  kind: "reshape",
  text: "The entries of a sample in another shape, row-major.",
  fields: () => ({ shape: z.array(count).min(1).describe("The new shape of a sample.") }),
  build(scope, { shape }, x) {
    const own = x.shape.slice(1);
    if (sizeOf(shape) !== sizeOf(own))
      scope.fail(`[${own}] has ${sizeOf(own)} entries, [${shape}] takes ${sizeOf(shape)}`);
    return scope.b.reshape(x, [x.shape[0] as number, ...shape]);
  },
});
