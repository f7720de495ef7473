/**
 * Graphs of the tangent kernel: rows of Jacobians, Gram matrices and products for *chosen scalars* of a network.
 *
 * Scalars: all hidden pre-activations, flat as the entries of a family (layer by layer, in each [sample, unit]), then all
 * outputs [sample, output]. In a row of `seeds` the scalars of one sample stand in the same order, layer by layer, outputs last.
 */
import { pullback, pushforward, roundingErrors } from "../autodiff/index.js";
import { createGraph, type Graph, GraphBuilder, type Node, sizeOf } from "../graph/index.js";
import { pieceTable } from "./activation.js";
import { type Forward, forward, layoutOf, type NetworkSpec } from "./network.js";

/** Scalars per sample: units of all hidden layers and outputs. */
export function scalarsPerSample(spec: NetworkSpec): number {
  return spec.hidden.reduce((sum, width) => sum + width, spec.outputDimension);
}

/** One layer of s scalars: ∂scalar/∂W is the outer product of a row of `input` and one of `signal`. */
interface Factor {
  /** [s, fanIn] */
  readonly input: Node;
  /** ∂scalar/∂z [s, fanOut] */
  readonly signal: Node;
  /** ∂scalar/∂slope [s, 1], for PReLU. */
  readonly slope: Node | null;
  readonly bias: boolean;
}

/**
 * s scalars of networks that act sample by sample: row k belongs to the sample in row k of `x` [s, N], is locked to row k of
 * `pieces` [s, Σ hidden] and is the combination of its sample's scalars that row k of `seeds` says.
 */
function scalarFactors(b: GraphBuilder, spec: NetworkSpec, s: number): Factor[] {
  const theta = b.input("theta", [layoutOf(spec).size]);
  const x = b.input("x", [s, spec.inputDimension]);
  const seeds = b.input("seeds", [s, scalarsPerSample(spec)]);
  const hidden = spec.hidden.reduce((sum, width) => sum + width, 0);
  const cut = (node: Node): Node[] => {
    let start = 0;
    return spec.hidden.map((width) => {
      start += width;
      return b.slice(node, 1, start - width, start);
    });
  };
  const pieces = pieceTable(spec.activation) === null ? null : cut(b.input("pieces", [s, hidden]));
  const run = forward(b, spec, theta, x, pieces, null);
  const outputs = b.slice(seeds, 1, hidden, seeds.shape[1] as number);
  const slopes = run.layers.flatMap(({ slope }) => (slope === null ? [] : [slope]));
  const pulled = pullback(
    b,
    [...run.preactivations, run.output],
    [...cut(seeds), outputs],
    [...run.layers.map(({ z }) => z), ...slopes],
  );
  const orZero = (node: Node | null | undefined, shape: readonly number[]): Node =>
    node ?? b.constant(0, shape);
  return run.layers.map(({ layer, input, z, slope }, l) => ({
    input,
    signal: orZero(pulled[l], z.shape),
    slope: slope === null ? null : orZero(pulled[run.layers.length + slopes.indexOf(slope)], [s, 1]),
    bias: layer.bias !== null,
  }));
}

/**
 * `rows` [s, P]: the gradients of s scalars, and with `withGram` their Gram matrix `gram` [s, s] too. For a gcn by s reverse sweeps
 * over the whole data set, `seeds` [s, n·scalars].
 */
export function scalarRows(spec: NetworkSpec, samples: number, s: number, withGram: boolean): Graph {
  const b = new GraphBuilder();
  const name = `scalar-rows-${s}`;
  if (spec.kind === "gcn") {
    const rows = coupledRows(b, spec, samples, s);
    return createGraph(name, withGram ? { rows, gram: productWithItself(b, rows) } : { rows });
  }
  const factors = scalarFactors(b, spec, s);
  const parts = factors.flatMap(({ input, signal, slope, bias }) => {
    const [fanIn, fanOut] = [input.shape[1] as number, signal.shape[1] as number];
    const outer = b.matmul(b.reshape(input, [s, fanIn, 1]), b.reshape(signal, [s, 1, fanOut]));
    return [
      b.reshape(outer, [s, fanIn * fanOut]),
      ...(bias ? [signal] : []),
      ...(slope === null ? [] : [slope]),
    ];
  });
  const rows = b.concat(parts, 1);
  return createGraph(name, withGram ? { rows, gram: layerProducts(b, factors) } : { rows });
}

