/** The linearly implicit method of Hairer and Wanner, of order 4. */
import type { RosenbrockMethod } from "../method.js";

export const rodas4: RosenbrockMethod = {
  name: "rodas4",
  kind: "implicit",
  order: 4,
  source: "Hairer, Wanner, Solving Ordinary Differential Equations II, VI.4; rodas.f (METH = 1)",
  use: "reference for very long times",
  needs: ["jacobian", "arrays"],
  vectors: 11,
  // Beyond, a factorisation takes longer than thousands of gradients.
  maxDimension: 2000,
  stages: 6,
  estimateOrder: 3,
  coefficients: {
    gamma: 0.25,
    a: [
      [],
      [1.544],
      [0.9466785280815826, 0.2557011698983284],
      [3.314825187068521, 2.896124015972201, 0.9986419139977817],
      [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895],
    ],
    g: [
      [],
      [-5.6688],
      [-2.430093356833875, -0.2063599157091915],
      [-0.1073529058151375, -9.594562251023355, -20.47028614809616],
      [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.7089089320616],
      [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054],
    ],
    c: [0, 0.386, 0.21, 0.63, 1, 1],
    d: [0.25, -0.1043, 0.1035, -0.0362, 0, 0],
  },
  controller: { beta: 0, minFactor: 0.2, maxFactor: 6 },
};
