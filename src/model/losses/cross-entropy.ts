/**
 * Cross-entropy of softmax(F). Of certain labels it is softplus(v), e^v = Σ_{k≠y} e^{f_k − f_y}: neither value nor gradient then cancels
 * as the label's probability tends to 1. As torch.nn.CrossEntropyLoss, probabilities as targets and label smoothing included.
 */
import { z } from "zod";
import type { GraphBuilder, Node } from "../../graph/index.js";
import { logSoftplus, logSumExp, softplus } from "../softplus.js";
import { defineLoss, type LossInputs, plainReductions, tailRounding } from "./define.js";

/** What the label's own entry has for an exponent: e to this is zero, in float32 too. */
const NEVER = -1e30;

/** v [n] of one-hot rows. */
function excess(b: GraphBuilder, { output, targets }: LossInputs): Node {
  const own = b.sum(b.mul(targets, output), [1]);
  const others = b.mul(b.sub(output, own), b.sub(b.constant(1), targets));
  return logSumExp(b, b.add(others, b.scale(targets, NEVER)), [1]);
}

export const crossEntropy = defineLoss({
  kind: "cross-entropy",
  text: "ℓ = −Σ_k y_k ln softmax(F)_k of every sample, y a row that sums to 1 or the index of a class from 0.",
  fields: {
    labelSmoothing: z
      .number()
      .min(0)
      .lt(1)
      .exactOptional()
      .describe(
        "s: targets are (1 − s)y + s/M in place of y, as in torch.nn.CrossEntropyLoss. Then L has a minimum that outputs reach, their entropy. Absent: 0.",
      ),
  },
  targets: "classes",
  reductions: plainReductions,
  softens: ({ labelSmoothing = 0 }) => labelSmoothing > 0,
  terms(b, inputs, { labelSmoothing = 0 }) {
    if (inputs.isOneHot) return softplus(b, excess(b, inputs));
    const { output, outputs } = inputs;
    const targets =
      labelSmoothing === 0
        ? inputs.targets
        : b.add(b.scale(inputs.targets, 1 - labelSmoothing), b.constant(labelSmoothing / outputs));
    const own = b.sum(b.mul(targets, output), [1]);
    return logSumExp(b, b.sub(output, own), [1]);
  },
  least(targets, { outputs }, { labelSmoothing = 0 }) {
    const entropyOf = (p: number): number => (p > 0 ? -p * Math.log(p) : 0);
    return targets.reduce(
      (sum, y) => sum + entropyOf((1 - labelSmoothing) * y + labelSmoothing / outputs),
      0,
    );
  },
  logTerms: (b, inputs) => (inputs.isOneHot ? logSoftplus(b, excess(b, inputs)) : null),
  rounding: tailRounding,
});
