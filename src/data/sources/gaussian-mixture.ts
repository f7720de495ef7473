import { unitVector } from "./directions.js";
import { count, defineSource, dimension, positive, samples } from "./source.js";

export const gaussianMixture = defineSource({
  kind: "gaussian-mixture",
  text: "A class for each normal cloud, by turns; the clouds' centres are drawn from a sphere around 0.",
  fields: {
    samples,
    inputDimension: dimension,
    clusters: count.min(2).default(2).describe("Number of clouds."),
    separation: positive.default(3).describe("Distance of every centre from 0."),
    std: positive.default(1).describe("Standard deviation of a cloud in every direction."),
  },
  hasClasses: true,
  load({ samples: n, inputDimension: d, clusters, separation, std }, { random }) {
    const centres = Array.from({ length: clusters }, () => unitVector(d, random));
    const cloud = random.split("inputs");
    const inputs = new Float64Array(n * d);
    for (let i = 0; i < n; i++)
      for (let k = 0; k < d; k++)
        inputs[i * d + k] = separation * (centres[i % clusters]![k] as number) + std * cloud.normal();
    return {
      samples: n,
      inputShape: [d],
      inputs,
      labels: {
        kind: "classes",
        classes: Float64Array.from({ length: n }, (_, i) => i % clusters),
        count: clusters,
      },
    };
  },
});
