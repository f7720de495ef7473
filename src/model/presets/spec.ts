/** What the three first architectures are said by. */
import type { ActivationSpec } from "../activation.js";

export interface NetworkSpec {
  /**
   * dnn: h_l = σ(W_l h_{l−1} + b_l). resnet: h_l = h_{l−1} + σ(W_l h_{l−1} + b_l), after an affine layer where the width
   * differs from the input dimension. gcn: H_l = σ(Â H_{l−1} W_l + b_l). The output layer is affine (gcn: Â H W + b).
   */
  readonly kind: "dnn" | "resnet" | "gcn";
  readonly inputDimension: number;
  readonly hidden: readonly number[];
  readonly outputDimension: number;
  readonly bias: boolean;
  readonly activation: ActivationSpec;
}
