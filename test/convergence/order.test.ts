import { describe, expect, test } from "vitest";
import { createStepper, float64Space, integrate, type TableauName, tableaux } from "../../src/ode/index.js";
import { distance, hopf, type Problem, withoutControl } from "../ode/problems.js";

interface SolvedProblem extends Problem {
  exact(t: number): number[];
}

/** y' = y − y², the gradient flow of −y²/2 + y³/3 from 0.1. */
const logistic: SolvedProblem = {
  field(_t, y, out) {
    out[0] = y[0]! - y[0]! ** 2;
  },
  y0: [0.1],
  t0: 0,
  tEnd: 4,
  exact: (t: number) => [1 / (1 + 9 * Math.exp(-t))],
};
const potential = (y: number) => -(y ** 2) / 2 + y ** 3 / 3;

interface Errors {
  node: number;
  dense: number;
  energy: number;
}

async function errors(name: TableauName, problem: SolvedProblem, steps: number): Promise<Errors> {
  const out = new Float64Array(problem.y0.length);
  const worst: Errors = { node: 0, dense: 0, energy: 0 };
  let energy = 0;
  await integrate({
    stepper: createStepper({
      space: float64Space(problem.y0.length),
      field: problem.field,
      method: withoutControl(tableaux[name]),
      t0: problem.t0,
      y0: Float64Array.from(problem.y0),
      stepSize: (problem.tEnd - problem.t0) / steps,
    }),
    tEnd: problem.tEnd,
    async onStep(step) {
      worst.node = Math.max(worst.node, distance(step.y1, problem.exact(step.t1)));
      for (const x of [0.1, 0.25, 0.5, 0.7, 0.9]) {
        const t = step.t0 + x * step.h;
        await step.interpolate(t, out);
        worst.dense = Math.max(worst.dense, distance(out, problem.exact(t)));
      }
      energy += step.quadrature((k) => k[0]! ** 2);
      return undefined;
    },
  });
  worst.energy = Math.abs(energy - (potential(0.1) - potential(problem.exact(problem.tEnd)[0]!)));
  return worst;
}

const slope = (coarse: number, fine: number, ratio: number) => Math.log(coarse / fine) / Math.log(ratio);

/** How far an observed order may lie from the nominal one: the next term of the error expansion, at step sizes that still
 * keep the error a hundred times above rounding. */
const SLACK = 0.2;

// Numbers of steps in the asymptotic range of each method. dop853 is measured on `hopf`: on `logistic` it reaches 1e-14 in 10
// steps, before its error has become a pure power of h.
describe.each([
  ["euler", 80, 160, logistic],
  ["heun", 80, 160, logistic],
  ["rk4", 80, 160, logistic],
  ["bs32", 80, 160, logistic],
  ["dopri5", 60, 120, logistic],
  ["tsit5", 80, 160, logistic],
  ["dop853", 12, 20, hopf],
] as const)("%s", (name, coarse, fine, problem) => {
  test("order at the nodes and between them", async () => {
    const [a, b] = [await errors(name, problem, coarse), await errors(name, problem, fine)];
    const { order } = tableaux[name];
    expect(Math.abs(slope(a.node, b.node, fine / coarse) - order)).toBeLessThan(SLACK);
    expect(Math.abs(slope(a.dense, b.dense, fine / coarse) - order)).toBeLessThan(SLACK);
  });

  test("order of the quadrature", async () => {
    // Fewer steps: the fifth-order pairs integrate this energy better than their order, and must stay above rounding.
    const [n, m] = name === "dop853" ? [8, 16] : [coarse / 4, fine / 4];
    const [a, b] = [await errors(name, logistic, n), await errors(name, logistic, m)];
    expect(slope(a.energy, b.energy, m / n)).toBeGreaterThan(tableaux[name].order - SLACK);
  });
});
