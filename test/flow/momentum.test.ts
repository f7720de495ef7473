/** Descent with momentum on a quadratic loss, where its recurrence, its clock and its limit of stability are known. */
import { describe, expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import {
  createDescent,
  createProblem,
  type DescentLaw,
  sharpnessLimit,
  stepTime,
} from "../../src/flow/index.js";
import { Memory } from "../../src/memory.js";
import { createFamily, presetNetwork } from "../../src/model/index.js";

/** L(w) = ½λw²: one sample x = √λ, target 0, a linear unit without bias. */
async function quadratic(lambda: number) {
  const network = presetNetwork({
    ...{ kind: "dnn", inputDimension: 1, hidden: [], outputDimension: 1, bias: false },
    activation: { kind: "tanh" },
  });
  const family = createFamily({ network, samples: 1, factor: 1 / 2 });
  const data = { x: Float64Array.of(Math.sqrt(lambda)), y: Float64Array.of(0) };
  return createProblem(createReferenceEngine(), family, data);
}

const flowOf = (lambda: number, t0: number, t1: number) => ({
  ...{ t0, t1, h: t1 - t0, theta1: Float64Array.of(Math.exp(-lambda * t1)), known: null },
  interpolate: (t: number, out: Float64Array) => {
    out[0] = Math.exp(-lambda * t);
  },
  energy: () => 0,
  measure: async () => ({ loss: 0, speed: 0 }),
});

/** w and loss at the compared steps, started at w = 1. */
async function descend(law: DescentLaw, learningRate: number, lambda: number, tEnd: number, cuts = 1) {
  const problem = await quadratic(lambda);
  const rows: { step: number; t: number; w: number; loss: number; gap: number }[] = [];
  let memory = new Memory();
  for (let part = 0; part < cuts; part++) {
    const times = Array.from({ length: 20 }, (_, k) => ((k + 1) * tEnd) / 20);
    const theta0 = Float64Array.of(1);
    const descent = createDescent({ problem, theta0, learningRate, law, times, tEnd, memory });
    await descent.follow(
      flowOf(lambda, (part * tEnd) / cuts, ((part + 1) * tEnd) / cuts),
      ({ step, t, loss, parameterGap }, { theta }) =>
        rows.push({ step, t, w: theta[0]!, loss, gap: parameterGap }),
    );
    memory = new Memory(structuredClone(memory.snapshot()));
  }
  return rows;
}

const laws = [
  { kind: "momentum", momentum: 0.8 },
  { kind: "nesterov", momentum: 0.8 },
] as const;

describe.each(laws)("$kind", (law) => {
  const { kind, momentum: beta } = law;

  test("takes its recurrence's steps at t = kη/(1 − β), and goes on from a memory to the bit", async () => {
    const [eta, lambda] = [0.05, 2];
    const rows = await descend(law, eta, lambda, 10);
    let [w, v] = [1, 0];
    const path = [w];
    for (let k = 0; k < 40; k++) {
      v = beta * v - eta * lambda * (kind === "nesterov" ? w + beta * v : w);
      w += v;
      path.push(w);
    }
    expect(rows).toHaveLength(20);
    for (const { step, t, w: found, loss, gap } of rows) {
      expect(t).toBeCloseTo((step * eta) / (1 - beta), 14);
      // Products of √λ in another order: rounding, which a stable recurrence does not let grow.
      expect(found).toBeCloseTo(path[step]!, 13);
      expect(loss).toBeCloseTo((lambda / 2) * path[step]! ** 2, 13);
      expect(gap).toBeCloseTo(Math.abs(Math.exp(-lambda * t) - path[step]!), 13);
    }
    expect(await descend(law, eta, lambda, 10, 4)).toEqual(rows);
  });

  test("comes to the flow as η goes to 0, at first order", async () => {
    const gap = async (eta: number) => (await descend(law, eta, 1, 2)).at(-1)!.gap;
    const [coarse, fine] = [await gap(2e-3), await gap(1e-3)];
    expect(fine).toBeLessThan(0.01);
    // Second-order terms are a few per cent at these steps.
    expect(coarse / fine).toBeGreaterThan(1.85);
    expect(coarse / fine).toBeLessThan(2.15);
  });

  test("is stable up to its limit of the sharpness, and not beyond", async () => {
    const eta = 0.5;
    const limit = sharpnessLimit(law, eta);
    const end = async (lambda: number) =>
      Math.abs((await descend(law, eta, lambda, 400 * stepTime(law, eta))).at(-1)!.w);
    expect(await end(0.98 * limit)).toBeLessThan(0.1);
    expect(await end(1.02 * limit)).toBeGreaterThan(10);
  });
});
