/**
 * Networks as graphs of one flat parameter vector θ.
 *
 * Order of θ: per layer the weights [in, out] row-major, then the bias [out], then (PReLU) the layer's slope.
 * With θ of shape [s, P] and inputs [s, n, N] the same source builds s networks side by side, which is how one
 * reverse sweep gives s rows of a Jacobian.
 */
import type { GraphBuilder, Node } from "../graph/index.js";
import { type ActivationSpec, applyActivation } from "./activation.js";

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

export interface Layer {
  readonly fanIn: number;
  readonly fanOut: number;
  readonly activated: boolean;
  /** Offsets into θ. */
  readonly weights: number;
  readonly bias: number | null;
  readonly slope: number | null;
}

export interface Layout {
  readonly layers: readonly Layer[];
  /** Length P of θ. */
  readonly size: number;
}

/** Where each layer's parameters stand in θ. */
export function layoutOf(spec: NetworkSpec): Layout {
  const widths = [spec.inputDimension, ...spec.hidden];
  const activated = spec.hidden.map(() => true);
  if (spec.kind === "resnet" && spec.hidden.length > 0 && spec.hidden[0] !== spec.inputDimension) {
    widths.splice(1, 0, spec.hidden[0] as number);
    activated.unshift(false);
  }
  widths.push(spec.outputDimension);
  activated.push(false);
  let size = 0;
  const take = (count: number): number => {
    size += count;
    return size - count;
  };
  const layers = activated.map((isActivated, l): Layer => {
    const fanIn = widths[l] as number;
    const fanOut = widths[l + 1] as number;
    return {
      fanIn,
      fanOut,
      activated: isActivated,
      weights: take(fanIn * fanOut),
      bias: spec.bias ? take(fanOut) : null,
      slope: isActivated && spec.activation.kind === "prelu" ? take(1) : null,
    };
  });
  return { layers, size };
}

/** The nodes of one forward pass. Lists run over the activated layers, first to last. */
export interface Forward {
  /** [n, M] */
  readonly output: Node;
  /** Pre-activations z_l, each [n, width]. */
  readonly preactivations: readonly Node[];
  /** Activations σ(z_l). */
  readonly activations: readonly Node[];
  /** Every layer, affine ones and the output layer too. */
  readonly layers: readonly LayerNodes[];
}

/** What one layer is made of: z = input·W + bias, in a gcn Â·input·W + bias. */
export interface LayerNodes {
  readonly layer: Layer;
  /** [n, fanIn] */
  readonly input: Node;
  /** z [n, fanOut] */
  readonly z: Node;
  /** PReLU's slope, once per sample [n, 1]. */
  readonly slope: Node | null;
}

/**
 * Builds the forward pass.
 * @param theta [P] or [s, P]
 * @param x [n, N] or [s, n, N]
 * @param pieces one node per activated layer, of its pre-activations' shape, or null to read them off z
 * @param adjacency Â [n, n], for gcn
 */
export function forward(
  b: GraphBuilder,
  spec: NetworkSpec,
  theta: Node,
  x: Node,
  pieces: readonly Node[] | null,
  adjacency: Node | null,
): Forward {
  const axis = theta.shape.length - 1;
  const batch = theta.shape.slice(0, axis);
  const parameter = (start: number, shape: readonly [number, number]): Node =>
    b.reshape(b.slice(theta, axis, start, start + shape[0] * shape[1]), [...batch, ...shape]);
  const preactivations: Node[] = [];
  const activations: Node[] = [];
  const layers: LayerNodes[] = [];
  let h = x;
  for (const layer of layoutOf(spec).layers) {
    const weights = parameter(layer.weights, [layer.fanIn, layer.fanOut]);
    const mix = (node: Node): Node => (spec.kind === "gcn" ? b.matmul(adjacency as Node, node) : node);
    // (ÂH)W = Â(HW): the narrower product is the cheaper one, but ÂX is a constant.
    const mixFirst = h === x || layer.fanIn <= layer.fanOut;
    let z = mixFirst ? b.matmul(mix(h), weights) : mix(b.matmul(h, weights));
    if (layer.bias !== null) z = b.add(z, parameter(layer.bias, [1, layer.fanOut]));
    const slope =
      layer.slope === null ? null : b.broadcast(parameter(layer.slope, [1, 1]), [...z.shape.slice(0, -1), 1]);
    layers.push({ layer, input: h, z, slope });
    if (!layer.activated) {
      h = z;
      continue;
    }
    const a = applyActivation(b, spec.activation, z, pieces?.[preactivations.length] ?? null, slope);
    preactivations.push(z);
    activations.push(a);
    h = spec.kind === "resnet" ? b.add(h, a) : a;
  }
  return { output: h, preactivations, activations, layers };
}
