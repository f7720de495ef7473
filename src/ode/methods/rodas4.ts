/** The linearly implicit method of Hairer and Wanner, of order 4. */
import type { RosenbrockMethod } from "../method.js";

export const rodas4: RosenbrockMethod = {
  name: "rodas4",
  kind: "implicit",
  order: 4,
  source: "Hairer, Wanner, Solving Ordinary Differential Equations II, VI.4; rodas.f (METH = 1)",
  use: "reference for very long times",
  needs: ["jacobian", "arrays"],
  // Beyond, a factorisation takes longer than thousands of gradients.
  maxDimension: 2000,
  stages: 6,
  estimateOrder: 3,
  controller: { beta: 0, minFactor: 0.2, maxFactor: 6 },
};
