/** Initial parameters by PyTorch's names and formulas (torch.nn.init), drawn layer by layer from one stream. */
import { atOnce, STRIDE, type Steps } from "../pace.js";
import type { Random } from "../random.js";
import { type Layer, layoutOf, type NetworkSpec } from "./network.js";

export type BiasInit = "zeros" | "uniform";

export type InitSpec =
  | { readonly kind: "kaiming-uniform" | "kaiming-normal"; readonly a: number; readonly bias: BiasInit }
  | { readonly kind: "xavier-uniform" | "xavier-normal"; readonly gain: number; readonly bias: BiasInit }
  | { readonly kind: "normal"; readonly std: number; readonly bias: BiasInit };

/** Draws θ, in the order of `layoutOf`. Each layer has its own stream, so that adding one does not reshuffle the others. */
export function initialise(spec: NetworkSpec, init: InitSpec, random: Random): Float64Array {
  return atOnce(initialising(spec, init, random));
}

/** The same with pauses. */
export function* initialising(spec: NetworkSpec, init: InitSpec, random: Random): Steps<Float64Array> {
  const layout = layoutOf(spec);
  const theta = new Float64Array(layout.size);
  for (const [l, layer] of layout.layers.entries()) {
    const draw = weightSampler(init, layer, random.split(`layer-${l}`));
    const count = layer.fanIn * layer.fanOut;
    for (let from = 0; from < count; from += STRIDE) {
      const to = Math.min(count, from + STRIDE);
      for (let i = from; i < to; i++) theta[layer.weights + i] = draw();
      yield;
    }
    if (layer.bias !== null && init.bias === "uniform") {
      const range = 1 / Math.sqrt(layer.fanIn);
      const biases = random.split(`bias-${l}`);
      for (let i = 0; i < layer.fanOut; i++) theta[layer.bias + i] = range * (2 * biases.uniform() - 1);
    }
    if (layer.slope !== null && spec.activation.kind === "prelu") theta[layer.slope] = spec.activation.slope;
  }
  return theta;
}

function weightSampler(init: InitSpec, { fanIn, fanOut }: Layer, random: Random): () => number {
  const uniform = (range: number) => () => range * (2 * random.uniform() - 1);
  const normal = (std: number) => () => std * random.normal();
  switch (init.kind) {
    case "kaiming-uniform":
      return uniform(Math.sqrt(6 / ((1 + init.a ** 2) * fanIn)));
    case "kaiming-normal":
      return normal(Math.sqrt(2 / ((1 + init.a ** 2) * fanIn)));
    case "xavier-uniform":
      return uniform(init.gain * Math.sqrt(6 / (fanIn + fanOut)));
    case "xavier-normal":
      return normal(init.gain * Math.sqrt(2 / (fanIn + fanOut)));
    case "normal":
      return normal(init.std);
  }
}
