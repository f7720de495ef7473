import { z } from "zod";
import { refuse } from "../samples.js";
import { normals, orthonormal } from "./directions.js";
import { count, defineSource, dimension, noise, positive, samples } from "./source.js";

export const linear = defineSource({
  kind: "linear",
  text: "Targets y = A x of a linear map with given singular values and random singular vectors.",
  fields: {
    samples,
    inputDimension: dimension,
    outputDimension: count.describe("Output dimension M."),
    spectrum: z
      .array(positive)
      .min(1)
      .describe("The singular values of A that are not zero, at most min(N, M)."),
    white: z
      .boolean()
      .default(false)
      .describe(
        "Whether the inputs have Σxxᵀ/n = 1 exactly, which takes n ≥ N; else they are standard normal.",
      ),
    labelNoise: noise("targets"),
  },
  hasClasses: false,
  load({ samples: n, inputDimension: d, outputDimension: m, spectrum, white, labelNoise }, { random }) {
    if (spectrum.length > Math.min(d, m))
      refuse(
        "spectrum",
        `has ${spectrum.length} values, and a map from ${d} to ${m} numbers at most ${Math.min(d, m)}.`,
      );
    if (white && n < d)
      refuse("samples", `must be at least dataset.inputDimension = ${d} for white inputs, got ${n}.`);
    const [right, left] = [
      orthonormal(spectrum.length, d, random.split("right")),
      orthonormal(spectrum.length, m, random.split("left")),
    ];
    const own = random.split("inputs");
    let inputs: Float64Array;
    if (white) {
      // Columns orthogonal over the samples.
      const columns = orthonormal(d, n, own);
      inputs = Float64Array.from(
        { length: n * d },
        (_, at) => Math.sqrt(n) * (columns[at % d]![Math.floor(at / d)] as number),
      );
    } else inputs = normals(n, d, own);
    const off = random.split("labels");
    const targets = new Float64Array(n * m);
    for (let i = 0; i < n; i++) {
      for (const [r, s] of spectrum.entries()) {
        const along = right[r]!.reduce((sum, value, k) => sum + value * (inputs[i * d + k] as number), 0);
        for (let j = 0; j < m; j++) targets[i * m + j]! += s * along * (left[r]![j] as number);
      }
      if (labelNoise > 0) for (let j = 0; j < m; j++) targets[i * m + j]! += labelNoise * off.normal();
    }
    return {
      samples: n,
      inputShape: [d],
      inputs,
      labels: { kind: "numbers", targets, width: m },
    };
  },
});
