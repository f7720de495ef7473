import { unitVector } from "./directions.js";
import { count, defineSource, dimension, positive, samples } from "./source.js";

export const sphere = defineSource({
  kind: "sphere",
  text: "Inputs uniform on a sphere around 0, normal labels.",
  fields: {
    samples,
    inputDimension: dimension,
    outputDimension: count.default(1).describe("Output dimension M."),
    radius: positive.default(1).describe("Radius of the sphere."),
    labelScale: positive.default(1).describe("Standard deviation of the labels."),
  },
  hasClasses: false,
  load({ samples: n, inputDimension: d, outputDimension, radius, labelScale }, { random }) {
    const [own, labels] = [random.split("inputs"), random.split("labels")];
    const inputs = new Float64Array(n * d);
    for (let i = 0; i < n; i++)
      inputs.set(
        unitVector(d, own).map((value) => radius * value),
        i * d,
      );
    const targets = Float64Array.from({ length: n * outputDimension }, () => labelScale * labels.normal());
    return {
      samples: n,
      inputShape: [d],
      inputs,
      labels: { kind: "numbers", targets, width: outputDimension },
    };
  },
});
