import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createStepper, float64Space, integrate } from "../../src/ode/index.js";
import { arenstorf, brusselator, distance, hopf, predators } from "../ode/problems.js";

const problems = { hopf, brusselator, arenstorf, predators };

interface Run {
  readonly problem: keyof typeof problems;
  readonly method: keyof typeof names;
  readonly rtol: number;
  readonly atol: number;
  readonly evaluations: number;
  readonly error: number;
}
const names = { RK45: "dopri5", DOP853: "dop853", RK23: "bs32" } as const;
const data = JSON.parse(readFileSync(new URL("data/scipy-counts.json", import.meta.url), "utf8")) as {
  readonly references: Readonly<Record<Run["problem"], number[]>>;
  readonly runs: readonly Run[];
};

test.each(data.runs)("$method on $problem at $rtol", async (run) => {
  const problem = problems[run.problem];
  const stepper = createStepper({
    space: float64Space(problem.y0.length),
    ...problem,
    method: names[run.method],
    y0: Float64Array.from(problem.y0),
    rtol: run.rtol,
    atol: run.atol,
  });
  const outcome = await integrate({ stepper, tEnd: problem.tEnd });
  // The same tableau, norm and starting step; only the controller differs (PI against SciPy's classical one).
  expect(Math.abs(outcome.evaluations / run.evaluations - 1)).toBeLessThan(0.2);
  // Steps at other places give other errors of the same tolerance; arenstorf multiplies small differences.
  expect(distance(stepper.y, data.references[run.problem])).toBeLessThan(10 * run.error);
});
