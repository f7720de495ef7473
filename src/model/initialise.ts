/** Initial parameters by PyTorch's names and formulas (torch.nn.init), drawn parameter by parameter. */
import { atOnce, STRIDE, type Steps } from "../pace.js";
import type { Random } from "../random.js";
import type { InitSpec, Law, Layout } from "./parameters.js";

/** Draws θ. Every weight has its own stream, numbered in order, so that adding one does not reshuffle the others. */
export function initialise(layout: Layout, init: InitSpec, random: Random): Float64Array {
  return atOnce(initialising(layout, init, random));
}

/** The same with pauses. */
export function* initialising(
  { parameters, size }: Layout,
  init: InitSpec,
  random: Random,
): Steps<Float64Array> {
  const theta = new Float64Array(size);
  let weights = -1;
  for (const { law, offset, size: length, init: own, name } of parameters) {
    if (law.kind === "weight") weights++;
    const draw = sampler(law, own ?? init, (kind) =>
      random.split(kind === "normal" ? name : `${kind}-${Math.max(weights, 0)}`),
    );
    for (let from = 0; from < length; from += STRIDE) {
      const to = Math.min(length, from + STRIDE);
      for (let i = from; i < to; i++) theta[offset + i] = draw();
      yield;
    }
  }
  return theta;
}

function sampler(
  law: Law,
  init: InitSpec,
  stream: (kind: "layer" | "bias" | "normal") => Random,
): () => number {
  const uniform = (range: number, random: Random) => () => range * (2 * random.uniform() - 1);
  const normal = (std: number, random: Random) => () => std * random.normal();
  switch (law.kind) {
    case "constant":
      return () => law.value;
    case "normal":
      return normal(law.std, stream("normal"));
    case "bias":
      return init.bias === "zeros" ? () => 0 : uniform(1 / Math.sqrt(law.fanIn), stream("bias"));
  }
  const { fanIn, fanOut } = law;
  const random = stream("layer");
  switch (init.kind) {
    case "kaiming-uniform":
      return uniform(Math.sqrt(6 / ((1 + init.a ** 2) * fanIn)), random);
    case "kaiming-normal":
      return normal(Math.sqrt(2 / ((1 + init.a ** 2) * fanIn)), random);
    case "xavier-uniform":
      return uniform(init.gain * Math.sqrt(6 / (fanIn + fanOut)), random);
    case "xavier-normal":
      return normal(init.gain * Math.sqrt(2 / (fanIn + fanOut)), random);
    case "normal":
      return normal(init.std, random);
  }
}
