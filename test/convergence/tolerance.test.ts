import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createStepper, float64Space, integrate } from "../../src/ode/index.js";
import { brusselator, distance, hopf, predators } from "../ode/problems.js";

const { references } = JSON.parse(
  readFileSync(new URL("data/scipy-counts.json", import.meta.url), "utf8"),
) as { references: Record<"brusselator" | "predators", number[]> };

/**
 * Global error per unit of tolerance (atol = rtol/100) lies in these bounds. The solver controls the local error of a step; the
 * problem multiplies it: hopf and the brusselator contract, predators is neutral with states up to 10 and 15 time units.
 */
const cases = [
  { name: "hopf", problem: hopf, reference: hopf.exact(hopf.tEnd), most: 10 },
  { name: "brusselator", problem: brusselator, reference: references.brusselator, most: 50 },
  { name: "predators", problem: predators, reference: references.predators, most: 200 },
];
const tolerances = [1e-4, 1e-6, 1e-8, 1e-10];

describe.each(cases)("$name", ({ problem, reference, most }) => {
  test.each(["bs32", "dopri5", "tsit5", "dop853"] as const)(
    "%s delivers what was asked for",
    async (method) => {
      const errors: number[] = [];
      // bs32 needs 10⁵ steps at 1e-10: not what it is for.
      for (const rtol of method === "bs32" ? tolerances.slice(0, 3) : tolerances) {
        const stepper = createStepper({
          space: float64Space(problem.y0.length),
          ...problem,
          method,
          y0: Float64Array.from(problem.y0),
          rtol,
          atol: rtol / 100,
        });
        await integrate({ stepper, tEnd: problem.tEnd });
        const error = distance(stepper.y, reference);
        expect(error / rtol).toBeLessThan(most);
        // Far better than asked for would be waste; dop853's steps are long, so its estimate is the most cautious.
        expect(error / rtol).toBeGreaterThan(1e-4);
        errors.push(error);
      }
      for (let i = 1; i < errors.length; i++) expect(errors[i]).toBeLessThan(errors[i - 1]! / 5);
    },
  );
});
