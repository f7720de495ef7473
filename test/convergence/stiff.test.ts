import { describe, expect, test } from "vitest";
import { solve } from "../../src/ode/index.js";
import { hires, robertson, type StiffProblem, sixDecades } from "../ode/stiff-problems.js";

const tolerances = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8];

/** RMS of the error at the end in units of the tolerance: 1 is what was asked for. */
async function achieved(
  problem: StiffProblem,
  method: "rkc2" | "tsrkc3" | "auto",
  rtol: number,
  atol: number,
) {
  const { states, evaluations, status } = await solve(
    (t, y) => {
      const out = new Float64Array(y.length);
      void problem.field(t, y, out);
      return out;
    },
    { method, t0: 0, y0: problem.y0, tEnd: problem.tEnd, rtol, atol, at: [problem.tEnd] },
  );
  const [y] = states;
  const parts = problem.reference.map((x, i) => ((y![i]! - x) / (atol + rtol * Math.abs(x))) ** 2);
  return { error: Math.sqrt(parts.reduce((p, q) => p + q) / parts.length), evaluations, status };
}

describe("a linear gradient flow with rates over six decades", () => {
  // One error a step, of the tolerance's size at most and smaller where the step has few stages, and modes that forget: a factor 10
  // on either side.
  test.each(["rkc2", "tsrkc3", "auto"] as const)(
    "%s: error within a factor 10 of the tolerance",
    async (method) => {
      for (const rtol of tolerances) {
        const { error, evaluations, status } = await achieved(sixDecades, method, rtol, rtol);
        expect(status).toBe("reachedEnd");
        expect(error).toBeLessThan(10);
        expect(error).toBeGreaterThan(0.05);
        // dopri5 needs 54 500 at every tolerance, 6·30·1000/3.31; the errors of second order get dear.
        expect(evaluations).toBeLessThan(method === "rkc2" ? 40_000 : 16_000);
      }
    },
  );
});

describe.each([
  // The absolute tolerance lies below the smallest component, as the test set asks.
  ["hires", hires],
  ["robertson", robertson],
] as const)("%s, published reference", (_name, problem) => {
  test.each(["rkc2", "tsrkc3", "auto"] as const)("%s", async (method) => {
    for (const rtol of tolerances) {
      const { error, evaluations, status } = await achieved(problem, method, rtol, 1e-4 * rtol);
      expect(status).toBe("reachedEnd");
      expect(error).toBeLessThan(10);
      // rkc2 needs 182 000 on hires at 1e-8, which it is not for.
      expect(evaluations).toBeLessThan(method === "rkc2" ? 200_000 : 55_000);
    }
  });
});

test("rkc2's error is proportional to the tolerance", async () => {
  for (const problem of [sixDecades, robertson]) {
    const parts = problem === robertson ? 1e-4 : 1;
    const errors: number[] = [];
    for (const rtol of tolerances) errors.push((await achieved(problem, "rkc2", rtol, parts * rtol)).error);
    // Within 1.4 where measured; at an unadjusted tolerance both grow by a factor of 11 to 13 from 1e-3 to 1e-8.
    expect(Math.max(...errors) / Math.min(...errors)).toBeLessThan(2);
  }
});
