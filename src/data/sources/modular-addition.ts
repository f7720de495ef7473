import { z } from "zod";
import { count, defineSource, subset } from "./source.js";

export const modularAddition = defineSource({
  kind: "modular-addition",
  text: "All pairs (a, b) of numbers below the modulus p; the class is a + b modulo p. With `split` the rest is the test.",
  fields: {
    modulus: count.min(2).max(2000).describe("p; there are p² samples."),
    inputs: z
      .enum(["one-hot", "tokens"])
      .default("one-hot")
      .describe(
        "one-hot: two blocks of p numbers; tokens: the numbers a and b, for an embedding (set flatten: false).",
      ),
    samples: subset,
  },
  hasClasses: true,
  numbers: ({ modulus, inputs }) => modulus ** 2 * (inputs === "tokens" ? 2 : 2 * modulus),
  load({ modulus: p, inputs: form }) {
    const n = p * p;
    const width = form === "tokens" ? 2 : 2 * p;
    const inputs = new Float64Array(n * width);
    const classes = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      const [a, b] = [Math.floor(i / p), i % p];
      classes[i] = (a + b) % p;
      if (form === "tokens") inputs.set([a, b], 2 * i);
      else {
        inputs[i * width + a] = 1;
        inputs[i * width + p + b] = 1;
      }
    }
    return {
      samples: n,
      inputShape: [width],
      inputs,
      labels: { kind: "classes", classes, count: p },
    };
  },
});
