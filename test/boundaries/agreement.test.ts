import { describe, expect, test } from "vitest";
import type { NetworkSpec } from "../../src/model/index.js";
import { makeCase, piecewiseQuadratic } from "../support/networks.js";
import { descend } from "./descent.js";
import { distance, follow } from "./runs.js";

const cases: { name: string; spec: Partial<NetworkSpec>; step?: number }[] = [
  { name: "leaky ReLU", spec: {}, step: 1e-5 },
  {
    name: "leaky ReLU, three hidden layers, slope 0.01",
    spec: { hidden: [3, 3, 3], activation: { kind: "leaky-relu", slope: 0.01 } },
  },
  {
    name: "leaky ReLU, one hidden layer, slope 0.3",
    spec: { hidden: [5], activation: { kind: "leaky-relu", slope: 0.3 } },
  },
  { name: "ReLU", spec: { activation: { kind: "relu" } } },
  { name: "ReLU without biases", spec: { activation: { kind: "relu" }, bias: false } },
  // The largest jump of σ', so the widest chatter.
  { name: "abs", spec: { activation: { kind: "abs" } }, step: 4e-6 },
  { name: "PReLU", spec: { activation: { kind: "prelu", slope: 0.25 } } },
  { name: "hard-tanh", spec: { activation: { kind: "hard-tanh" } } },
  { name: "hard-sigmoid", spec: { activation: { kind: "hard-sigmoid" } } },
  { name: "ReLU6", spec: { activation: { kind: "relu6" } } },
  { name: "piecewise polynomial", spec: { activation: piecewiseQuadratic } },
  { name: "resnet", spec: { kind: "resnet", hidden: [3, 3] } },
  { name: "resnet, hard-tanh", spec: { kind: "resnet", hidden: [3, 3], activation: { kind: "hard-tanh" } } },
  { name: "gcn", spec: { kind: "gcn" } },
  { name: "gcn, hard-tanh", spec: { kind: "gcn", activation: { kind: "hard-tanh" } } },
];

describe("agreement with descent by a tiny step", () => {
  test.each(cases)("$name", async ({ spec, step = 4e-5 }) => {
    const given = makeCase({
      inputDimension: 2,
      hidden: [4, 4],
      outputDimension: 1,
      samples: 5,
      factor: 0.1,
      seed: 1,
      ...spec,
    });
    const { outcome } = await follow(given, { method: "dopri5", rtol: 1e-8, tEnd: 1 });
    expect(outcome.status).toBe("reachedEnd");
    expect(outcome.events.unsettled).toBe(0);
    const coarse = descend(given, given.theta, step, [1]).states[0]!;
    const fine = descend(given, given.theta, step / 2, [1]).states[0]!;
    // GD is first order; extrapolation leaves its chatter, of the size of the step times the jump, below 1e-5.
    const limit = fine.map((value, i) => 2 * value - coarse[i]!);
    expect(distance(outcome.theta, limit)).toBeLessThan(1e-5);
  });
});

describe("dead units tie entries together", () => {
  // Without the ties of ties.ts these two end 1.6e-2 and 1.5e-1 away, however small the step of descent.
  test.each([
    { name: "with biases", seed: 0, bias: true, tEnd: 3.4, step: 4e-5 },
    { name: "without biases", seed: 4, bias: false, tEnd: 6, step: 1e-4 },
  ])("ReLU $name", async ({ seed, bias, tEnd, step }) => {
    const given = makeCase({
      inputDimension: 3,
      hidden: [4, 4, 4],
      outputDimension: 2,
      samples: 8,
      activation: { kind: "relu" },
      bias,
      factor: 0.25,
      seed,
    });
    const { outcome } = await follow(given, { method: "dopri5", rtol: 1e-7, tEnd });
    expect(outcome.events.unsettled).toBe(0);
    const [coarse, fine] = [step, step / 2].map((h) =>
      distance(descend(given, given.theta, h, [tEnd]).states[0]!, outcome.theta),
    );
    // Descent is first order: half the step, half the distance, give or take its chatter.
    expect(fine).toBeLessThan(0.75 * coarse!);
    expect(fine).toBeLessThan(2e-4);
  });
});
