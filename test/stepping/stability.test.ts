/** What a step costs, how far it is stable, and that of the steps that the error allows the cheapest is taken. */
import { describe, expect, test } from "vitest";
import { cheapest, EXPLICIT_REACH, stagesOf } from "../../src/flow/stepping/stability.js";
import { makeCase } from "../support/networks.js";
import { stepOver } from "./runs.js";

describe("steps as cheap as their stability allows", () => {
  // w₂·relu(w₁) near its minimum at w₁ = w₂ = 1, far from the kink: linear, ∇²L = [[1, 1], [1, 1]], ρ = 2, which is taken as 2.2.
  const nearMinimum = () => {
    const { family } = makeCase({
      ...{ inputDimension: 1, hidden: [1], outputDimension: 1, samples: 1 },
      ...{ bias: false, activation: { kind: "relu" as const } },
    });
    const bound = { x: Float64Array.of(1), y: Float64Array.of(1) };
    return { family, bound, theta: Float64Array.of(1 + 1e-3, 1 + 1e-3) };
  };
  const residual = ([first, second]: Float64Array) => Math.abs(first! * second! - 1);

  // hλ = 0.56: amplification 0.5711 a step by the roots of the recursion, 1e-5 of 2e-3 after 20. ρ is taken as 1.6 times what it was where
  // measuring again would cost too much.
  test("an explicit step costs two gradients and is as stable as its recursion", async () => {
    const steps = 20;
    const { outcome } = await stepOver(nearMinimum(), { stepSize: 0.28, tEnd: 0.28 * steps });
    expect(outcome.evaluations).toBe(1 + 2 * steps);
    // Three times what the roots say: the start is not along the slowest of them alone.
    expect(residual(outcome.theta)).toBeLessThan(3 * 0.5711 ** steps * 2e-3);
  });

  // The first of them was explicit whatever its size, an amplification of 2 000 here.
  test("steps as stiff from the start are stabilised from the first on", async () => {
    const { outcome } = await stepOver(nearMinimum(), { stepSize: 10, tEnd: 10 });
    expect(residual(outcome.theta)).toBeLessThan(2e-3);
  });

  test.each([1e-9, 1, 1e9])("the cheapest step, ρ = %d", (rho) => {
    // In gradients: a pass costs some two besides.
    const price = (x: number) => (stagesOf(x) + 2) / x;
    for (let x = 0.1; x < 160; x *= 1.01) {
      const h = cheapest(x / rho, rho) * rho;
      expect(h).toBeLessThanOrEqual(x * (1 + 1e-12));
      expect(price(h)).toBeLessThanOrEqual(price(x) * (1 + 1e-9));
      if (x > EXPLICIT_REACH) expect(price(h)).toBeLessThanOrEqual((1 + 1e-9) * price(EXPLICIT_REACH));
      else expect(h).toBeCloseTo(x, 12);
    }
  });

  test("an unknown ρ bounds no step", () => {
    expect([cheapest(3, 0), cheapest(3, Number.NaN)]).toEqual([3, 3]);
  });
});
