/** The principal flow begun anew at each step: descent itself on quadratics at any ηλ, of third order in one step elsewhere, to the bit after a snapshot. */
import { describe, expect, test } from "vitest";
import { type Beside, createBeside, fields, GRADIENT, type Problem } from "../../src/flow/index.js";
import { Memory } from "../../src/memory.js";
import { makeCase } from "../support/networks.js";
import { distance, linearCase, problemOf, scalarCase } from "./runs.js";

const kind = fields.find(({ name }) => name === "principal-restarted")!;

const create = (
  problem: Problem,
  theta0: Float64Array,
  learningRate: number,
  top: number,
  memory = new Memory(),
): Promise<Beside> =>
  createBeside(
    kind,
    { top },
    {
      ...{ problem, theta0, learningRate, law: GRADIENT, seed: 0, memory, programs: new Map() },
      ...{ solver: { method: "auto", maxSteps: 100 }, times: [] },
    },
  );

async function descend(problem: Problem, theta0: Float64Array, eta: number, steps: number) {
  const theta = theta0.slice();
  const gradient = new Float64Array(theta.length);
  for (let k = 0; k < steps; k++) {
    await problem.lossGradient(theta, gradient);
    for (let i = 0; i < theta.length; i++) theta[i]! -= eta * gradient[i]!;
  }
  return theta;
}

describe.each([1, 1e-9, 1e9])("½Σλᵢθᵢ² times %s, η divided by it", (scale) => {
  // λ = 1 and 3 (and what rotates them), as a linear unit of two inputs.
  const [root1, root3] = [1, Math.sqrt(3)];
  const x = Float64Array.of(root1 * 0.8, root1 * 0.6, -root3 * 0.6, root3 * 0.8);
  const place = async () => ({
    problem: await problemOf(linearCase([2, 1], { x, y: Float64Array.of(0, 0) }, scale / 2)),
    theta0: Float64Array.of(1, 0.5),
  });

  test.each([0.2, 0.5, 0.9, 1 / 3, 1.2])(
    "η = %s, so ηλ to 3.6: descent to rounding, real at the end of each step",
    async (eta) => {
      const { problem, theta0 } = await place();
      const beside = await create(problem, theta0, eta / scale, 2);
      for (const step of [1, 3]) {
        await beside.reach(step, 0);
        const expected = await descend(problem, theta0, eta / scale, step);
        const size = Math.hypot(...beside.from);
        // Eigenpairs of a plane are exact; e^{iπ} is −1 to a rounding.
        expect(distance(beside.theta, expected)).toBeLessThan(1e-13 * size);
        const said = await beside.predict();
        expect(said["imaginary"]!).toBeLessThan(1e-13 * size);
        for (const [k, lambda] of [3, 1].entries()) {
          expect(said[`eigenvalue.${k + 1}`]! / scale).toBeCloseTo(lambda, 12);
          const found = said[`coefficient.${k + 1}`]!;
          if (eta * lambda === 1) expect(found).toBeLessThan(-30);
          else expect(found).toBeCloseTo(Math.log(Math.abs(1 - eta * lambda)) / (eta * lambda), 9);
          expect(found > 0).toBe(eta * lambda > 2);
        }
      }
      expect(beside.failure).toBeNull();
    },
  );

  test("gradient flow along the rest", async () => {
    const { problem, theta0 } = await place();
    const beside = await create(problem, theta0, 0.9 / scale, 1);
    await beside.reach(1, 0);
    // Along (0.8, 0.6), λ = 1; along (−0.6, 0.8), λ = 3.
    const [a, b] = [1.1 * Math.exp(-0.9), -0.2 * (1 - 2.7)];
    // Four steps of order 4 over a decay by 0.9 err by 0.225⁵/120 each, of 1.1 and less.
    expect(distance(beside.theta, [0.8 * a - 0.6 * b, 0.6 * a + 0.8 * b])).toBeLessThan(2e-5);
  });
});

test("of third order in η over one step of L = ½(ab − 1)², gradient flow of second", async () => {
  const problem = await problemOf(scalarCase());
  const errors = async (eta: number) => {
    const theta0 = Float64Array.of(1.5, 0.2);
    const beside = await create(problem, theta0, eta, 2);
    await beside.reach(1, 0);
    const apart = distance(beside.theta, await descend(problem, theta0, eta, 1));
    return [apart, (await beside.predict())["gradientFlow"]!] as const;
  };
  const [coarse, fine] = [await errors(0.02), await errors(0.01)];
  expect(Math.abs(Math.log2(coarse[0] / fine[0]) - 3)).toBeLessThan(0.15);
  expect(Math.abs(Math.log2(coarse[1] / fine[1]) - 2)).toBeLessThan(0.15);
});

test("beyond ηλ = 1 it is nearer to the next step of a tanh network than gradient flow is, and goes on from a snapshot to the same bits", async () => {
  const { family, bound, theta } = makeCase({ activation: { kind: "tanh" }, seed: 3, factor: 0.1 });
  const problem = await problemOf({ family, bound });
  const memory = new Memory();
  const eta = 0.5;
  const whole = await create(problem, theta, eta, 5, memory);
  await whole.reach(6, 0);
  const saved = structuredClone(memory.snapshot());
  await whole.reach(9, 0);
  const said = await whole.predict();
  expect(eta * said["eigenvalue.1"]!).toBeGreaterThan(1);
  const apart = distance(whole.theta, await descend(problem, theta, eta, 9));
  expect(apart).toBeLessThan(said["gradientFlow"]! / 2);
  const resumed = await create(problem, theta, eta, 5, new Memory(saved));
  await resumed.reach(9, 0);
  expect(resumed.theta).toEqual(whole.theta);
  expect(await resumed.predict()).toEqual(said);
});
