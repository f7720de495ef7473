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

describe("fields that depend on t", () => {
  /** y' = −5(y − c) + c' + y²sin(2t)/4 − …, made so that y = c(t) = cos t + sin(3t)/4, in time that runs `scale` times as fast. */
  const driven = (scale: number) => {
    const c = (t: number) => Math.cos(t) + Math.sin(3 * t) / 4;
    const slope = (t: number) => -Math.sin(t) + 0.75 * Math.cos(3 * t);
    return {
      exact: (t: number) => c(scale * t),
      field: (t: number, y: Float64Array, out: Float64Array) => {
        const s = scale * t;
        out[0] = scale * (-5 * (y[0]! - c(s)) + ((y[0]! ** 2 - c(s) ** 2) * Math.sin(2 * s)) / 4 + slope(s));
      },
      jacobian: (t: number, y: Float64Array, out: Float64Array) => {
        out[0] = scale * (-5 + (y[0]! * Math.sin(2 * scale * t)) / 2);
      },
    };
  };

  test.each([1e-9, 1, 1e9])("fourth order, time scaled by %f", async (scale) => {
    const { exact, field, jacobian } = driven(scale);
    const tEnd = 3 / scale;
    const error = async (steps: number) => {
      const h = tEnd / steps;
      const stepper = make({ field, y0: [1] }, { jacobian, rtol: 1e6, atol: 1e6, firstStep: h, maxStep: h });
      await integrate({ stepper, tEnd });
      return Math.abs(stepper.y[0]! - exact(tEnd));
    };
    const [coarse, fine] = [await error(100), await error(200)];
    // The next term of the expansion at h = 3/100; without ∂f/∂t the order is 1.
    expect(Math.abs(Math.log2(coarse / fine) - 4)).toBeLessThan(0.3);
    expect(fine).toBeLessThan(1e-8);
  });

  test("as accurate as the tolerance on a stiff one, where the autonomous form is not", async () => {
    // Prothero and Robinson: y = cos t is drawn to with rate 50.
    const field = (t: number, y: Float64Array, out: Float64Array) => {
      out[0] = -50 * (y[0]! - Math.cos(t)) - Math.sin(t);
    };
    const run = async (rtol: number, isAutonomous = false) => {
      const stepper = make({ field, y0: [1] }, { rtol, atol: rtol, isAutonomous });
      const outcome = await integrate({ stepper, tEnd: 10 });
      return { error: Math.abs(stepper.y[0]! - Math.cos(10)), accepted: outcome.accepted };
    };
    for (const rtol of [1e-3, 1e-4, 1e-6, 1e-8]) {
      const { error, accepted } = await run(rtol);
      expect(error).toBeLessThan(10 * rtol);
      // Order 4 to 1: a step grows tenfold with each 10⁻⁴ of tolerance at most.
      expect(accepted).toBeLessThan(8 * rtol ** -0.28);
    }
    // What it was like before: the term matters here.
    expect((await run(1e-4, true)).accepted).toBeGreaterThan(4 * (await run(1e-4)).accepted);
  });

  test("says nothing of a field that does not depend on t", async () => {
    const options = { rtol: 1e-6, atol: 1e-8 };
    const [plain, told] = [make(hopf, options), make(hopf, { ...options, isAutonomous: true })];
    const a = await integrate({ stepper: plain, tEnd: 3 });
    const b = await integrate({ stepper: told, tEnd: 3 });
    expect([...plain.y]).toEqual([...told.y]);
    expect(a.accepted).toBe(b.accepted);
    expect(a.evaluations).toBe(b.evaluations + 2 * a.accepted);
  });
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
