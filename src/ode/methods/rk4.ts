/** The classical Runge–Kutta method. */
import type { RungeKuttaMethod } from "../method.js";
import { hermite } from "../tableau.js";

export const rk4: RungeKuttaMethod = {
  name: "rk4",
  kind: "fixed step",
  order: 4,
  source: "Kutta 1901 (the classical method)",
  use: "comparisons with a given step",
  needs: ["sharpness"],
  vectors: 8,
  stages: 4,
  a: [[], [1 / 2], [0, 1 / 2], [0, 0, 1]],
  b: [1 / 6, 1 / 3, 1 / 3, 1 / 6],
  c: [0, 1 / 2, 1 / 2, 1],
  fsal: false,
  error: null,
  dense: hermite,
  controller: null,
};
