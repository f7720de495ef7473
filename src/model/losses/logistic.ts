/** The logistic loss of signs. */
import { logSoftplus, softplus } from "../softplus.js";
import { defineLoss, plainReductions, tailRounding } from "./define.js";

export const logistic = defineLoss({
  kind: "logistic",
  text: "ℓ = ln(1 + e^{−y f}) of every output f and its target y = ±1.",
  fields: {},
  targets: "signs",
  reductions: plainReductions,
  terms: (b, { output, targets }) => softplus(b, b.neg(b.mul(targets, output))),
  logTerms: (b, { output, targets }) => logSoftplus(b, b.neg(b.mul(targets, output))),
  rounding: tailRounding,
});
