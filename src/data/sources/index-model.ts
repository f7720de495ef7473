import { z } from "zod";
import { refuse } from "../samples.js";
import { normals, orthonormal } from "./directions.js";
import { count, defineSource, dimension, noise, samples } from "./source.js";

/** Functions of one projection; Hermite polynomials are the probabilists'. */
const LINKS = {
  relu: (z: number) => Math.max(0, z),
  sin: Math.sin,
  tanh: Math.tanh,
  hermite2: (z: number) => z * z - 1,
  hermite3: (z: number) => z ** 3 - 3 * z,
  hermite4: (z: number) => z ** 4 - 6 * z * z + 3,
} as const;
const NAMES = Object.keys(LINKS) as (keyof typeof LINKS)[];

export const indexModel = defineSource({
  kind: "index-model",
  text: "Normal inputs; the target depends on the projections w₁·x, … onto a few random orthonormal directions: the sum of link(w·x), or their product where link is product. One direction is a single-index model, more are a multi-index model.",
  fields: {
    samples,
    inputDimension: dimension,
    directions: count.default(1).describe("Number of directions, at most the input dimension."),
    link: z
      .enum([...NAMES, "product"])
      .default("relu")
      .describe("hermite2 is z² − 1, hermite3 z³ − 3z, hermite4 z⁴ − 6z² + 3."),
    labelNoise: noise("targets"),
  },
  hasClasses: false,
  load({ samples: n, inputDimension: d, directions, link, labelNoise }, { random }) {
    if (directions > d)
      refuse("directions", `must be at most dataset.inputDimension = ${d}, got ${directions}.`);
    const own = orthonormal(directions, d, random.split("directions"));
    const inputs = normals(n, d, random.split("inputs"));
    const off = random.split("labels");
    const targets = Float64Array.from({ length: n }, (_, i) => {
      const along = own.map((w) =>
        w.reduce((sum, value, k) => sum + value * (inputs[i * d + k] as number), 0),
      );
      const value =
        link === "product"
          ? along.reduce((p, z) => p * z, 1)
          : along.reduce((sum, z) => sum + LINKS[link](z), 0);
      return value + (labelNoise > 0 ? labelNoise * off.normal() : 0);
    });
    return {
      samples: n,
      inputShape: [d],
      inputs,
      labels: { kind: "numbers", targets, width: 1 },
    };
  },
});