/**
 * `gram` [s, s] of s scalars without their rows.
 * @throws Error for a gcn, whose samples couple
 */
export function scalarGram(spec: NetworkSpec, s: number): Graph {
  if (spec.kind === "gcn") throw new Error("scalarGram: the samples of a gcn couple; use scalarRows.");
  const b = new GraphBuilder();
  return createGraph(`scalar-gram-${s}`, { gram: layerProducts(b, scalarFactors(b, spec, s)) });
}

const productWithItself = (b: GraphBuilder, node: Node): Node => b.matmul(node, node, { transposeB: true });

/** Σ_l (⟨h_{l−1}, h_{l−1}⟩ + 1_bias)⟨δ_l, δ_l⟩ (layer-product form). */
function layerProducts(b: GraphBuilder, factors: readonly Factor[]): Node {
  return factors
    .flatMap(({ input, signal, slope, bias }) => {
      const own = productWithItself(b, input);
      const inputs = bias ? b.add(own, b.constant(1)) : own;
      return [
        b.mul(inputs, productWithItself(b, signal)),
        ...(slope === null ? [] : [productWithItself(b, slope)]),
      ];
    })
    .reduce((sum, term) => b.add(sum, term));
}

/**
 * `squares` [s]: ‖∂scalar/∂θ‖², the diagonal of the kernel, in the same terms.
 * @throws Error for a gcn
 */
export function scalarSquares(spec: NetworkSpec, s: number): Graph {
  if (spec.kind === "gcn") throw new Error("scalarSquares: the samples of a gcn couple; use scalarRows.");
  const b = new GraphBuilder();
  const square = (node: Node): Node => b.sum(b.mul(node, node), [1]);
  const terms = scalarFactors(b, spec, s).flatMap(({ input, signal, slope, bias }) => {
    const inputs = bias ? b.add(square(input), b.constant(1)) : square(input);
    return [b.mul(inputs, square(signal)), ...(slope === null ? [] : [square(slope)])];
  });
  const sum = terms.reduce((p, q) => b.add(p, q));
  return createGraph(`scalar-squares-${s}`, { squares: b.reshape(sum, [s]) });
}

/**
 * `errors` [s]: bounds of ‖computed − exact‖ of s rows as `scalarRows` has them, from factors alone where it can. Takes beside its inputs
 * `pieceErrors`, of the shape of `pieces`: not zero where a piece is not known.
 */
export function scalarErrors(spec: NetworkSpec, samples: number, s: number): Graph {
  const b = new GraphBuilder();
  const isPiecewise = pieceTable(spec.activation) !== null;
  const total = spec.hidden.reduce((sum, width) => sum + width, 0);
  const shape = spec.kind === "gcn" ? [samples * total] : [s, total];
  const given = new Map<Node, Node>(
    isPiecewise && total > 0 ? [[b.input("pieces", shape), b.input("pieceErrors", shape)]] : [],
  );
  const norm = (node: Node): Node => b.sqrt(b.sum(b.mul(node, node), [1]));
  const combined = (lengths: readonly Node[]): Graph => {
    const squares = lengths.map((length) => b.mul(length, length)).reduce((p, q) => b.add(p, q));
    return createGraph(`scalar-errors-${s}`, { errors: b.reshape(b.sqrt(squares), [s]) });
  };
  if (spec.kind === "gcn") {
    const rows = coupledRows(b, spec, samples, s);
    const [error] = roundingErrors(b, [rows], given);
    return combined([norm(error ?? b.constant(0, rows.shape))]);
  }
  const factors = scalarFactors(b, spec, s);
  const wanted = factors.flatMap(({ input, signal, slope }) => [input, signal, slope ?? signal]);
  const errors = roundingErrors(b, wanted, given);
  return combined(
    factors.flatMap(({ input, signal, slope, bias }, l) => {
      const [dInput, dSignal, dSlope] = errors
        .slice(3 * l, 3 * l + 3)
        .map((error) => (error === null ? null : norm(error)));
      // Of the outer product: ‖h‖‖δ̄‖ + ‖h̄‖(‖δ‖ + ‖δ̄‖), and one rounding.
      const product = [
        b.scale(b.mul(norm(input), norm(signal)), Number.EPSILON),
        ...(dSignal ? [b.mul(norm(input), dSignal)] : []),
        ...(dInput ? [b.mul(dInput, dSignal ? b.add(norm(signal), dSignal) : norm(signal))] : []),
      ].reduce((p, q) => b.add(p, q));
      return [product, ...(bias && dSignal ? [dSignal] : []), ...(slope !== null && dSlope ? [dSlope] : [])];
    }),
  );
}

