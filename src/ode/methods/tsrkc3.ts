/** The stabilised two-step method of order 3, by Moisa. */
import type { StabilisedMethod } from "../method.js";

export const tsrkc3: StabilisedMethod = {
  name: "tsrkc3",
  kind: "stabilised",
  order: 3,
  source:
    "Moisa, Third-order two-step Runge–Kutta–Chebyshev methods, J. Comp. Appl. Math. (2025), doi 10.1016/j.cam.2024.116291",
  use: "long stiff times at rtol below 1e-3",
  needs: ["sharpness"],
  vectors: 7,
  leastStages: 3,
  steps: 2,
  stabilityPerSquare: 0.505,
  // Keeps the ratio of two steps in the range in which the method is stable.
  maxFactor: 2,
  defectShare: 0.6,
};
