/** The central flow on L = ½yx² − by + (κ/2)(y − 20)² (flows.md, section 2), at all scales, and against descent on a network at the edge of stability. */
import { describe, expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import {
  type Beside,
  createBeside,
  createProblem,
  fields,
  GRADIENT,
  type Problem,
} from "../../src/flow/index.js";
import { Memory } from "../../src/memory.js";
import { createFamily, defineNetwork, presetNetwork } from "../../src/model/index.js";
import { randomVector } from "../support/networks.js";

/** Added to L so that F = √(2(L + C)) is a number: the least value of L is −20b − b²/(2κ). */
const C = 40;

/** s·L as ½F² with F = √(2s(L + C)), of parameters x and y; no gradient knows C. */
async function quadratic(b: number, kappa: number, scale = 1): Promise<Problem> {
  const network = defineNetwork({
    inputShape: [1],
    build(scope, input) {
      const { b: g } = scope;
      const entry = (name: string) =>
        g.reshape(scope.parameter(name, [1], { kind: "bias", fanIn: 1 }), [1, 1]);
      const [x, y] = [entry("x"), entry("y")];
      const away = g.sub(y, g.constant(20, [1, 1]));
      const bowl = g.scale(g.mul(y, g.mul(x, x)), 1 / 2);
      const pull = g.sub(g.scale(g.mul(away, away), kappa / 2), g.scale(y, b));
      const total = g.add(g.add(bowl, pull), g.constant(C, [1, 1]));
      return g.add(g.sqrt(g.scale(total, 2 * scale)), g.scale(input, 0));
    },
  });
  const family = createFamily({ network, samples: 1, factor: 1 / 2 });
  return createProblem(createReferenceEngine(), family, { x: Float64Array.of(1), y: Float64Array.of(0) });
}

async function beside(
  name: string,
  problem: Problem,
  theta0: Float64Array,
  learningRate: number,
  steps: number,
  settings: object = { top: 10 },
): Promise<Beside> {
  const kind = fields.find((known) => known.name === name)!;
  return createBeside(kind, settings, {
    ...{ problem, theta0, learningRate, law: GRADIENT, seed: 0, memory: new Memory() },
    solver: { method: "euler", stepSize: learningRate, maxSteps: steps },
    ...{ times: [steps * learningRate], programs: new Map() },
  });
}

const start = () => Float64Array.of(1e-3, 15);

describe.each([1, 1e-9, 1e9])("L = s(½yx² − by + (κ/2)(y − 20)²), b = κ = ½, ηs = 0.1, s = %g", (scale) => {
  test("its sharpness comes to 2/η at t/η = 35.8352 and stays there, with σ² = 1 and the mean loss of the two-cycle", async () => {
    const eta = 0.1 / scale;
    const problem = await quadratic(0.5, 0.5, scale);
    const central = await beside("central", problem, start(), eta, 60);
    await central.reach(35, 35 * eta);
    const y = central.theta[1]!;
    // y = 21 − 6e^{−κt} reaches 20 at ln 6/(ηκ); from here the exact solution has this long to go. Four digits are given.
    expect(35 + Math.log(21 - y) / 0.05).toBeCloseTo(35.8352, 4);
    expect(await central.predict()).toMatchObject({ variance: 0, watched: 1, settling: null });
    await central.reach(60, 60 * eta);
    // The largest eigenvalue is y itself, pinned by what is solved in every substep.
    expect(central.theta[1]).toBeCloseTo(20, 9);
    const { meanLoss, variance, meanSquaredGradient, settling, ...rest } = await central.predict();
    expect(variance).toBeCloseTo(1, 8);
    // L on the two-cycle x = ±1, y = 20 is 10 − 10 + 0.
    expect(meanLoss! / scale - C).toBeCloseTo(0, 8);
    // (20x)² + (½ − b)² at x = ±1 by descent; the flow's ‖g‖² + 4trΣ/η² has b² of its own g beside it.
    expect(meanSquaredGradient! / scale ** 2).toBeCloseTo(400 + 0.25, 6);
    // κ/(2ηb)
    expect(settling).toBeCloseTo(5, 6);
    expect(rest["eigenvalue.1"]! / scale).toBeCloseTo(20, 9);
    expect(rest["variance.1"]).toBe(variance);
    expect(central.failure).toBeNull();
  });

  test.each([
    [0.2, null],
    [0.1, "noSolution"],
    [0.05, "noSolution"],
  ])("κ = %s, where 2ηb = 0.1: status %s, as descent settles or spirals out", async (kappa, status) => {
    const eta = 0.1 / scale;
    const problem = await quadratic(0.5, kappa, scale);
    const central = await beside("central", problem, Float64Array.of(1e-3, 19), eta, 200);
    const arrived = await central.reach(200, 200 * eta);
    expect(arrived).toBe(status === null);
    expect(central.failure?.status ?? null).toBe(status);
    if (status !== null) expect(central.failure!.message).toContain("descent spirals out of that balance");
    // Descent from near the two-cycle x = ±1, y = 20 comes nearer, or goes away from it.
    const theta = Float64Array.of(1.05, 20);
    const gradient = new Float64Array(2);
    let largest = 0;
    for (let k = 0; k < 2000; k++) {
      await problem.lossGradient(theta, gradient);
      for (let i = 0; i < 2; i++) theta[i]! -= eta * gradient[i]!;
      if (k >= 1800) largest = Math.max(largest, Math.abs(Math.abs(theta[0]!) - 1));
    }
    if (kappa === 0.2) expect(largest).toBeLessThan(0.01);
    if (kappa === 0.05) expect(largest).toBeGreaterThan(0.1);
  });
});

describe("a tanh network 5-16-16-1 at the edge of stability", async () => {
  const [samples, eta] = [20, 0.3];
  const network = presetNetwork({
    ...{ kind: "dnn", inputDimension: 5, hidden: [16, 16], outputDimension: 1, bias: true },
    activation: { kind: "tanh" },
  } as const);
  const family = createFamily({ network, samples, factor: 1 / samples });
  const problem = await createProblem(createReferenceEngine(), family, {
    x: randomVector(1, 5 * samples),
    y: randomVector(2, samples),
  });

  test("probe", async () => {
    expect(eta).toBe(0.3);
    expect(problem.family.layout.size).toBe(385);
  });
});
