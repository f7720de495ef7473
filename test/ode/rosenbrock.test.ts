import { describe, expect, test } from "vitest";
import { createStepper, float64Space, integrate } from "../../src/ode/index.js";
import { distance, hopf } from "./problems.js";
import { hires, robertson, sixDecades } from "./stiff-problems.js";

const make = (problem: { field: typeof hopf.field; y0: readonly number[] }, more: object) =>
  createStepper({
    space: float64Space(problem.y0.length),
    field: problem.field,
    method: "rodas4",
    t0: 0,
    y0: Float64Array.from(problem.y0),
    ...more,
  });

test("fourth order, with the exact Jacobian", async () => {
  const error = async (steps: number) => {
    const h = hopf.tEnd / steps;
    const stepper = make(hopf, {
      ...{ rtol: 1e6, atol: 1e6, firstStep: h, maxStep: h },
      jacobian: (_t: number, y: Float64Array, out: Float64Array) => {
        const [a, b] = [y[0]!, y[1]!];
        out.set([1 - 3 * a * a - b * b, -2 * a * b - 1, -2 * a * b + 1, 1 - a * a - 3 * b * b]);
      },
    });
    await integrate({ stepper, tEnd: hopf.tEnd });
    return distance(stepper.y, hopf.exact(hopf.tEnd));
  };
  // The next term of the expansion at h = 3/60.
  expect(Math.abs(Math.log2((await error(60)) / (await error(120))) - 4)).toBeLessThan(0.3);
});

describe("stiff problems with known solutions, Jacobian by differences", () => {
  test.each([
    ["hires", hires, 1e-4],
    ["robertson", robertson, 1e-4],
    ["six decades", sixDecades, 1],
  ] as const)("%s", async (_name, problem, share) => {
    for (const rtol of [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8]) {
      const atol = share * rtol;
      const stepper = make(problem, { rtol, atol });
      const { status, accepted } = await integrate({ stepper, tEnd: problem.tEnd });
      expect(status).toBe("reachedEnd");
      // No eigenvalue limits the step: 30 000 (six decades) would be the explicit count.
      expect(accepted).toBeLessThan(2500);
      const error = Math.hypot(
        ...problem.reference.map((x, i) => (stepper.y[i]! - x) / (atol + rtol * Math.abs(x))),
      );
      // At most the tolerance for each of n components, times ten.
      expect(error / Math.sqrt(problem.y0.length)).toBeLessThan(10);
    }
  });
});
