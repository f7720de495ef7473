import { describe, expect, test } from "vitest";
import { makeCase } from "../support/networks.js";
import { follow } from "./runs.js";

const small = { samples: 8, inputDimension: 3, outputDimension: 2, factor: 0.25 } as const;

describe("identities through events and slides", () => {
  test.each([
    { name: "leaky ReLU", given: makeCase({ ...small, seed: 1 }) },
    {
      name: "ReLU, resnet",
      given: makeCase({ ...small, kind: "resnet", activation: { kind: "relu" }, seed: 2 }),
    },
    {
      name: "hard-tanh, gcn",
      given: makeCase({ ...small, kind: "gcn", activation: { kind: "hard-tanh" }, seed: 3 }),
    },
  ])("energy: $name", async ({ given }) => {
    const rtol = 1e-7;
    const { energy, loss0, loss1, outcome } = await follow(given, { method: "dopri5", rtol, tEnd: 4 });
    expect(outcome.status).toBe("reachedEnd");
    expect(outcome.events.instants).toBeGreaterThan(3);
    expect(Math.abs(loss0 - loss1 - energy)).toBeLessThan(20 * rtol * (loss0 - loss1));
  });

  test.each(["leaky-relu", "relu"] as const)("balancedness without biases: %s", async (kind) => {
    const activation = kind === "relu" ? ({ kind } as const) : ({ kind, slope: 0.1 } as const);
    const given = makeCase({ ...small, activation, bias: false, seed: 4 });
    const { outcome } = await follow(given, { method: "dop853", rtol: 1e-10, tEnd: 4 });
    expect(outcome.status).toBe("reachedEnd");
    expect(outcome.events.slidingEntries).toBeGreaterThan(0);
    const { layers } = given.family.layout;
    const balance = (theta: Float64Array): number[] =>
      layers.slice(0, -1).flatMap((layer, l) => {
        const next = layers[l + 1]!;
        return Array.from({ length: layer.fanOut }, (_, u) => {
          let sum = 0;
          for (let k = 0; k < layer.fanIn; k++) sum += theta[layer.weights + k * layer.fanOut + u]! ** 2;
          for (let k = 0; k < next.fanOut; k++) sum -= theta[next.weights + u * next.fanOut + k]! ** 2;
          return sum;
        });
      });
    const before = balance(given.theta);
    balance(outcome.theta).forEach((value, i) => {
      expect(Math.abs(value - before[i]!)).toBeLessThan(1e-8);
    });
  });

  test("the error follows the tolerance as it does on a smooth problem", async () => {
    const given = makeCase({ ...small, seed: 1 });
    const exact = await follow(given, { method: "dop853", rtol: 1e-12, tEnd: 3 });
    const tolerances = [1e-4, 1e-6, 1e-8];
    const errors: number[] = [];
    for (const rtol of tolerances) {
      const { outcome } = await follow(given, { method: "dopri5", rtol, tEnd: 3 });
      errors.push(Math.hypot(...outcome.theta.map((value, i) => value - exact.outcome.theta[i]!)));
    }
    expect(exact.events.length).toBeGreaterThan(3);
    // On smooth problems a controlled local error gives a slope near 1; single events scatter it.
    const slope = Math.log10(errors[0]! / errors[2]!) / 4;
    expect(slope).toBeGreaterThan(0.8);
    expect(slope).toBeLessThan(1.3);
  });
});
