import { normals } from "./directions.js";
import { count, defineSource, dimension, noise, samples } from "./source.js";

export const inContextRegression = defineSource({
  kind: "in-context-regression",
  text: "Sequences for a transformer: each has a linear function y = w·x of its own, w ~ N(0, 1/N), and consists of pairs (x, y) and a last x whose y stands as 0 and is the target. A sample is [context + 1, N + 1] where it is not flattened.",
  fields: {
    samples,
    inputDimension: dimension,
    context: count.describe("Number of pairs that are shown."),
    labelNoise: noise("y that are shown"),
  },
  hasClasses: false,
  numbers: ({ samples: n, inputDimension, context }) => n * (context + 1) * (inputDimension + 1),
  load({ samples: n, inputDimension: d, context, labelNoise }, { random }) {
    const [points, laws, off] = ["inputs", "functions", "labels"].map((name) => random.split(name));
    const shape = [context + 1, d + 1];
    const inputs = new Float64Array(n * shape[0]! * shape[1]!);
    const targets = new Float64Array(n);
    let at = 0;
    for (let i = 0; i < n; i++) {
      const w = normals(1, d, laws!).map((value) => value / Math.sqrt(d));
      for (let row = 0; row <= context; row++, at += d + 1) {
        const x = normals(1, d, points!);
        const y = x.reduce((sum, value, k) => sum + value * (w[k] as number), 0);
        inputs.set(x, at);
        if (row === context) targets[i] = y;
        else inputs[at + d] = y + (labelNoise > 0 ? labelNoise * off!.normal() : 0);
      }
    }
    return {
      samples: n,
      inputShape: shape,
      inputs,
      labels: { kind: "numbers", targets, width: 1 },
    };
  },
});
