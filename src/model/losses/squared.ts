/** The squared loss L = c‖F − y‖² and its reductions. */
import { defineLoss, type LossData } from "./define.js";

export type Reduction = "half-sum" | "sum" | "mean" | "half-mean-sample";

const reductions: Readonly<Record<Reduction, (data: Pick<LossData, "samples" | "outputs">) => number>> = {
  "half-mean-sample": ({ samples }) => 1 / (2 * samples),
  "half-sum": () => 1 / 2,
  sum: () => 1,
  mean: ({ samples, outputs }) => 1 / (samples * outputs),
};

/** The factor c of L = c‖r‖². It sets the unit of time: canonical time is τ = 2ct. */
export function lossFactor(reduction: Reduction, samples: number, outputs: number): number {
  return reductions[reduction]({ samples, outputs });
}

export const squared = defineLoss({
  kind: "squared",
  text: "L = c‖r‖² of the stacked residual r = F − y; c = 1/(2n), 1/2, 1 or 1/(nM) by `reduction`.",
  fields: {},
  targets: "real",
  reductions,
  isSquared: true,
  terms(b, { output, targets }) {
    const residual = b.sub(output, targets);
    return b.mul(residual, residual);
  },
  rounding(loss, part, factor, _data, _fields, targets) {
    const residual = Math.sqrt(loss / factor);
    const error = part * (targets + residual);
    return factor * error * (2 * residual + error);
  },
});
