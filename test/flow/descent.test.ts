/** Gradient descent beside the flow: its trajectory, the times of comparison, the gaps, divergence. */
import { describe, expect, test } from "vitest";
import {
  type Comparison,
  createDescent,
  type Descent,
  type Problem,
  stepsUntil,
} from "../../src/flow/index.js";
import { makeCase } from "../support/networks.js";
import { distance, observeFlow, problemOf, scalarCase } from "./runs.js";

async function runBeside(
  problem: Problem,
  theta0: Float64Array,
  options: { learningRate: number; times: readonly number[]; tEnd: number; rtol?: number },
): Promise<{ descent: Descent; rows: Comparison[]; theta: Float64Array }> {
  const { learningRate, times, tEnd, rtol = 1e-11 } = options;
  const descent = createDescent({ problem, theta0, learningRate, times, tEnd });
  const rows: Comparison[] = [];
  const { outcome } = await observeFlow({
    problem,
    theta0,
    method: "dopri5",
    rtol,
    atol: rtol / 1000,
    tEnd,
    onSegment: (segment) => descent.follow(segment, (row) => rows.push(row)),
  });
  return { descent, rows, theta: outcome.theta };
}

describe("on L = ½(ab − 1)², where flow and descent are known", () => {
  const start = 0.1;
  /** a(t) = b(t) of the flow: the square root of a logistic curve. */
  const flow = (t: number) => Math.sqrt(1 / (1 + (1 / start ** 2 - 1) * Math.exp(-2 * t)));
  const descend = (learningRate: number, steps: number) => {
    let a = start;
    for (let k = 0; k < steps; k++) a -= learningRate * (a * a - 1) * a;
    return a;
  };

  test.each([0.3, 0.1, 0.025])("η = %s: gaps at t = kη", async (learningRate) => {
    const problem = await problemOf(scalarCase());
    const times = [0.01, 0.5, 1.02, 2.49, 4];
    const { rows } = await runBeside(problem, Float64Array.of(start, start), {
      learningRate,
      times,
      tEnd: 5,
    });
    const last = Math.floor(5 / learningRate + 1e-9);
    const expected = [...new Set([...times.map((t) => Math.round(t / learningRate)), last])].filter(
      (k) => k > 0,
    );
    expect(rows.map((row) => row.step)).toEqual(expected);
    for (const row of rows) {
      const a = descend(learningRate, row.step);
      const f = flow(row.t);
      expect(row.learningRate).toBe(learningRate);
      expect(row.t).toBe(Math.min(row.step * learningRate, 5));
      expect(Math.abs(row.loss - (a * a - 1) ** 2 / 2)).toBeLessThan(1e-15);
      // The flow's own error is near its tolerance of 1e-11; the gaps are 1e-3 and more.
      expect(Math.abs(row.parameterGap - Math.SQRT2 * Math.abs(f - a))).toBeLessThan(1e-9);
      expect(Math.abs(row.functionGap - Math.abs(f * f - a * a))).toBeLessThan(1e-9);
      expect(Math.abs(row.lossGap - Math.abs((f * f - 1) ** 2 - (a * a - 1) ** 2) / 2)).toBeLessThan(1e-9);
    }
  });

  test("a divergent learning rate is flagged at its step, and the flow goes on", async () => {
    const problem = await problemOf(scalarCase());
    const learningRate = 5;
    const { descent, rows, theta } = await runBeside(problem, Float64Array.of(2, 2), {
      learningRate,
      times: [5, 10, 15, 50],
      tEnd: 60,
    });
    const losses = [2];
    for (let k = 0; k < 5; k++) losses.push(losses[k]! - learningRate * (losses[k]! ** 2 - 1) * losses[k]!);
    const initial = (4 - 1) ** 2 / 2;
    const diverged = losses.findIndex((a) => !((a * a - 1) ** 2 / 2 <= 1e6 * initial));
    expect(diverged).toBeGreaterThan(0);
    expect(descent.divergedAtStep).toBe(diverged);
    expect(rows.every((row) => row.step < diverged)).toBe(true);
    expect(descent.last).toBe(rows[rows.length - 1] ?? null);
    expect(Math.abs(theta[0]! - 1)).toBeLessThan(1e-6);
  });
});

