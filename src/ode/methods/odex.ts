/** Extrapolation of the midpoint rule, in the code that is on npm: other mathematics and other hands than all the rest. */
import type { OtherMethod } from "../method.js";

export const odex: OtherMethod = {
  name: "odex",
  kind: "extrapolation",
  order: null,
  source: "Hairer, Nørsett, Wanner, Solving ODEs I, II.9; npm odex",
  use: "a cross-check by other hands, of small networks",
  needs: ["arrays"],
  // Its extrapolation table and the coefficients of the dense output.
  vectors: 24,
  // Its tables are kept, and its dense output read, by the square of the dimension.
  maxDimension: 2000,
};
