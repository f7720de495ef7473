/** Networks for images [C, H, W]. */
import { z } from "zod";
import { bias, count } from "../layers/define.js";
import { type LayerConfig, LayerError } from "../scope.js";
import { ACTIVATION, definePreset } from "./define.js";

const kernel = count.default(3).describe("Size of the convolutions' windows.");
const own = bias.describe("Whether the layers have biases.");
const AXES = ["C", "H", "W"] as const;

const convolution = (channels: number, size: number, withBias: boolean, groups = 1): LayerConfig => ({
  kind: "conv2d",
  channels,
  kernel: size,
  stride: 1,
  padding: "same",
  groups,
  bias: withBias,
});
const output = (withBias: boolean): LayerConfig => ({ kind: "dense", bias: withBias });

export const cnn = definePreset({
  kind: "cnn",
  text: "Convolutions, each with its activation and a pooling, then an affine output.",
  fields: {
    channels: z.array(count).min(1).default([8, 8]).describe("Channels of each convolution, first to last."),
    kernel,
    pool: z
      .enum(["max", "average", "none"])
      .default("max")
      .describe("The pooling after each activation, over windows of 2 × 2."),
    bias: own,
  },
  axes: AXES,
  sizes: ["channels"],
  layers({ channels, kernel: size, pool, bias: withBias }) {
    const pooling: LayerConfig[] = pool === "none" ? [] : [{ kind: `${pool}-pool`, size: 2 }];
    return [
      ...channels.flatMap((width) => [convolution(width, size, withBias), ACTIVATION, ...pooling]),
      { kind: "flatten" },
      output(withBias),
    ];
  },
});

export const convResnet = definePreset({
  kind: "conv-resnet",
  text: "A convolution, then residual blocks h + σ(conv(h)), the mean over positions and an affine output.",
  fields: {
    channels: count.default(8).describe("Channels of all convolutions."),
    blocks: count.default(3).describe("Residual blocks."),
    kernel,
    bias: own,
  },
  axes: AXES,
  sizes: ["channels"],
  layers({ channels, blocks, kernel: size, bias: withBias }) {
    const block: LayerConfig = {
      kind: "residual",
      layers: [convolution(channels, size, withBias), ACTIVATION],
      shortcut: "identity",
      scale: 1,
    };
    return [
      convolution(channels, size, withBias),
      { kind: "repeat", times: blocks, layers: [block], shared: false },
      { kind: "global-average-pool" },
      output(withBias),
    ];
  },
});

export const uNet = definePreset({
  kind: "u-net",
  text: "Convolutions down to half the size and up again, each level joined with what it had on the way down; one number per position of the output channels.",
  fields: {
    channels: count.default(4).describe("Channels of the first level; each level down has twice as many."),
    depth: count.default(2).describe("Levels below the first; 2^depth divides H and W."),
    kernel,
    bias: own,
  },
  axes: AXES,
  sizes: ["channels"],
  layers({ channels, depth, kernel: size, bias: withBias }, { inputShape, outputs }) {
    const [, H = 1, W = 1] = inputShape;
    const divisor = 2 ** depth;
    if (H % divisor !== 0 || W % divisor !== 0)
      throw new LayerError(
        "",
        `a u-net of depth ${depth} halves H and W ${depth} times: 2^depth = ${divisor} must divide them, the data have [${inputShape.join(", ")}]; lower model.depth, or cut or pad the images`,
      );
    const block = (width: number): LayerConfig[] => [convolution(width, size, withBias), ACTIVATION];
    const level = (k: number): LayerConfig[] => {
      const width = channels * 2 ** k;
      if (k === depth) return block(width);
      const below: LayerConfig[] = [
        { kind: "average-pool", size: 2 },
        ...level(k + 1),
        { kind: "transposed-conv2d", channels: width, kernel: 2, bias: withBias },
      ];
      return [
        ...block(width),
        { kind: "parallel", branches: [[], below], join: "concat", axis: 0 },
        ...block(width),
      ];
    };
    // As many channels as the targets have per position; targets of another size end in an affine layer.
    const perPosition = outputs / (H * W);
    const end: LayerConfig[] = Number.isInteger(perPosition)
      ? [convolution(perPosition, 1, withBias), { kind: "flatten" }]
      : [{ kind: "flatten" }, output(withBias)];
    return [...level(0), ...end];
  },
});

export const mobilenet = definePreset({
  kind: "mobilenet",
  text: "A convolution, then depthwise and pointwise ones in turn, the mean over positions and an affine output.",
  fields: {
    channels: z
      .array(count)
      .min(1)
      .default([8, 8, 16])
      .describe("Channels of the first convolution and of each pointwise one."),
    kernel,
    bias: own,
  },
  axes: AXES,
  sizes: ["channels"],
  activation: { kind: "relu6" },
  layers({ channels: [first, ...rest], kernel: size, bias: withBias }) {
    let width = first as number;
    const separable = rest.flatMap((next) => {
      const layers = [
        convolution(width, size, withBias, width),
        ACTIVATION,
        convolution(next, 1, withBias),
        ACTIVATION,
      ];
      width = next;
      return layers;
    });
    return [
      convolution(first as number, size, withBias),
      ACTIVATION,
      ...separable,
      { kind: "global-average-pool" },
      output(withBias),
    ];
  },
});
