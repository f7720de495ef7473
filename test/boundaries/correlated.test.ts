/** Slides of one sample in two layers at once: Filippov leaves open where they end. The flow takes the limit of smoothed networks, descent another one. */
import { expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import { createProblem, integrateSmooth } from "../../src/flow/index.js";
import { createFamily } from "../../src/model/index.js";
import { makeCase } from "../support/networks.js";
import { descend } from "./descent.js";
import { distance, follow } from "./runs.js";

// Found as eight samples, two of them zero; without biases these two add nothing to the gradient.
const { family, bound, theta } = makeCase({
  ...{ inputDimension: 3, hidden: [4, 4], outputDimension: 2, samples: 8, factor: 0.25, seed: 6 },
  ...{ activation: { kind: "leaky-relu", slope: 0.1 }, bias: false },
});
bound["x"]!.fill(0, 0, 6);
const given = { family, bound, theta };
const [before, after] = [2.2, 3];

test("where a slide ends whose sample slides in another layer too, descent may part from the flow, and the record counts it", async () => {
  const { outcome, events, states } = await follow(given, {
    ...{ method: "dopri5", rtol: 1e-8, tEnd: after },
    times: [before, after],
  });
  const moved = distance(outcome.theta, theta);
  const gap = (other: Float64Array, at: 0 | 1) => distance(other, states[at]!) / moved;

  // Up to there descent tends to the flow with its step.
  const [coarse, fine] = [4e-4, 1e-4].map((step) => descend(given, theta, step, [before, after]).states);
  expect(gap(coarse![0]!, 0) / gap(fine![0]!, 0)).toBeGreaterThan(3);
  expect(gap(fine![0]!, 0)).toBeLessThan(5e-4);
  // Afterwards it does not: the distance is the same for both steps.
  expect(gap(fine![1]!, 1)).toBeGreaterThan(1e-2);
  expect(gap(coarse![1]!, 1) / gap(fine![1]!, 1)).toBeLessThan(1.1);

  // The flow is what smoothed networks tend to, in proportion to the half-width of their kinks.
  const smoothed = [1e-2, 1e-3].map(async (halfWidth) => {
    const smooth = createFamily({ ...family, network: family.network.smoothed(halfWidth) });
    const end = await integrateSmooth({
      problem: await createProblem(createReferenceEngine(), smooth, bound),
      ...{ theta0: theta, method: "auto", rtol: 1e-5, atol: 1e-8, tEnd: after },
      onSegment: async () => undefined,
    });
    return gap(end.theta, 1);
  });
  const [wide, narrow] = await Promise.all(smoothed);
  expect(narrow!).toBeLessThan(2e-3);
  expect(wide! / narrow!).toBeGreaterThan(4);

  const exit = events.find(({ kind, t }) => kind === "leavesSliding" && t > before);
  expect(exit).toMatchObject({ layer: 1, sample: 3, unit: 3 });
  expect(outcome.events.coupledExits).toBeGreaterThanOrEqual(1);
});

test("no such end is counted where samples slide in one layer only", async () => {
  let exits = 0;
  for (const seed of [1, 2, 3, 4]) {
    const single = makeCase({ samples: 12, hidden: [10], outputDimension: 2, seed });
    const { outcome } = await follow(single, { method: "dopri5", rtol: 1e-6, tEnd: 6 });
    exits += outcome.events.slidingExits;
    expect(outcome.events.coupledExits).toBe(0);
  }
  expect(exits).toBeGreaterThan(0);
});
