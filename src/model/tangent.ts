/**
 * Graphs of the tangent kernel: rows of Jacobians, Gram matrices and products for *chosen scalars* of a network.
 *
 * Scalars: all pre-activations, flat as the entries of a family (site by site, in each [sample, unit]), then all outputs
 * [sample, output]. In a row of `seeds` the scalars of one sample stand in the same order, site by site, outputs last; of a network that
 * couples its samples a row has all scalars of all samples.
 */
import { batch, pullback, pushforward, roundingErrors } from "../autodiff/index.js";
import { createGraph, type Graph, GraphBuilder, type Node, sizeOf } from "../graph/index.js";
import type { Forward, Network } from "./network.js";
import type { Site } from "./scope.js";

/** Scalars per sample: entries of all sites and outputs. */
export function scalarsPerSample({ units, outputs }: Network): number {
  return units + outputs;
}

/** One affine map of s scalars: ∂scalar/∂W is the outer product of a row of `input` and one of `signal`. */
interface Factor {
  /** Where the weight, or the one number, stands in θ. */
  readonly offset: number;
  /** [s, fanIn]; null for a number of θ that every sample has to itself. */
  readonly input: Node | null;
  /** ∂scalar/∂z [s, fanOut], or ∂scalar/∂number [s, 1]. */
  readonly signal: Node;
  /** Where the bias stands in θ; null without one. */
  readonly bias: number | null;
}

const orZero = (b: GraphBuilder, node: Node | null | undefined, shape: readonly number[]): Node =>
  node ?? b.constant(0, shape);

/**
 * s scalars of a network that has layer products: row k belongs to the sample in row k of `x` [s, ...], is locked to row k of
 * `pieces` [s, units] and is the combination of its sample's scalars that row k of `seeds` says.
 */
function scalarFactors(b: GraphBuilder, network: Network, s: number): Factor[] {
  if (!network.hasLayerProducts)
    throw new Error("tangent kernel: this network has no layer products; use the rows.");
  const { units, sites } = network;
  const theta = b.input("theta", [network.layout.size]);
  const x = b.input("x", [s, ...network.inputShape]);
  const seeds = b.input("seeds", [s, scalarsPerSample(network)]);
  const cut = (node: Node, { offset, units: own, shape }: Site): Node =>
    b.reshape(b.slice(node, 1, offset, offset + own), [s, ...shape]);
  const given = units === 0 ? null : b.input("pieces", [s, units]);
  const run = network.forward(b, {
    theta,
    x,
    pieces: given === null ? null : (site) => cut(given, site),
    sample: (name) => b.input(name, [s, network.outputs]),
  });
  const outputs = b.reshape(b.slice(seeds, 1, units, seeds.shape[1] as number), run.output.shape);
  const pulled = pullback(
    b,
    [...run.preactivations, run.output],
    [...sites.map((site) => cut(seeds, site)), outputs],
    [...run.affine.map(({ z }) => z), ...run.spreads.map(({ node }) => node)],
  );
  const maps = run.affine.map(
    ({ input, z, weight, bias }, l): Factor => ({
      offset: weight.offset,
      input,
      signal: orZero(b, pulled[l], z.shape),
      bias: bias?.offset ?? null,
    }),
  );
  const numbers = run.spreads.map(
    ({ parameter, node }, l): Factor => ({
      offset: parameter.offset,
      input: null,
      signal: b.reshape(orZero(b, pulled[run.affine.length + l], node.shape), [s, 1]),
      bias: null,
    }),
  );
  return [...maps, ...numbers].sort((p, q) => p.offset - q.offset);
}

/** `rows` [s, P]: the gradients of s scalars, and with `withGram` their Gram matrix `gram` [s, s] too. */
export function scalarRows(network: Network, samples: number, s: number, withGram: boolean): Graph {
  const b = new GraphBuilder();
  const name = `scalar-rows-${s}`;
  if (!network.hasLayerProducts) {
    const rows = batchedRows(b, network, network.coupled ? samples : 1, s);
    return createGraph(name, withGram ? { rows, gram: productWithItself(b, rows) } : { rows });
  }
  const factors = scalarFactors(b, network, s);
  const parts = factors
    .flatMap(({ offset, input, signal, bias }) => {
      if (input === null) return [{ offset, part: signal }];
      const [fanIn, fanOut] = [input.shape[1] as number, signal.shape[1] as number];
      const outer = b.matmul(b.reshape(input, [s, fanIn, 1]), b.reshape(signal, [s, 1, fanOut]));
      const weight = { offset, part: b.reshape(outer, [s, fanIn * fanOut]) };
      return bias === null ? [weight] : [weight, { offset: bias, part: signal }];
    })
    .sort((p, q) => p.offset - q.offset)
    .map(({ part }) => part);
  const rows = b.concat(parts, 1);
  return createGraph(name, withGram ? { rows, gram: layerProducts(b, factors) } : { rows });
}

