import { z } from "zod";
import { defineLayer } from "./define.js";

export const mean = defineLayer({
  kind: "mean",
  text: "Mean over one axis of a sample, which goes.",
  fields: () => ({ axis: z.int().nonnegative().default(0).describe("The axis, counted from 0.") }),
  build(scope, { axis }, x) {
    const { b } = scope;
    const length = x.shape[axis + 1];
    if (length === undefined) return scope.fail(`axis ${axis} is not among those of [${x.shape.slice(1)}]`);
    const sum = b.sum(x, [axis + 1]);
    return b.scale(
      b.reshape(
        sum,
        x.shape.filter((_, i) => i !== axis + 1),
      ),
      1 / length,
    );
  },
});
