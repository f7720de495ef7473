/** The hinge loss of signs: kinked where a margin is 1, at a site like those of activations. */
import { defineLoss, plainReductions } from "./define.js";

export const hinge = defineLoss({
  kind: "hinge",
  text: "ℓ = max(0, 1 − y f) of every output f and its target y = ±1. Its kink is treated as those of activations are.",
  fields: {},
  targets: "signs",
  reductions: plainReductions,
  site: {
    activation: { kind: "relu" },
    z: (b, output, targets) => b.sub(b.constant(1), b.mul(targets, output)),
  },
  terms(b, _inputs, _fields, activated) {
    if (activated === null) throw new Error("hinge: the loss stands at a site.");
    // σ is −0 below its kink, and some engines' sums of such are −0 too: 0 − (−1)·(−0) is 0, and exact otherwise.
    return b.sub(b.constant(0), b.scale(b.total(activated), -1));
  },
  rounding: (loss, part, weight, { samples, outputs }) => part * (2 * weight * samples * outputs + loss),
});