describe("on a tanh network", () => {
  const { family, bound, theta: theta0 } = makeCase({ activation: { kind: "tanh" }, seed: 4 });

  test("the trajectory is that of a plain loop, bit for bit", async () => {
    const problem = await problemOf({ family, bound });
    const theta = theta0.slice();
    const gradient = new Float64Array(theta.length);
    const expected: number[] = [];
    for (let k = 0; k < 40; k++) {
      expected.push(await problem.lossGradient(theta, gradient));
      for (let i = 0; i < theta.length; i++) theta[i] = theta[i]! - 0.1 * gradient[i]!;
    }
    const times = Array.from({ length: 39 }, (_, k) => (k + 1) * 0.1);
    const { rows } = await runBeside(problem, theta0, { learningRate: 0.1, times, tEnd: 3.9, rtol: 1e-6 });
    expect(rows.map((row) => row.loss)).toEqual(expected.slice(1));
    expect(theta0).not.toEqual(theta);
  });

  test("each gap is the distance to a run of the flow that ends there", async () => {
    const problem = await problemOf({ family, bound });
    const { rows } = await runBeside(problem, theta0, { learningRate: 0.25, times: [1, 2.6], tEnd: 4 });
    expect(rows.map((row) => row.t)).toEqual([1, 2.5, 4]);
    const gradient = new Float64Array(theta0.length);
    for (const row of rows) {
      const flow = await observeFlow({
        problem,
        theta0,
        method: "dop853",
        rtol: 1e-12,
        atol: 1e-15,
        tEnd: row.t,
      });
      const theta = theta0.slice();
      for (let k = 0; k < row.step; k++) {
        await problem.lossGradient(theta, gradient);
        for (let i = 0; i < theta.length; i++) theta[i] = theta[i]! - 0.25 * gradient[i]!;
      }
      const predictions = [new Float64Array(21), new Float64Array(21)] as const;
      await problem.predict(theta, predictions[0]);
      await problem.predict(flow.outcome.theta, predictions[1]);
      expect(Math.abs(row.parameterGap - distance(flow.outcome.theta, theta))).toBeLessThan(1e-9);
      expect(Math.abs(row.functionGap - distance(...predictions))).toBeLessThan(1e-9);
    }
  });

  test("the gap shrinks in proportion to η", async () => {
    const problem = await problemOf({ family, bound });
    const gaps: number[] = [];
    for (const learningRate of [0.1, 0.05, 0.025]) {
      const { descent } = await runBeside(problem, theta0, { learningRate, times: [], tEnd: 5 });
      gaps.push(descent.last!.parameterGap);
    }
    // The next order in η: a few per cent here.
    expect(Math.abs(gaps[0]! / gaps[1]! - 2)).toBeLessThan(0.2);
    expect(Math.abs(gaps[1]! / gaps[2]! - 2)).toBeLessThan(0.1);
  });
});

test("rounding of t/η costs no step", () => {
  expect(stepsUntil(0.3, 0.1)).toBe(3); // 0.3/0.1 = 2.9999999999999996
  expect(stepsUntil(8, 0.01)).toBe(800);
  expect(stepsUntil(0.29999, 0.1)).toBe(2);
  expect(stepsUntil(0.05, 0.1)).toBe(0);
  // A slack of rounding, not more: kη = 1.0000000002 lies beyond 1, and of 10¹⁰ steps none is invented.
  expect(stepsUntil(1, 0.3333333334)).toBe(2);
  expect(stepsUntil(1000, 1e-7)).toBe(1e10);
});
