/** Euler's method: gradient descent, seen as an integrator. */
import type { RungeKuttaMethod } from "../method.js";

export const euler: RungeKuttaMethod = {
  name: "euler",
  kind: "fixed step",
  order: 1,
  source: "Euler 1768",
  use: "gradient descent as a method; teaching",
  needs: ["sharpness"],
  vectors: 5,
  stages: 1,
  a: [[]],
  b: [1],
  c: [0],
  fsal: false,
  error: null,
  dense: { source: "linear", order: 1, kind: "linear", corrections: [], extraStages: [] },
  controller: null,
};
