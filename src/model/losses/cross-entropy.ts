/**
 * Cross-entropy of softmax(F). Of certain labels it is softplus(v), e^v = Σ_{k≠y} e^{f_k − f_y}: neither value nor gradient then cancels
 * as the label's probability tends to 1. As torch.nn.CrossEntropyLoss, probabilities as targets included.
 */
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
  fields: {},
  targets: "classes",
  reductions: plainReductions,
  terms(b, inputs) {
    if (inputs.isOneHot) return softplus(b, excess(b, inputs));
    const { output, targets } = inputs;
    const own = b.sum(b.mul(targets, output), [1]);
    return logSumExp(b, b.sub(output, own), [1]);
  },
  logTerms: (b, inputs) => (inputs.isOneHot ? logSoftplus(b, excess(b, inputs)) : null),
  rounding: tailRounding,
});
