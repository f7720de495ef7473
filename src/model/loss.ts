/** The squared loss L = c‖F − y‖² and its reductions. */
import type { GraphBuilder, Node } from "../graph/index.js";

export type Reduction = "half-sum" | "sum" | "mean" | "half-mean-sample";

/** The factor c of L = c‖r‖². It sets the unit of time: canonical time is τ = 2ct. */
export function lossFactor(reduction: Reduction, samples: number, outputs: number): number {
  switch (reduction) {
    case "half-sum":
      return 1 / 2;
    case "sum":
      return 1;
    case "mean":
      return 1 / (samples * outputs);
    case "half-mean-sample":
      return 1 / (2 * samples);
  }
}

/** L = c Σ (F − y)², a scalar. */
export function squaredLoss(b: GraphBuilder, output: Node, targets: Node, factor: number): Node {
  const residual = b.sub(output, targets);
  return b.scale(b.total(b.mul(residual, residual)), factor);
}
