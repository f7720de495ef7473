/** The explicit trapezoidal rule. */
import type { RungeKuttaMethod } from "../method.js";
import { hermite } from "../tableau.js";

export const heun: RungeKuttaMethod = {
  name: "heun",
  kind: "fixed step",
  order: 2,
  source: "Heun 1900 (explicit trapezoidal rule)",
  use: "comparisons with a given step",
  needs: ["sharpness"],
  vectors: 6,
  stages: 2,
  a: [[], [1]],
  b: [1 / 2, 1 / 2],
  c: [0, 1],
  fsal: false,
  error: null,
  dense: { ...hermite, order: 2 },
  controller: null,
};