function coupledRows(b: GraphBuilder, spec: NetworkSpec, n: number, s: number): Node {
  const { size } = layoutOf(spec);
  const tiled = b.broadcast(b.reshape(b.input("theta", [size]), [1, size]), [s, size]);
  const hidden = n * spec.hidden.reduce((sum, width) => sum + width, 0);
  const widths = [...spec.hidden, spec.outputDimension];
  const seeds = b.input("seeds", [s, n * scalarsPerSample(spec)]);
  const given = pieceTable(spec.activation) === null ? null : b.input("pieces", [hidden]);
  let start = 0;
  const pieces: Node[] = [];
  const cotangents = widths.map((width, l) => {
    const [from, to] = [start, start + n * width];
    start = to;
    if (given !== null && l < spec.hidden.length)
      pieces.push(b.reshape(b.slice(given, 0, from, to), [n, width]));
    return b.reshape(b.slice(seeds, 1, from, to), [s, n, width]);
  });
  const run = forward(
    b,
    spec,
    tiled,
    b.input("x", [n, spec.inputDimension]),
    given === null ? null : pieces,
    b.input("adjacency", [n, n]),
  );
  const [rows] = pullback(b, [...run.preactivations, run.output], cotangents, [tiled]);
  return rows ?? b.constant(0, [s, size]);
}

/** Jᵀ·cotangents [P] of all outputs or all hidden pre-activations, `cotangents` [m] flat in their order. */
function pulledBack(b: GraphBuilder, theta: Node, nodes: readonly Node[]): Node {
  const total = nodes.reduce((sum, node) => sum + sizeOf(node.shape), 0);
  const cotangent = b.input("cotangents", [total]);
  let start = 0;
  const cotangents = nodes.map((node) => {
    start += sizeOf(node.shape);
    return b.reshape(b.slice(cotangent, 0, start - sizeOf(node.shape), start), node.shape);
  });
  const [pulled] = pullback(b, nodes, cotangents, [theta]);
  return pulled ?? b.constant(0, theta.shape);
}

type Scalars = "outputs" | "preactivations";
const scalarNodes = (run: Forward, of: Scalars): readonly Node[] =>
  of === "outputs" ? [run.output] : run.preactivations;

/**
 * The kernel's product for all outputs or all hidden pre-activations: from `cotangents` [m], flat, `product` [m] =
 * J(Jᵀ·cotangents) and `energy` [] = ‖Jᵀ·cotangents‖², which has no cancellation.
 */
export function kernelProduct(b: GraphBuilder, theta: Node, run: Forward, of: Scalars): Graph {
  const nodes = scalarNodes(run, of);
  const direction = pulledBack(b, theta, nodes);
  const pushed = pushforward(b, nodes, [theta], [direction]);
  const flat = pushed.map((tangent, k) =>
    b.reshape(tangent ?? b.constant(0, nodes[k]!.shape), [sizeOf(nodes[k]!.shape)]),
  );
  return createGraph(`kernel-product-${of}`, {
    product: b.concat(flat, 0),
    energy: b.total(b.mul(direction, direction)),
  });
}

/** From `cotangents`: `direction` [P] = Jᵀ·cotangents and `error` [], a bound of ‖computed − exact‖ of it. */
export function pullbackError(b: GraphBuilder, theta: Node, run: Forward, of: Scalars): Graph {
  const direction = pulledBack(b, theta, scalarNodes(run, of));
  const [error] = roundingErrors(b, [direction]);
  return createGraph(`pullback-error-${of}`, {
    direction,
    error: error === null || error === undefined ? b.constant(0) : b.sqrt(b.total(b.mul(error, error))),
  });
}
