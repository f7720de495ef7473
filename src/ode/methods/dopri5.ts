/** The pair of Dormand and Prince, of order 5. */
import type { RungeKuttaMethod } from "../method.js";
import { controller } from "../tableau.js";

export const dopri5: RungeKuttaMethod = {
  name: "dopri5",
  kind: "explicit",
  order: 5,
  source: "Dormand, Prince, A family of embedded Runge-Kutta formulae, J. Comp. Appl. Math. 6 (1980)",
  use: "rtol 1e-3 to 1e-7 while accuracy limits the step",
  needs: [],
  vectors: 10,
  stages: 6,
  a: [
    [],
    [1 / 5],
    [3 / 40, 9 / 40],
    [44 / 45, -56 / 15, 32 / 9],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  ],
  b: [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
  c: [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1],
  fsal: true,
  error: {
    kind: "single",
    order: 4,
    weights: [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40],
  },
  dense: {
    source: "Shampine, Some practical Runge-Kutta formulas, Math. Comp. 46 (1986); CONTD5 of dopri5.f",
    order: 4,
    kind: "hermite",
    corrections: [
      [
        -12715105075 / 11282082432,
        0,
        87487479700 / 32700410799,
        -10690763975 / 1880347072,
        701980252875 / 199316789632,
        -1453857185 / 822651844,
        69997945 / 29380423,
      ],
    ],
    extraStages: [],
  },
  controller,
};
