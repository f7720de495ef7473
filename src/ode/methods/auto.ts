/** The choice among the others, step by step. */
import type { OtherMethod } from "../method.js";

export const auto: OtherMethod = {
  name: "auto",
  kind: "automatic",
  order: null,
  source: "docs/math.md",
  use: "the default: dopri5 or dop853, and rkc2 or tsrkc3 once stability limits the step",
  needs: ["sharpness"],
  // An explicit method and a stabilised one.
  vectors: 26,
};
