/** The pair of Tsitouras, of order 5. */
import type { RungeKuttaMethod } from "../method.js";
import { controller } from "../tableau.js";

export const tsit5: RungeKuttaMethod = {
  name: "tsit5",
  kind: "explicit",
  order: 5,
  source:
    "Tsitouras, Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption, Comp. Math. Appl. 62 (2011)",
  use: "as dopri5, a little cheaper",
  needs: [],
  vectors: 10,
  stages: 6,
  a: [
    [],
    [0.161],
    [-0.008480655492356989, 0.335480655492357],
    [2.8971530571054935, -6.359448489975075, 4.3622954328695815],
    [5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525],
    [5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383],
  ],
  b: [
    0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774,
  ],
  c: [0, 0.161, 0.327, 0.9, 0.9800255409045097, 1],
  fsal: true,
  error: {
    kind: "single",
    order: 4,
    weights: [
      -0.001780011052225777,
      -0.0008164344596567469,
      0.007880878010261995,
      -0.1447110071732629,
      0.5823571654525552,
      -0.45808210592918697,
      1 / 66,
    ],
  },
  // Its free quartic interpolant matches y and y' at both ends, so the x⁴ coefficients are the whole correction.
  dense: {
    source: "Tsitouras 2011, section 4 (x⁴ coefficients of the continuous weights)",
    order: 4,
    kind: "hermite",
    corrections: [
      [
        -1.0530884977290216, 0.1017, 2.490627285651253, -16.548102889244902, 47.37952196281928,
        -34.87065786149661, 2.5,
      ],
    ],
    extraStages: [],
  },
  controller,
};
