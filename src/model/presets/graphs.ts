/** Networks over a graph between the samples, beside the gcn. */
import { z } from "zod";
import { bias, count } from "../layers/define.js";
import { ACTIVATION, definePreset } from "./define.js";

const hidden = z.array(count).describe("Widths of the hidden layers, first to last.");
const own = bias.describe("Whether the layers have biases.");

export const chebNet = definePreset({
  kind: "cheb-net",
  text: "Chebyshev convolutions over the data's graph (dataset.graph), one node per sample; affine output of the same kind.",
  fields: {
    hidden,
    order: count.default(3).describe("Chebyshev polynomials of each layer."),
    bias: own,
  },
  axes: ["N"],
  sizes: ["hidden"],
  layers({ hidden: widths, order, bias: withBias }) {
    const layer = { kind: "cheb-conv", order, lambdaMax: 2, bias: withBias };
    return [...widths.flatMap((width) => [{ ...layer, width }, ACTIVATION]), layer];
  },
});

export const graphConvNet = definePreset({
  kind: "graph-conv-net",
  text: "Graph convolutions with a root and a sum over neighbours (dataset.graph), one node per sample; affine output of the same kind.",
  fields: { hidden, bias: own },
  axes: ["N"],
  sizes: ["hidden"],
  layers({ hidden: widths, bias: withBias }) {
    const layer = { kind: "graph-conv", bias: withBias };
    return [...widths.flatMap((width) => [{ ...layer, width }, ACTIVATION]), layer];
  },
});
