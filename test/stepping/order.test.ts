/** Second order through crossings and slides, at fixed steps, against the reference of the golden network and against `exact`. */
import { describe, expect, test } from "vitest";
import { createOnnxEngine } from "../../src/engine/index.js";
import { distance, follow } from "../boundaries/runs.js";
import { golden, loadGolden } from "../golden/golden.js";
import { makeCase } from "../support/networks.js";
import { stepOver } from "./runs.js";

const engine = createOnnxEngine({ dtype: "float64", threads: 1 });

describe("order of the fixed steps", () => {
  test("on the golden network, 10-20-20-2 with slope 0.01", async () => {
    const { given, references } = await loadGolden();
    const errorAt = async (stepSize: number) => {
      const { outcome, states } = await stepOver(given, { stepSize, tEnd: 8, times: golden.times, engine });
      expect(outcome.status).toBe("reachedEnd");
      expect(outcome.events.unsettled).toBe(0);
      return Math.hypot(...states.map((state, i) => distance(state, references[i]!)));
    };
    const errors = [await errorAt(0.1), await errorAt(0.05), await errorAt(0.025)];
    const order = Math.log2(errors[0]! / errors[2]!) / 2;
    // 1.9; the events of a step fall now so, now so, which moves the errors by some ten per cent.
    expect(order).toBeGreaterThan(1.8);
    expect(order).toBeLessThan(2.2);
    // Where Euler's method takes 4 000 gradients for 5e-4, these take some hundred; 2e-3 is twice what it is.
    expect(errors[0]).toBeLessThan(2e-3);
  });

  const wide = { inputDimension: 6, hidden: [10, 10], samples: 20, seed: 3 };
  test.each([
    ["ReLU", makeCase({ ...wide, activation: { kind: "relu" } })],
    ["hard tanh, whose upper kinks slide too", makeCase({ ...wide, activation: { kind: "hard-tanh" } })],
    ["PReLU, whose slope moves", makeCase({ ...wide, activation: { kind: "prelu", slope: 0.25 } })],
    [
      "pieces of second degree",
      makeCase({
        ...wide,
        activation: {
          kind: "piecewise-polynomial",
          breakpoints: [-1, 0.5],
          coefficients: [
            [0, 0.5],
            [0, 0, -0.5],
            [-0.375, 0.5],
          ],
        },
      }),
    ],
    [
      "gcn, samples coupled",
      makeCase({
        kind: "gcn",
        inputDimension: 6,
        hidden: [8, 8],
        samples: 20,
        seed: 3,
        activation: { kind: "relu" },
      }),
    ],
  ])("%s, against exact", async (_, subject) => {
    const tEnd = 1;
    const { outcome: exact } = await follow(subject, { method: "dopri5", rtol: 1e-7, tEnd, engine });
    expect(exact.status).toBe("reachedEnd");
    const errors: number[] = [];
    for (const stepSize of [1 / 20, 1 / 80]) {
      const { outcome } = await stepOver(subject, { stepSize, tEnd, engine });
      errors.push(distance(outcome.theta, exact.theta) / distance(exact.theta, subject.theta));
    }
    // Few entries and few events: single ones that fall well or badly make the order uneven, but never first.
    expect(Math.log2(errors[0]! / errors[1]!) / 2).toBeGreaterThan(1.6);
  });
});
