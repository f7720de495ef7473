/** The three first architectures: fully connected, residual, graph convolutional. */
import { z } from "zod";
import { bias, count } from "../layers/define.js";
import type { LayerConfig } from "../scope.js";
import { ACTIVATION, definePreset } from "./define.js";

const fields = {
  hidden: z.array(count).describe("Widths of the hidden layers, first to last. [] is one affine layer."),
  bias: bias.describe("Whether the layers have biases."),
};

const affine = (kind: string, withBias: boolean, width?: number): LayerConfig => ({
  kind,
  bias: withBias,
  ...(width !== undefined && { width }),
});

const chain = (kind: string, { hidden, bias: own }: { hidden: readonly number[]; bias: boolean }) => [
  ...hidden.flatMap((width) => [affine(kind, own, width), ACTIVATION]),
  affine(kind, own),
];

export const dnn = definePreset({
  kind: "dnn",
  text: "Fully connected: h_l = σ(W_l h_{l−1} + b_l), affine output.",
  fields,
  axes: ["N"],
  sizes: ["hidden"],
  layers: (own) => chain("dense", own),
  spec: (own, { inputShape: [inputDimension = 0], outputs: outputDimension }) => ({
    ...{ kind: "dnn", ...own, inputDimension, outputDimension },
  }),
});

export const resnet = definePreset({
  kind: "resnet",
  text: "Residual: h_l = h_{l−1} + σ(W_l h_{l−1} + b_l), affine output. All hidden widths are equal; where they differ from the data's input dimension, an affine input layer comes first.",
  fields,
  axes: ["N"],
  sizes: ["hidden"],
  check({ hidden }) {
    if (hidden.length === 0)
      return [{ field: "hidden", message: "must have at least one width in a resnet, got an empty list." }];
    const message = `must have equal widths in a resnet (h_l = h_{l−1} + …), got [${hidden.join(", ")}].`;
    return hidden.some((width) => width !== hidden[0]) ? [{ field: "hidden", message }] : [];
  },
  layers({ hidden, bias: own }, { inputShape: [inputDimension] }) {
    const [width] = hidden;
    const blocks = hidden.map(
      (size): LayerConfig => ({
        kind: "residual",
        layers: [affine("dense", own, size), ACTIVATION],
        shortcut: "identity",
        scale: 1,
      }),
    );
    const entry = width !== undefined && width !== inputDimension ? [affine("dense", own, width)] : [];
    return [...entry, ...blocks, affine("dense", own)];
  },
  spec: (own, { inputShape: [inputDimension = 0], outputs: outputDimension }) => ({
    ...{ kind: "resnet", ...own, inputDimension, outputDimension },
  }),
});

/** k of a gcn that says nothing else. */
export const DEFAULT_NEIGHBOURS = 10;

export const gcn = definePreset({
  kind: "gcn",
  text: "Graph convolution: H_l = σ(Â H_{l−1} W_l + b_l), affine output Â H W + b, one node per sample.",
  fields: {
    ...fields,
    neighbours: count
      .default(DEFAULT_NEIGHBOURS)
      .describe(
        "k of the k-nearest-neighbour graph built from the inputs, where dataset.graph names none; below the number of samples.",
      ),
  },
  axes: ["N"],
  sizes: ["hidden"],
  layers: (own) => chain("gcn-conv", own),
  spec: ({ hidden, bias: own }, { inputShape: [inputDimension = 0], outputs: outputDimension }) => ({
    ...{ kind: "gcn", hidden, bias: own, inputDimension, outputDimension },
  }),
});
