/** The exponential loss of signs. */
import { defineLoss, plainReductions, tailRounding } from "./define.js";

export const exponential = defineLoss({
  kind: "exponential",
  text: "ℓ = e^{−y f} of every output f and its target y = ±1.",
  fields: {},
  targets: "signs",
  reductions: plainReductions,
  terms: (b, { output, targets }) => b.exp(b.neg(b.mul(targets, output))),
  logTerms: (b, { output, targets }) => b.neg(b.mul(targets, output)),
  rounding: tailRounding,
});
