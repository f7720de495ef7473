/** The stabilised method of order 2, by Sommeijer, Shampine and Verwer. */
import type { StabilisedMethod } from "../method.js";

export const rkc2: StabilisedMethod = {
  name: "rkc2",
  kind: "stabilised",
  order: 2,
  source:
    "Sommeijer, Shampine, Verwer, RKC: an explicit solver for parabolic PDEs, J. Comp. Appl. Math. 88 (1998); rkc.f",
  use: "long stiff times at rtol 1e-3 and looser",
  needs: ["sharpness"],
  vectors: 5,
  leastStages: 2,
  steps: 1,
  stabilityPerSquare: 0.653,
  maxFactor: 10,
  defectShare: 0.4,
};