/**
 * `gram` [s, s] of s scalars without their rows.
 * @throws Error for a network without layer products
 */
export function scalarGram(network: Network, s: number): Graph {
  const b = new GraphBuilder();
  return createGraph(`scalar-gram-${s}`, { gram: layerProducts(b, scalarFactors(b, network, s)) });
}

const productWithItself = (b: GraphBuilder, node: Node): Node => b.matmul(node, node, { transposeB: true });

/** Σ_l (⟨h_{l−1}, h_{l−1}⟩ + 1_bias)⟨δ_l, δ_l⟩ (layer-product form). */
function layerProducts(b: GraphBuilder, factors: readonly Factor[]): Node {
  return factors
    .map(({ input, signal, bias }) => {
      if (input === null) return productWithItself(b, signal);
      const own = productWithItself(b, input);
      return b.mul(bias === null ? own : b.add(own, b.constant(1)), productWithItself(b, signal));
    })
    .reduce((sum, term) => b.add(sum, term));
}

/**
 * `squares` [s]: ‖∂scalar/∂θ‖², the diagonal of the kernel, in the same terms.
 * @throws Error for a network without layer products
 */
export function scalarSquares(network: Network, s: number): Graph {
  const b = new GraphBuilder();
  const square = (node: Node): Node => b.sum(b.mul(node, node), [1]);
  const terms = scalarFactors(b, network, s).map(({ input, signal, bias }) => {
    if (input === null) return square(signal);
    const inputs = bias === null ? square(input) : b.add(square(input), b.constant(1));
    return b.mul(inputs, square(signal));
  });
  const sum = terms.reduce((p, q) => b.add(p, q));
  return createGraph(`scalar-squares-${s}`, { squares: b.reshape(sum, [s]) });
}

/**
 * `errors` [s]: bounds of ‖computed − exact‖ of s rows as `scalarRows` has them, from factors alone where it can. Takes beside its inputs
 * `pieceErrors`, of the shape of `pieces`: not zero where a piece is not known. Without factors it also gives `squares` [s], ‖row‖².
 */
export function scalarErrors(network: Network, samples: number, s: number): Graph {
  const b = new GraphBuilder();
  const norm = (node: Node): Node => b.sqrt(b.sum(b.mul(node, node), [1]));
  const combined = (lengths: readonly Node[]): Graph => {
    const squares = lengths.map((length) => b.mul(length, length)).reduce((p, q) => b.add(p, q));
    return createGraph(`scalar-errors-${s}`, { errors: b.reshape(b.sqrt(squares), [s]) });
  };
  if (!network.hasLayerProducts) {
    const { rows, errors } = rowsAndErrors(b, network, samples, s);
    const squares = b.reshape(b.sum(b.mul(rows, rows), [1]), [s]);
    return createGraph(`scalar-errors-${s}`, { errors, squares });
  }
  const factors = scalarFactors(b, network, s);
  const wanted = factors.flatMap(({ input, signal }) => [input ?? signal, signal]);
  const errors = roundingErrors(b, wanted, pieceErrors(b, network, samples, s));
  return combined(
    factors.flatMap(({ input, signal, bias }, l) => {
      const [dInput, dSignal] = errors
        .slice(2 * l, 2 * l + 2)
        .map((error) => (error === null ? null : norm(error)));
      if (input === null) return dSignal ? [dSignal] : [];
      // Of the outer product: ‖h‖‖δ̄‖ + ‖h̄‖(‖δ‖ + ‖δ̄‖), and one rounding.
      const product = [
        b.scale(b.mul(norm(input), norm(signal)), Number.EPSILON),
        ...(dSignal ? [b.mul(norm(input), dSignal)] : []),
        ...(dInput ? [b.mul(dInput, dSignal ? b.add(norm(signal), dSignal) : norm(signal))] : []),
      ].reduce((p, q) => b.add(p, q));
      return [product, ...(bias !== null && dSignal ? [dSignal] : [])];
    }),
  );
}

/**
 * Rows of a network without layer products, and bounds [s] of what an arithmetic of that roundoff makes of them; inputs as `scalarErrors` has
 * them.
 */
export function scalarRowErrors(network: Network, samples: number, s: number, roundoff: number): Graph {
  const b = new GraphBuilder();
  return createGraph(`scalar-row-errors-${s}`, { ...rowsAndErrors(b, network, samples, s, roundoff) });
}

