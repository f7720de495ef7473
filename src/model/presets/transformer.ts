import { z } from "zod";
import { count } from "../layers/define.js";
import type { LayerConfig } from "../scope.js";
import { ACTIVATION, definePreset } from "./define.js";

export const transformer = definePreset({
  kind: "transformer",
  text: "Pre-norm encoder: h + attention(norm(h)), then h + mlp(norm(h)), block after block; mean over the tokens and an affine output.",
  fields: {
    width: count.default(16).describe("Length of a token's vector; a multiple of heads."),
    heads: count.default(2).describe("Heads of every attention."),
    blocks: count.default(2).describe("Blocks of attention and mlp."),
    mlp: count.exactOptional().describe("Width between the two layers of an mlp; 4·width if left out."),
    tokens: count
      .exactOptional()
      .describe("Number of tokens, where a sample [T] lists them; left out, samples [T, d] are vectors."),
    causal: z.boolean().default(false).describe("Whether a token sees itself and earlier ones only."),
  },
  axes: ({ tokens }) => (tokens === undefined ? ["T", "d"] : ["T"]),
  sizes: ["width", "mlp"],
  activation: { kind: "gelu" },
  init: { kind: "xavier-uniform", gain: 1, bias: "zeros" },
  layers({ width, heads, blocks, mlp = 4 * width, tokens, causal }) {
    const norm: LayerConfig = { kind: "layer-norm", epsilon: 1e-5, affine: true };
    const beside = (layers: readonly LayerConfig[]): LayerConfig => ({
      kind: "residual",
      layers: [norm, ...layers],
      shortcut: "identity",
      scale: 1,
    });
    const dense = (size: number): LayerConfig => ({ kind: "dense", width: size, bias: true });
    const entry = tokens === undefined ? dense(width) : { kind: "embedding", tokens, width };
    return [
      entry,
      { kind: "position-embedding" },
      {
        kind: "repeat",
        times: blocks,
        layers: [
          beside([{ kind: "attention", heads, causal }]),
          beside([dense(mlp), ACTIVATION, dense(width)]),
        ],
        shared: false,
      },
      norm,
      { kind: "mean", axis: 0 },
      { kind: "dense", bias: true },
    ];
  },
});
