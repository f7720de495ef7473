/** Functions of signs: sparse parity and staircases. */
import type { Random } from "../../random.js";
import { refuse } from "../samples.js";
import { signs } from "./directions.js";
import { count, defineSource, dimension, samples } from "./source.js";

const fields = (bits: string) => ({ samples, inputDimension: dimension, bits: count.describe(bits) });

function drawSigns(
  { samples: n, inputDimension: d, bits }: Record<"samples" | "inputDimension" | "bits", number>,
  random: Random,
) {
  if (bits > d) refuse("bits", `must be at most dataset.inputDimension = ${d}, got ${bits}.`);
  const inputs = signs(n, d, random.split("inputs"));
  /** Those signs of a sample that count. */
  const counting = Array.from({ length: n }, (_, i) => inputs.subarray(i * d, i * d + bits));
  return { drawn: { samples: n, inputShape: [d], inputs }, counting };
}

export const sparseParity = defineSource({
  kind: "sparse-parity",
  text: "Inputs of signs ±1; class 1 where the product of the first `bits` of them is +1.",
  fields: fields("How many signs count."),
  hasClasses: true,
  load(spec, { random }) {
    const { drawn, counting } = drawSigns(spec, random);
    const classes = Float64Array.from(counting, (own) =>
      own.reduce((product, sign) => product * sign, 1) > 0 ? 1 : 0,
    );
    return { ...drawn, labels: { kind: "classes", classes, count: 2 } };
  },
});

export const staircase = defineSource({
  kind: "staircase",
  text: "Inputs of signs ±1; the target is x₁ + x₁x₂ + … + x₁⋯x_bits, each step of which leads to the next.",
  fields: fields("Number of steps."),
  hasClasses: false,
  load(spec, { random }) {
    const { drawn, counting } = drawSigns(spec, random);
    const targets = Float64Array.from(counting, (own) => {
      let [product, sum] = [1, 0];
      for (const sign of own) {
        product *= sign;
        sum += product;
      }
      return sum;
    });
    return { ...drawn, labels: { kind: "numbers", targets, width: 1 } };
  },
});