function rowsAndErrors(
  b: GraphBuilder,
  network: Network,
  samples: number,
  s: number,
  roundoff?: number,
): { rows: Node; errors: Node } {
  const rows = batchedRows(b, network, network.coupled ? samples : 1, s);
  const [error] = roundingErrors(b, [rows], pieceErrors(b, network, samples, s), roundoff);
  const squares = error ? b.sum(b.mul(error, error), [1]) : b.constant(0, [s, 1]);
  return { rows, errors: b.reshape(b.sqrt(squares), [s]) };
}

/** The errors of pieces that are given. */
function pieceErrors(b: GraphBuilder, network: Network, samples: number, s: number): Map<Node, Node> {
  if (network.units === 0) return new Map();
  const shape = network.coupled ? [samples * network.units] : [s, network.units];
  return new Map([[b.input("pieces", shape), b.input("pieceErrors", shape)]]);
}

/**
 * `signals` [s, units]: derivatives of s scalars with respect to the activations of their sample, site by site in its order; where samples
 * couple, [s, samples × units] with respect to those of all, in the order of entries.
 */
export function scalarSignals(network: Network, samples: number, s: number): Graph {
  const b = new GraphBuilder();
  const signals = batchedPull(b, network, network.coupled ? samples : 1, s, ({ activations }) => activations);
  return createGraph(`scalar-signals-${s}`, { signals });
}

const batchedRows = (b: GraphBuilder, network: Network, samples: number, s: number): Node =>
  batchedPull(b, network, samples, s, (_, theta) => [theta]);

/**
 * Derivatives of s scalars of any network, flat and one after the other, by one reverse sweep batched over s seeds. Each row sees `samples`
 * samples: one of its own where they do not couple (`x` [s, ...], `pieces` [s, units], `seeds` [s, scalars]), else all of them.
 */
function batchedPull(
  b: GraphBuilder,
  network: Network,
  samples: number,
  s: number,
  withRespectTo: (run: Forward, theta: Node) => readonly Node[],
): Node {
  const { units, outputs, sites, inputShape } = network;
  const { size } = network.layout;
  const theta = b.input("theta", [size]);
  const entries = samples * units;
  const one = {
    x: b.input("x of one", [samples, ...inputShape]),
    seeds: b.input("seeds of one", [samples * scalarsPerSample(network)]),
    pieces: units === 0 ? null : b.input("pieces of one", [entries]),
  };
  const cut = (node: Node, { offset, units: own, shape }: Site): Node =>
    b.reshape(b.slice(node, 0, samples * offset, samples * (offset + own)), [samples, ...shape]);
  const own = network.coupled
    ? { x: b.input("x", [samples, ...inputShape]), pieces: units === 0 ? null : b.input("pieces", [entries]) }
    : one;
  const given = own.pieces;
  const run = network.forward(b, {
    theta,
    x: own.x,
    pieces: given === null ? null : (site) => cut(given, site),
    sample: (name) => b.input(network.coupled ? name : `${name} of one`, [samples, outputs]),
  });
  const last = b.slice(one.seeds, 0, entries, entries + samples * outputs);
  const nodes = withRespectTo(run, theta);
  const pulled = pullback(
    b,
    [...run.preactivations, run.output],
    [...sites.map((site) => cut(one.seeds, site)), b.reshape(last, run.output.shape)],
    nodes,
  );
  const row = b.concat(
    nodes.map(({ shape }, k) => b.reshape(orZero(b, pulled[k], shape), [sizeOf(shape)])),
    0,
  );
  const many = new Map<Node, Node>([[one.seeds, b.input("seeds", [s, samples * scalarsPerSample(network)])]]);
  if (!network.coupled) {
    many.set(one.x, b.reshape(b.input("x", [s, ...inputShape]), [s, 1, ...inputShape]));
    if (one.pieces !== null) many.set(one.pieces, b.input("pieces", [s, units]));
    for (const name of network.sampleInputs)
      many.set(
        b.input(`${name} of one`, [samples, outputs]),
        b.reshape(b.input(name, [s, outputs]), [s, 1, outputs]),
      );
  }
  return batch(b, [row], many, s)[0] as Node;
}

/** Jᵀ·cotangents [P] of all outputs or all pre-activations, `cotangents` [m] flat in their order. */
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
 * The kernel's product for all outputs or all pre-activations: from `cotangents` [m], flat, `product` [m] =
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
export function pullbackError(
  b: GraphBuilder,
  theta: Node,
  run: Forward,
  of: Scalars,
  roundoff?: number,
): Graph {
  const direction = pulledBack(b, theta, scalarNodes(run, of));
  const [error] = roundingErrors(b, [direction], new Map(), roundoff);
  return createGraph(`pullback-error-${of}`, {
    direction,
    error: error === null || error === undefined ? b.constant(0) : b.sqrt(b.total(b.mul(error, error))),
  });
}
