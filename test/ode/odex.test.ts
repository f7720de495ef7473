import { createRequire } from "node:module";
import { describe, expect, test } from "vitest";
import { createStepper, type Field, float64Space, integrate, solve } from "../../src/ode/index.js";
import { arenstorf, brusselator, distance, hopf, type Problem, predators, quartic } from "./problems.js";

type Plain = Field<Float64Array>;

type More = { field?: Plain; firstStep?: number };

async function run(problem: Problem, rtol: number, more: More = {}) {
  const stepper = createStepper({
    ...problem,
    ...more,
    method: "odex",
    space: float64Space(problem.y0.length),
    y0: Float64Array.from(problem.y0),
    rtol,
    atol: rtol / 10,
  });
  const outcome = await integrate({ stepper, tEnd: problem.tEnd });
  return { ...outcome, y: stepper.y };
}

/** odex as it comes, in one piece. */
function original({ field, t0, y0, tEnd }: Problem, rtol: number) {
  const { Solver } = createRequire(import.meta.url)("odex");
  const solver = new Solver(y0.length);
  let evaluations = 0;
  const f = (t: number, y: number[]) => {
    evaluations++;
    const out = new Float64Array(y.length);
    void field(t, Float64Array.from(y), out);
    return out;
  };
  Object.assign(solver, { relativeTolerance: rtol, absoluteTolerance: rtol / 10, denseOutput: true });
  return { y: solver.solve(f, t0, [...y0], tEnd, () => true).y as number[], evaluations };
}

const problems = [
  // Error allowed per unit of rtol: the growth of a perturbation over the interval (arenstorf passes close by the moon).
  ["hopf", hopf, 1e2],
  ["brusselator", brusselator, 1e3],
  ["predators", predators, 1e3],
  ["arenstorf", { ...arenstorf, tEnd: 5 }, 1e5],
] as const;

test.each(problems)(
  "solves %s as odex by itself does, for not much more",
  async (_, problem, amplification) => {
    for (const rtol of [1e-5, 1e-8, 1e-11]) {
      const by = original(problem, rtol);
      const ours = await run(problem, rtol);
      expect(ours.status).toBe("reachedEnd");
      expect(distance(ours.y, by.y)).toBeLessThan(amplification * rtol);
      // Each step begins odex's choice of its order anew.
      expect(ours.evaluations / by.evaluations).toBeLessThan(1.6);
    }
  },
);

describe.each(["bs32", "dopri5", "tsit5", "dop853"] as const)("%s agrees with odex", (method) => {
  // bs32 at 1e-11 would need 10⁵ steps; its error is allowed a thousand times more.
  const rtol = method === "bs32" ? 1e-8 : 1e-11;
  test.each(problems)("%s", async (_name, problem, amplification) => {
    const reference = await run(problem, 1e-12);
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

test("dense output and quadrature are as good as the step", async () => {
  const at = [0, 0.7, 1.5, 3];
  const f = (t: number, y: Float64Array) => {
    const out = new Float64Array(2);
    void hopf.field(t, y, out);
    return out;
  };
  const solution = await solve(f, { ...hopf, method: "odex", rtol: 1e-11, atol: 1e-12, at });
  expect(solution.times).toEqual(at);
  // A hundred times the tolerance: local errors accumulate, and odex controls its dense output more loosely.
  for (const [i, y] of solution.states.entries()) expect(distance(y, hopf.exact(at[i]!))).toBeLessThan(1e-9);

  const stepper = createStepper({
    ...quartic,
    method: "odex",
    space: float64Space(1),
    y0: Float64Array.of(1),
    rtol: 1e-11,
    atol: 1e-12,
  });
  let [whole, parts] = [0, 0];
  await integrate({
    stepper,
    tEnd: 2,
    onStep(step) {
      const square = (slope: Float64Array) => slope[0]! ** 2;
      whole += step.quadrature(square);
      const middle = step.t0 + 0.3 * step.h;
      parts += step.quadrature(square, middle) / (0.3 * step.h);
      // y'² at the middle of the part, up to the curvature of the part.
      const rate = quartic.exact(step.t0 + 0.15 * step.h) ** 6;
      expect(Math.abs(step.quadrature(square, middle) / (0.3 * step.h * rate) - 1)).toBeLessThan(step.h ** 2);
      return undefined;
    },
  });
  // ∫|y'|² = L(0) − L(2), to a hundred tolerances.
  expect(Math.abs(whole - (1 - quartic.exact(2) ** 4) / 4)).toBeLessThan(1e-9);
  expect(parts).toBeGreaterThan(0);
});

test("a field that has to be waited for gives the same bits for the same evaluations", async () => {
  const waiting: Plain = async (t, y, out) => {
    await Promise.resolve();
    await predators.field(t, y, out);
  };
  const [a, b] = [await run(predators, 1e-8), await run(predators, 1e-8, { field: waiting })];
  expect([...b.y]).toEqual([...a.y]);
  expect([b.evaluations, b.accepted, b.rejected]).toEqual([a.evaluations, a.accepted, a.rejected]);
});

test.each([1e-9, 1e9])("in time that runs %f times as fast it takes the same steps", async (scale) => {
  const scaled: Problem = {
    ...hopf,
    tEnd: hopf.tEnd / scale,
    async field(t, y, out) {
      await hopf.field(t * scale, y, out);
      for (let i = 0; i < out.length; i++) out[i]! *= scale;
    },
  };
  const a = await run(hopf, 1e-8, { firstStep: 0.01 });
  const b = await run(scaled, 1e-8, { firstStep: 0.01 / scale });
  expect([b.status, b.evaluations]).toEqual(["reachedEnd", a.evaluations]);
  // Rounding of the times, amplified by nothing.
  expect(distance(a.y, b.y)).toBeLessThan(1e-13);
});

describe("ends with a status", () => {
  const start = { t0: 0, y0: [1], tEnd: 2 };
  test("explosion in finite time", async () => {
    const end = await run({ ...start, field: (_t, y, out) => void out.fill(y[0]! ** 2) }, 1e-8);
    expect(["stepTooSmall", "nonFinite"]).toContain(end.status);
    // y' = y² from 1 explodes at t = 1.
    expect(end.t).toBeCloseTo(1, 4);
  });
  test("nonFinite", async () => {
    const end = await run({ ...start, field: (t, _y, out) => void out.fill(t > 1 ? Number.NaN : 1) }, 1e-8);
    expect(end.status).toBe("nonFinite");
    expect(end.t).toBeLessThanOrEqual(1);
  });
  test("an error of the field comes through", async () => {
    const field = () => {
      throw new Error("no such thing");
    };
    await expect(run({ ...start, field }, 1e-8)).rejects.toThrow("no such thing");
  });
});
