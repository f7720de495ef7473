/** The pair of Bogacki and Shampine, of order 3. */
import type { RungeKuttaMethod } from "../method.js";
import { controller, hermite } from "../tableau.js";

export const bs32: RungeKuttaMethod = {
  name: "bs32",
  kind: "explicit",
  order: 3,
  source: "Bogacki, Shampine, A 3(2) pair of Runge-Kutta formulas, Appl. Math. Lett. 2 (1989)",
  use: "loose tolerances, short times",
  needs: [],
  vectors: 7,
  stages: 3,
  a: [[], [1 / 2], [0, 3 / 4]],
  b: [2 / 9, 1 / 3, 4 / 9],
  c: [0, 1 / 2, 3 / 4],
  fsal: true,
  error: { kind: "single", order: 2, weights: [5 / 72, -1 / 12, -1 / 9, 1 / 8] },
  dense: hermite,
  controller,
};
