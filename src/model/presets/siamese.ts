import { z } from "zod";
import { bias, count } from "../layers/define.js";
import { joinFields } from "../layers/join.js";
import { ACTIVATION, definePreset } from "./define.js";

export const siamese = definePreset({
  kind: "siamese",
  text: "One fully connected network on both halves of a sample [2, N], their results joined, then an affine output.",
  fields: {
    hidden: z
      .array(count)
      .min(1)
      .describe("Widths of the shared layers, first to last; each with its activation."),
    join: joinFields.join.default("absolute-difference"),
    bias: bias.describe("Whether the layers have biases."),
  },
  axes: ["2", "N"],
  sizes: ["hidden"],
  layers({ hidden, join, bias: own }) {
    const layers = hidden.flatMap((width) => [{ kind: "dense", width, bias: own }, ACTIVATION]);
    return [
      { kind: "siamese", layers, join, axis: 0 },
      { kind: "dense", bias: own },
    ];
  },
});
