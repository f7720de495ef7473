/** The central flow beside the code that one of its authors published in JAX, on networks whose descent oscillates at the edge of stability; data/central_flow.py ran that. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import { createBeside, createProblem, fields, GRADIENT } from "../../src/flow/index.js";
import { Memory } from "../../src/memory.js";
import { createFamily, presetNetwork } from "../../src/model/index.js";
import { distance } from "../flow/runs.js";

interface Published {
  readonly learningRate: number;
  /** Eigenvalues at 2/η. */
  readonly tracked: number;
  readonly steps: number;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly theta0: readonly number[];
  readonly theta: readonly number[];
  /** The mean of descent over 40 steps about the last. */
  readonly descent: readonly number[];
  readonly variance: number;
  /** λ_max where each step but the first began. */
  readonly sharpness: readonly number[];
  readonly cost: Readonly<Record<"gradients" | "hessianProducts" | "thirdDerivatives", number>>;
}

const cases = JSON.parse(
  readFileSync(new URL("data/central-flow.json", import.meta.url), "utf8"),
) as readonly Published[];

test.each(cases.map((found) => [found.tracked, found] as const))("k = %d", async (k, found) => {
  const { learningRate, steps } = found;
  const samples = found.y.length;
  const network = presetNetwork({
    ...{ kind: "dnn", inputDimension: 5, hidden: [16, 16], outputDimension: 1, bias: true },
    activation: { kind: "tanh" },
  } as const);
  const family = createFamily({ network, samples, factor: 1 / (2 * samples) });
  const problem = await createProblem(createReferenceEngine(), family, {
    x: Float64Array.from(found.x),
    y: Float64Array.from(found.y),
  });
  const theta0 = Float64Array.from(found.theta0);
  const theirs = Float64Array.from(found.theta);
  const central = await createBeside(
    fields.find(({ name }) => name === "central")!,
    { top: 10 },
    {
      ...{ problem, theta0, learningRate, law: GRADIENT, seed: 0, memory: new Memory() },
      solver: { method: "euler", stepSize: learningRate, maxSteps: steps },
      ...{ times: [steps * learningRate], programs: new Map() },
    },
  );
  expect(await central.reach(steps, steps * learningRate)).toBe(true);
  const price = {
    hessianProduct: problem.priceOf(family.hessianProduct("free")),
    thirdDerivative: problem.priceOf(family.thirdDerivative()),
  };
  const { gradients, hessianProducts, thirdDerivatives } = found.cost;
  const theirCost =
    gradients + price.hessianProduct * hessianProducts + price.thirdDerivative * thirdDerivatives;
  // Theirs takes four steps of Euler's method for each of descent, ours two of Heun's: measured 2.1e-3 and 1.6e-3 of the way.
  expect(distance(central.theta, theirs) / distance(theirs, theta0)).toBeLessThan(5e-3);
  // Both are as far from descent's mean, 4.8 and 18 per cent of the way: to 2e-4 of that.
  const miss = distance(theirs, found.descent);
  expect(distance(central.theta, found.descent) / miss).toBeCloseTo(1, 2);
  const said = await central.predict();
  const swings = Object.keys(said).filter((name) => /^variance\.\d/.test(name) && said[name]! > 0);
  expect(swings).toHaveLength(k);
  // Measured 2.4e-3 and 2.9e-3, of Σ in the last substep.
  expect(said.variance! / found.variance).toBeCloseTo(1, 2);
  expect((said["eigenvalue.1"]! * learningRate) / 2).toBeCloseTo(1, 4);
  // Theirs comes to 2/η within its first steps, where it begins 0.6 per cent below, and stays to 2e-6.
  expect((found.sharpness.at(-1)! * learningRate) / 2).toBeCloseTo(1, 4);
  // Theirs looks for eigenvalues before each of its four steps, to 1e-5. Measured: 24.1 of 188 and 25.1 of 269 gradients a step.
  expect(central.gradientEquivalents).toBeLessThan(theirCost / 5);
});
