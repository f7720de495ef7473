/** Functions of signs: sparse parity and staircases. */
import { ConfigError } from "../../errors.js";
import { signs } from "./directions.js";
import { count, defineSource, dimension, samples } from "./source.js";

function requireBits(bits: number, dimension: number): void {
  if (bits > dimension)
    throw new ConfigError([
      {
        path: "dataset.bits",
        message: `must be at most dataset.inputDimension = ${dimension}, got ${bits}.`,
      },
    ]);
}

const bits = (text: string) => count.describe(text);

export const sparseParity = defineSource({
  kind: "sparse-parity",
  text: "Inputs of signs ±1; class 1 where the product of the first `bits` of them is +1.",
  fields: { samples, inputDimension: dimension, bits: bits("How many signs count.") },
  hasClasses: true,
  load({ samples: n, inputDimension: d, bits: k }, { random }) {
    requireBits(k, d);
    const inputs = signs(n, d, random.split("inputs"));
    const classes = Float64Array.from({ length: n }, (_, i) =>
      inputs.subarray(i * d, i * d + k).reduce((product, sign) => product * sign, 1) > 0 ? 1 : 0,
    );
    return {
      ...{ samples: n, inputShape: [d], inputs, range: null, notes: [] },
      labels: { kind: "classes", classes, count: 2 },
    };
  },
});

export const staircase = defineSource({
  kind: "staircase",
  text: "Inputs of signs ±1; the target is x₁ + x₁x₂ + … + x₁⋯x_bits, each step of which leads to the next.",
  fields: { samples, inputDimension: dimension, bits: bits("Number of steps.") },
  hasClasses: false,
  load({ samples: n, inputDimension: d, bits: k }, { random }) {
    requireBits(k, d);
    const inputs = signs(n, d, random.split("inputs"));
    const targets = Float64Array.from({ length: n }, (_, i) => {
      let [product, sum] = [1, 0];
      for (let j = 0; j < k; j++) {
        product *= inputs[i * d + j] as number;
        sum += product;
      }
      return sum;
    });
    return {
      ...{ samples: n, inputShape: [d], inputs, range: null, notes: [] },
      labels: { kind: "numbers", targets, width: 1 },
    };
  },
});
