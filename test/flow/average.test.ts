/** Running averages of descent: of a two-cycle, where they are known, at all scales; and of a network, against sums written out. */
import { expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import { createProblem, createRunningAverage } from "../../src/flow/index.js";
import { Memory } from "../../src/memory.js";
import { createFamily, presetNetwork } from "../../src/model/index.js";
import { makeCase } from "../support/networks.js";

/** L = s·½θ², of curvature s. */
async function parabola(scale: number) {
  const network = presetNetwork({
    ...{ kind: "dnn", inputDimension: 1, hidden: [], outputDimension: 1, bias: false },
    activation: { kind: "identity" },
  } as const);
  const family = createFamily({ network, samples: 1, factor: scale / 2 });
  return createProblem(createReferenceEngine(), family, { x: Float64Array.of(1), y: Float64Array.of(0) });
}

test.each([1, 1e-9, 1e9])(
  "ηλ = 2 is a two-cycle ±x: mean 0, swing and variance x, x² (loss × %g)",
  async (scale) => {
    const problem = await parabola(scale);
    const x = 0.3 * scale;
    const options = { problem, start: Float64Array.of(x), learningRate: 2 / scale, window: 6 };
    const average = createRunningAverage({ ...options, memory: new Memory() });
    for (const step of [1, 2, 5, 20]) {
      const found = (await average.at(step))!;
      // Sums of seven numbers ±x.
      expect(Math.abs(found.theta[0]! / x)).toBeLessThan(1e-15);
      expect(Math.abs(found.swing[0]! / x)).toBeCloseTo(1, 14);
      expect(found.variance / x ** 2).toBeCloseTo(1, 14);
      expect(found.varianceAlong(Float64Array.of(1)) / x ** 2).toBeCloseTo(1, 14);
      expect(found.loss / (0.5 * scale * x ** 2)).toBeCloseTo(1, 14);
      expect(found.squaredGradient / (scale * x) ** 2).toBeCloseTo(1, 14);
      expect(average.stateAt(step)[0]).toBe(step % 2 === 0 ? x : -x);
    }
  },
);

test("of a network: the window about each step, narrower near its start; resumed anywhere to the same bits", async () => {
  const { family, theta: start, bound } = makeCase({ activation: { kind: "tanh" } });
  const problem = await createProblem(createReferenceEngine(), family, bound);
  const [learningRate, window] = [0.3, 4];
  const path = [start.slice()];
  const losses: number[] = [];
  const gradient = new Float64Array(start.length);
  for (let k = 0; k < 16; k++) {
    losses.push(await problem.lossGradient(path[k]!, gradient));
    path.push(path[k]!.map((value, i) => value - learningRate * gradient[i]!));
  }
  const memory = new Memory();
  const options = { problem, start, learningRate, window };
  const average = createRunningAverage({ ...options, memory });
  for (const step of [1, 4, 9]) {
    const half = Math.min(step, 2);
    const weights = Array.from(
      { length: 2 * half + 1 },
      (_, j) => (j % (2 * half) === 0 ? 0.5 : 1) / (2 * half),
    );
    const mean = (of: (k: number) => number) =>
      weights.reduce((sum, weight, j) => sum + weight * of(step - half + j), 0);
    const found = (await average.at(step))!;
    // To the rounding of sums of five.
    expect(found.theta[3]!).toBeCloseTo(
      mean((k) => path[k]![3]!),
      14,
    );
    expect(found.loss).toBeCloseTo(
      mean((k) => losses[k]!),
      14,
    );
    const inner = Array.from({ length: 2 * half - 1 }, (_, j) => step - half + 1 + j);
    const swing = (k: number) =>
      path[k]!.map((value, i) => (2 * value - path[k - 1]![i]! - path[k + 1]![i]!) / 4);
    const variance = inner.reduce(
      (sum, k) => sum + swing(k).reduce((s, d) => s + d * d, 0) / inner.length,
      0,
    );
    expect(found.variance / variance).toBeCloseTo(1, 12);
    expect(found.swing[2]!).toBeCloseTo(swing(step)[2]!, 15);
  }
  const resumed = createRunningAverage({
    ...options,
    memory: new Memory(structuredClone(memory.snapshot())),
  });
  const [one, other] = [(await average.at(12))!, (await resumed.at(12))!];
  expect(other.theta).toEqual(one.theta);
  expect(other.loss).toBe(one.loss);
  // Begun later with a window of its own it is the same descent.
  const later = createRunningAverage({ ...options, start: path[7]!, first: 7, memory: new Memory() });
  expect((await later.at(12))!.theta).toEqual(one.theta);
});

test("a descent that leaves all numbers has no average, one that is interrupted goes on", async () => {
  const problem = await parabola(1);
  const options = { problem, start: Float64Array.of(1), learningRate: 1e200, window: 4 };
  expect(await createRunningAverage({ ...options, memory: new Memory() }).at(4)).toBeNull();
  const average = createRunningAverage({ ...options, learningRate: 2, memory: new Memory() });
  expect(await average.at(3, AbortSignal.abort())).toBeNull();
  expect((await average.at(3))!.variance).toBe(1);
});
