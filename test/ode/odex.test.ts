import { describe, expect, test } from "vitest";
import { createStepper, float64Space, integrate, type SyncField, solveOdex } from "../../src/ode/index.js";
import { arenstorf, brusselator, distance, hopf, predators } from "./problems.js";

const tight = { rtol: 1e-11, atol: 1e-12 };

test("solves to its tolerance with dense output at requested times", () => {
  const at = [0, 0.7, 1.5, 3];
  const solution = solveOdex({ ...hopf, field: hopf.field as SyncField, ...tight, at });
  expect(solution.status).toBe("reachedEnd");
  expect(solution.times).toEqual(at);
  // A hundred times the tolerance: local errors accumulate, and odex controls its dense output more loosely.
  for (const [i, y] of solution.states.entries()) expect(distance(y, hopf.exact(at[i]!))).toBeLessThan(1e-9);
  expect(solution.y).toEqual(solution.states.at(-1));
  expect(solution.evaluations).toBeGreaterThan(100);
});

describe.each(["bs32", "dopri5", "tsit5", "dop853"] as const)("%s agrees with odex", (method) => {
  // bs32 at 1e-11 would need 10⁵ steps; its error is allowed a thousand times more.
  const rtol = method === "bs32" ? 1e-8 : 1e-11;
  test.each([
    // Error allowed per unit of rtol: the growth of a perturbation over the interval (arenstorf passes close by the moon).
    ["hopf", hopf, 1e2],
    ["brusselator", brusselator, 1e3],
    ["predators", predators, 1e3],
    ["arenstorf", { ...arenstorf, tEnd: 5 }, 1e5],
  ] as const)("%s", async (_name, problem, amplification) => {
    const reference = solveOdex({ ...problem, field: problem.field as SyncField, rtol: 1e-12, atol: 1e-13 });
    expect(reference.status).toBe("reachedEnd");
    const stepper = createStepper({
      space: float64Space(problem.y0.length),
      ...problem,
      method,
      y0: Float64Array.from(problem.y0),
      rtol,
      atol: rtol / 10,
    });
    await integrate({ stepper, tEnd: problem.tEnd });
    expect(distance(stepper.y, reference.y)).toBeLessThan(amplification * rtol);
  });
});

describe("ends with a status", () => {
  const start = { t0: 0, y0: [1], tEnd: 2, rtol: 1e-8, atol: 1e-8 };
  test("maxSteps", () => {
    const field: SyncField = (t, _y, out) => void out.fill(Math.sin(100 * t));
    expect(solveOdex({ ...start, field, maxSteps: 3 }).status).toBe("maxSteps");
  });
  test("explosion in finite time", () => {
    const solution = solveOdex({ ...start, field: (_t, y, out) => void out.fill(y[0]! ** 2) });
    expect(["stepTooSmall", "nonFinite", "maxSteps"]).toContain(solution.status);
    // y' = y² from 1 explodes at t = 1.
    expect(solution.t).toBeCloseTo(1, 4);
  });
  test("nonFinite", () => {
    const solution = solveOdex({ ...start, field: (t, _y, out) => void out.fill(t > 1 ? NaN : 1) });
    expect(solution.status).toBe("nonFinite");
    expect(solution.t).toBeLessThanOrEqual(1);
  });
  test("stopped", () => {
    const field: SyncField = (_t, y, out) => void out.fill(-y[0]!);
    const seen: number[] = [];
    const solution = solveOdex({
      ...start,
      field,
      onSolution(t) {
        seen.push(t);
        return t > 0.5 ? "stop" : undefined;
      },
    });
    expect([solution.status, solution.t]).toEqual(["stopped", seen.at(-1)]);
    expect(seen[0]).toBe(0);
  });
});

test("an asynchronous field is refused", () => {
  const field = (async () => undefined) as unknown as SyncField;
  expect(() => solveOdex({ field, t0: 0, y0: [1], tEnd: 1, rtol: 1e-6, atol: 1e-6 })).toThrow(
    "odex: the field returned a promise",
  );
});
