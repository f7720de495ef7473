import { sizeOf } from "../../graph/index.js";
import { bias, defineLayer, width } from "./define.js";

export const dense = defineLayer({
  kind: "dense",
  takesWidth: true,
  text: "Affine on the last axis: [..., d] → [..., width]. Parameters: weight [d, width], bias [width].",
  fields: () => ({ width, bias }),
  build(scope, fields, x) {
    const { b } = scope;
    const out =
      fields.width ?? scope.fail("needs a width; only the last layer of a network may leave it out");
    if (x.shape.length < 2) scope.fail("needs an axis to work on; the samples here are single numbers");
    const d = x.shape[x.shape.length - 1] as number;
    const z = scope.affine(b.reshape(x, [sizeOf(x.shape) / d, d]), out, fields.bias);
    return b.reshape(z, [...x.shape.slice(0, -1), out]);
  },
});
