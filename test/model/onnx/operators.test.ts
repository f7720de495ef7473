/** Every operator: values against ONNX's own reference implementation, gradients against differences of our values. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createReferenceEngine } from "../../../src/engine/index.js";
import { createFamily, importModel } from "../../../src/model/index.js";
import { operators } from "../../../src/model/onnx/registry.js";
import { decodeModel } from "../../../src/onnx/index.js";
import { randomVector } from "../../support/networks.js";

interface Case {
  readonly name: string;
  readonly couples: boolean;
  /** The same model with a batch axis of free length, and with one that is fixed at 1. */
  readonly free: string;
  readonly fixed: string;
  readonly shape: readonly number[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

const { cases } = JSON.parse(
  readFileSync(new URL("../../agreement/data/onnx-operators.json", import.meta.url), "utf8"),
) as { readonly cases: readonly Case[] };
const SAMPLES = 3;
const engine = createReferenceEngine();
const read = (model: string) => decodeModel(Buffer.from(model, "base64"));

describe.each(cases.map((one) => [one.name, one] as const))(
  "%s",
  (_, { couples, shape, inputs, outputs, ...models }) => {
    const x = Float64Array.from(inputs);
    test.each(["free", "fixed"] as const)("values, batch %s", async (batch) => {
      if (couples && batch === "fixed") {
        expect(() => importModel(read(models.fixed))).toThrow(
          /works across the samples, of which the file fixes 1/,
        );
        return;
      }
      const network = importModel(read(models[batch]));
      expect(network.coupled).toBe(couples);
      expect([SAMPLES, ...network.outputShape]).toEqual(shape);
      const program = await engine.compile(createFamily({ network, samples: SAMPLES, factor: 1 }).predict());
      const { output } = await program.run({ theta: network.start!, x });
      // Sums of at most 50 terms in another order than NumPy's.
      outputs.forEach((value, i) => {
        expect(Math.abs(output![i]! - value)).toBeLessThan(1e-13 * (1 + Math.abs(value)));
      });
    });

    test("the graph of one sample", async () => {
      if (couples) return;
      for (const batch of ["free", "fixed"] as const) {
        const network = importModel(read(models[batch]));
        const program = await engine.compile(createFamily({ network, samples: 1, factor: 1 }).predict());
        const { output } = await program.run({ theta: network.start!, x: x.subarray(0, x.length / SAMPLES) });
        // As above.
        output!.forEach((value, i) => {
          expect(Math.abs(value - outputs[i]!)).toBeLessThan(1e-13 * (1 + Math.abs(value)));
        });
      }
    });

    test("gradient", async () => {
      const network = importModel(read(models.free));
      const family = createFamily({ network, samples: SAMPLES, factor: 0.5 });
      const [gradient, loss] = await Promise.all([
        engine.compile(family.lossGradient("free")),
        engine.compile(family.loss()),
      ]);
      const theta = network.start!;
      const y = randomVector(5, SAMPLES * network.outputs);
      const direction = randomVector(6, theta.length);
      const at = async (h: number): Promise<number> => {
        const moved = theta.map((value, i) => value + h * direction[i]!);
        return (await loss.run({ theta: moved, x, y }))["loss"]![0]!;
      };
      const { gradient: found } = await gradient.run({ theta, x, y });
      const slope = found!.reduce((sum, value, i) => sum + value * direction[i]!, 0);
      // Central differences of fourth order, h = 1e-3: h⁴ of the fifth derivative, and rounding 1e-13 of the loss; no kink lies within h.
      const h = 1e-3;
      // One after the other: a program's results are overwritten by its next run.
      let difference = 0;
      for (const [steps, weight] of [
        [-2, 1],
        [-1, -8],
        [1, 8],
        [2, -1],
      ] as const)
        difference += (weight * (await at(steps * h))) / (12 * h);
      expect(Math.abs(slope - difference)).toBeLessThan(2e-8 * (1 + Math.abs(slope)));
    });
  },
);

test("every operator has a case", () => {
  const covered = new Set(cases.flatMap(({ free }) => read(free).nodes.map(({ operator }) => operator)));
  // Without values of their own, or of numbers that shape arithmetic alone makes.
  const folded =
    "Identity Constant ConstantOfShape Size Range CastLike Floor Ceil Round Sign IsNaN IsInf Mod Trilu";
  const masks = "GreaterOrEqual Less LessOrEqual Equal And Or Xor Not ReduceProd Swish";
  const rest = new Set([...folded.split(" "), ...masks.split(" ")]);
  expect(Object.keys(operators).filter((name) => !covered.has(name) && !rest.has(name))).toEqual([]);
});
