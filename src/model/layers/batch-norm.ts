import { defineLayer } from "./define.js";
import { epsilon, rescale, standardise } from "./normalisation.js";

export const batchNorm = defineLayer({
  kind: "batch-norm",
  text: "Per channel (the first axis of a sample) over all samples and positions: the full batch, so samples couple. Parameters: weight g, bias s, from 1 and 0.",
  fields: () => ({ epsilon }),
  build(scope, fields, x) {
    if (x.shape.length < 2) scope.fail("needs an axis of channels; the samples here are single numbers");
    const axes = x.shape.map((_, i) => i).filter((i) => i !== 1);
    return rescale(scope, standardise(scope, x, axes, fields.epsilon), 1);
  },
});
