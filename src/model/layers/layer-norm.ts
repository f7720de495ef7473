import { z } from "zod";
import { defineLayer } from "./define.js";
import { epsilon, rescale, standardise } from "./normalisation.js";

export const layerNorm = defineLayer({
  kind: "layer-norm",
  text: "(x − μ)/√(biased variance + ε)·g + s over the last axis. Parameters: weight g [d], bias s [d], from 1 and 0.",
  fields: () => ({
    epsilon,
    affine: z.boolean().default(true).describe("Whether g and s are there."),
  }),
  build(scope, fields, x) {
    if (x.shape.length < 2) scope.fail("needs an axis to work on; the samples here are single numbers");
    const axis = x.shape.length - 1;
    const standard = standardise(scope, x, [axis], fields.epsilon);
    return fields.affine ? rescale(scope, standard, axis) : standard;
  },
});
