/**
 * One network and one data set, as a family of graphs from the same source: prediction, loss and gradient, Jacobian
 * and Hessian products, with the pieces of the activations free (read off z) or locked (given).
 *
 * Entries: the pre-activations at all sites, flat: site by site, in each [sample, unit] row-major. E is their number.
 */
import { batch, gradient, hessianProduct, pullback, pushforward, roundingErrors } from "../autodiff/index.js";
import { createGraph, type Graph, GraphBuilder, type Node, sizeOf } from "../graph/index.js";
import {
  type EntrySignals,
  entrySignals,
  movedInputs,
  type NormalFactor,
  normalFactors,
} from "./entry-signals.js";
import { type Loss, squaredLoss } from "./losses/loss.js";
import { withLossSite } from "./losses/site.js";
import { mixedGram, mixedState, mixedTables } from "./mixed-grams.js";
import type { Forward, Network, SampleInput } from "./network.js";
import type { Layout } from "./parameters.js";
import type { Relation, Site } from "./scope.js";
import {
  kernelProduct,
  pullbackError,
  scalarErrors,
  scalarGram,
  scalarRowErrors,
  scalarRows,
  scalarSignals,
  scalarSquares,
} from "./tangent.js";
import { affineInputs, type UnitGrams, unitGrams } from "./unit-grams.js";

export type Pieces = "free" | "locked";

export interface FamilyOptions {
  readonly network: Network;
  /** n */
  readonly samples: number;
  /** The loss; absent, it is c‖r‖². */
  readonly criterion?: Loss;
  /** c, only read where `criterion` is absent; default 1. */
  readonly factor?: number | null;
  /** Whether ln L stands in the place of L; only where `criterion.notLogarithmic` is null. */
  readonly logarithmic?: boolean;
  /** Whether `origin` [n, M], bound with the data, is taken off the outputs: F = αf(θ) − αf(θ₀). */
  readonly centred?: boolean;
}

/**
 * Graphs take `theta` [P] and, bound once per data set, `x` [n, ...], `y` [n, M] and the matrices [n, n] of `relations`; locked ones take
 * `pieces` [E] as well.
 */
export interface Family extends Omit<FamilyOptions, "criterion" | "factor"> {
  readonly criterion: Loss;
  /** c of L = c‖r‖²; null for other losses, of which `criterion.notSquared` says why. */
  readonly factor: number | null;
  readonly layout: Layout;
  /** Where the kinks are, that of the loss last; none where all is smooth. */
  readonly sites: readonly Site[];
  /** E */
  readonly entries: number;
  readonly relations: readonly Relation[];
  /** `output` [n, M] */
  predict(): Graph;
  /** `loss` [], `gradient` [P] */
  lossGradient(pieces: Pieces): Graph;
  /** `velocity` = −∇L [P]: the field of the flow, its sign taken where it costs nothing; `loss` [] too if asked. */
  flowField(withLoss?: boolean): Graph;
  /** `loss` [] */
  loss(): Graph;
  /** `loss` [] without weight decay. */
  dataLoss(): Graph;
  /** `z` [E], and if asked `input l` of affine maps; see entry-signals.ts. */
  preactivations(pieces: Pieces, withInputs?: boolean): Graph;
  /** From `before` [E]: `z` [E], its `pieces` [E], and `changed`, how many differ from those before. */
  pieceChanges(): Graph;
  /** `loss`, `gradient`, `signal` = ∂L/∂a [E] and, unless not asked for, `z` [E]; if asked `input l` of affine maps too. */
  lockedField(withZ?: boolean, withInputs?: boolean): Graph;
  /**
   * The same without `z` where values are those that θ gives, and `pieces` decide about slopes alone: of a step in which entries change
   * pieces. Without `signal` `gradient` alone.
   */
  meanField(withSignal?: boolean): Graph;
  /** From `velocity` [P]: `zDot` = (∂z/∂θ)·velocity [E] */
  normalVelocity(): Graph;
  /** From `seeds` [E]: `product` = (∂z/∂θ)ᵀ·seeds [P] */
  entryPullback(): Graph;
  /** From `velocity` [P]: `output` = J·velocity [n, M] */
  jacobianProduct(pieces: Pieces): Graph;
  /** From `cotangent` [n, M]: `product` = Jᵀ·cotangent [P] */
  jacobianTransposeProduct(pieces: Pieces): Graph;
  /** From `velocity` [P]: `product` = ∇²L·velocity [P] */
  hessianProduct(pieces: Pieces): Graph;
  /** From `velocity` and `direction` [P]: `product` = ∇³L[velocity, direction] [P] */
  thirdDerivative(): Graph;
  /** From `velocities` [s, P]: `products` [s, P] = ∇³L[v, v] of each. */
  thirdDerivatives(capacity: number): Graph;
  /**
   * The first terms of descent's own field, from θ alone: `gradient` = g, `curvature` = ∇²L·g, and if asked `curvature2` = ∇²L·∇²L·g and
   * `third` = ∇³L[g, g], all [P].
   */
  descentTerms(withThird: boolean): Graph;
  /** From `velocities` [s, P]: `products` [s, P] = ∇²L·each. */
  hessianProducts(capacity: number, pieces?: Pieces): Graph;
  /** From `seeds` [E] and `velocity` [P]: `product` [P] = Σ_e seeds_e ∇²z_e·velocity, pieces locked. */
  entryCurvature(): Graph;
  /** The same from `velocities` [s, P]: `products` [s, P]. */
  entryCurvatures(capacity: number): Graph;
  /** From `cotangents`, flat: `product` = J(Jᵀ·cotangents) and `energy` = ‖Jᵀ·cotangents‖² for all outputs or all hidden pre-activations. */
  kernelProduct(pieces: Pieces, of: "outputs" | "preactivations"): Graph;
  /** From `cotangents`: `direction` [P] = Jᵀ·cotangents, and `error` [], a bound of what rounding makes of it. */
  pullbackError(pieces: Pieces, of: "outputs" | "preactivations", roundoff?: number): Graph;
  /** `error` [], a bound of what rounding makes of the prediction, as a norm. */
  predictionError(): Graph;
  /** `pieces` [E] as `preactivations` has them, and `errors` [E], not zero where rounding leaves the piece open. */
  pieceErrors(): Graph;
  /** `errors` [s], bounds of the errors of `scalarRows`, as norms of rows; see tangent.ts. */
  scalarErrors(capacity: number): Graph;
  /** `rows` [s, P] and `errors` [s] in an arithmetic of that roundoff, where there are no layer products; see tangent.ts. */
  scalarRowErrors(capacity: number, roundoff: number): Graph;
  /** `rows` [s, P], the gradients of s scalars, and `gram` [s, s] if asked; see tangent.ts for `x`, `pieces` and `seeds`. */
  scalarRows(capacity: number, withGram?: boolean): Graph;
  /** `gram` [s, s] of s scalars in layer-product form, where the network has one. */
  scalarGram(capacity: number): Graph;
  /** `signals`: derivatives of s scalars with respect to activations; see tangent.ts. */
  scalarSignals(capacity: number): Graph;
  /** What normals ∇z are made of, where there are layer products; see entry-signals.ts. */
  normalFactors(): readonly NormalFactor[];
  entrySignals(site: number, rows: number): EntrySignals;
  /** Gram matrices of entries unit by unit, where there are layer products; see unit-grams.ts. */
  unitGrams(site: Site, blocks: number, rows: number, withTables: boolean): UnitGrams;
  /** What they take of all samples; see unit-grams.ts. */
  affineInputs(of: "moved" | "data" | "tables"): Graph | null;
  /** The same of networks whose sites mix the samples; see mixed-grams.ts. */
  mixedTables(): Graph;
  mixedState(): Graph | null;
  mixedGram(blocks: number, rows: number, sizes: Parameters<typeof mixedGram>[2]): Graph;
  /** Its diagonal `squares` of shape [s], likewise. */
  scalarSquares(capacity: number): Graph;
}

/** The same network and loss on so many of the samples; see `Loss.forBatch`. @throws Error where they are coupled */
export function batchFamily({ network, samples, criterion, centred = false }: Family, size: number): Family {
  if (network.coupled) throw new Error("batchFamily: the network couples the samples.");
  return createFamily({ network, samples: size, criterion: criterion.forBatch(size, samples), centred });
}

export function createFamily(options: FamilyOptions): Family {
  const { samples, centred = false, logarithmic = false } = options;
  const criterion = options.criterion ?? squaredLoss(options.factor ?? 1);
  const network = withLossSite(options.network, criterion, centred);
  const { layout, sites, units, relations } = network;
  const b = new GraphBuilder();
  const entries = samples * units;
  const theta = b.input("theta", [layout.size]);
  const velocity = b.input("velocity", [layout.size]);
  const x = b.input("x", [samples, ...network.inputShape]);
  const y = b.input("y", [samples, network.outputs]);
  /** The part of a vector over all entries that belongs to one site. */
  const cut = (node: Node, { offset, units: own, shape }: Site): Node =>
    b.reshape(b.slice(node, 0, samples * offset, samples * (offset + own)), [samples, ...shape]);
  const pass = (pieces: Pieces, onlySlopes = false): Forward => {
    const sample = (name: SampleInput): Node => b.input(name, y.shape);
    if (pieces === "free" || entries === 0)
      return rows(network.forward(b, { theta, x, sample, pieces: null }));
    const given = b.input("pieces", [entries]);
    return rows(network.forward(b, { theta, x, sample, pieces: (site) => cut(given, site), onlySlopes }));
  };
  const rows = (run: Forward): Forward => {
    const output = b.reshape(run.output, [samples, network.outputs]);
    return { ...run, output: centred ? b.sub(output, b.input("origin", output.shape)) : output };
  };
  const flat = (nodes: readonly Node[]): Node =>
    b.concat(
      nodes.map((node) => b.reshape(node, [sizeOf(node.shape)])),
      0,
    );
  const dataLossOf = (run: Forward): Node => {
    const activated = criterion.site === null ? null : (run.activations[run.activations.length - 1] as Node);
    return criterion.data(b, run.output, y, activated);
  };
  const lossOf = (run: Forward): Node => {
    const penalty = criterion.penalty(b, theta, layout);
    if (logarithmic) return criterion.logarithm(b, run.output, y, penalty);
    const data = dataLossOf(run);
    return penalty === null ? data : b.add(data, penalty);
  };
  const orZero = (node: Node | null | undefined, shape: readonly number[]): Node =>
    node ?? b.constant(0, shape);
  const fieldOf = (run: Forward) => {
    const loss = lossOf(run);
    const [g, ...signals] = pullback(b, [loss], [b.constant(1)], [theta, ...run.activations]);
    return {
      loss,
      gradient: orZero(g, theta.shape),
      signal: flat(signals.map((signal, l) => orZero(signal, run.activations[l]!.shape))),
    };
  };
  /** (∂z/∂θ)ᵀ·seeds */
  const pulledEntries = (): Node => {
    const { preactivations } = pass("locked");
    const seeds = b.input("seeds", [entries]);
    const cotangents = sites.map((site) => cut(seeds, site));
    const [product] = pullback(b, preactivations, cotangents, [theta]);
    return orZero(product, theta.shape);
  };
  const entryCurvature = (): Node => along(pulledEntries(), velocity);
  /** How a vector [P] changes as θ moves along a direction [P]. */
  const along = (node: Node, direction: Node): Node =>
    orZero(pushforward(b, [node], [theta], [direction])[0], theta.shape);
  /** What depends on `velocity` for each of `velocities` [capacity, P]. */
  const forVelocities = (node: Node, capacity: number): Node => {
    const velocities = b.input("velocities", [capacity, layout.size]);
    return batch(b, [node], new Map([[velocity, velocities]]), capacity)[0] as Node;
  };

  return {
    ...options,
    network,
    criterion,
    factor: criterion.factor,
    layout,
    sites,
    entries,
    relations,
    predict: () => createGraph("predict", { output: pass("free").output }),
    lossGradient: (pieces) => {
      const loss = lossOf(pass(pieces));
      return createGraph(`loss-gradient-${pieces}`, {
        loss,
        gradient: gradient(b, loss, [theta])[0] as Node,
      });
    },
    flowField: (withLoss = false) => {
      const loss = lossOf(pass("free"));
      const [pulled] = pullback(b, [loss], [b.constant(-1)], [theta]);
      const velocity = orZero(pulled, theta.shape);
      return createGraph("flow-field", withLoss ? { velocity, loss } : { velocity });
    },
    loss: () => createGraph("loss", { loss: lossOf(pass("free")) }),
    dataLoss: () => createGraph("data-loss", { loss: dataLossOf(pass("free")) }),
    preactivations: (pieces, withInputs = false) => {
      const run = pass(pieces);
      return createGraph(`preactivations-${pieces}`, {
        z: flat(run.preactivations),
        ...(withInputs && movedInputs(run)),
      });
    },
    pieceChanges: () => {
      const z = flat(pass("free").preactivations);
      const pieces = flat(sites.map((site) => b.pieceOf(cut(z, site), site.table.breakpoints)));
      const moved = b.sub(pieces, b.input("before", [entries]));
      // Pieces are whole numbers: their squared difference is 0 or at least 1.
      const changed = b.total(b.pieceOf(b.mul(moved, moved), [0.5]));
      return createGraph("piece-changes", { z, pieces, changed });
    },
    lockedField: (withZ = true, withInputs = false) => {
      const run = pass("locked");
      return createGraph("locked-field", {
        ...fieldOf(run),
        ...(withZ && { z: flat(run.preactivations) }),
        ...(withInputs && movedInputs(run)),
      });
    },
    meanField: (withSignal = true) => {
      const { loss, gradient, signal } = fieldOf(pass("locked", true));
      return createGraph("mean-field", withSignal ? { loss, gradient, signal } : { gradient });
    },
    normalVelocity: () => {
      const { preactivations } = pass("locked");
      const tangents = pushforward(b, preactivations, [theta], [velocity]);
      return createGraph("normal-velocity", {
        zDot: flat(tangents.map((t, l) => orZero(t, preactivations[l]!.shape))),
      });
    },
    entryPullback: () => createGraph("entry-pullback", { product: pulledEntries() }),
    jacobianProduct: (pieces) => {
      const { output } = pass(pieces);
      const [tangent] = pushforward(b, [output], [theta], [velocity]);
      return createGraph(`jacobian-product-${pieces}`, { output: orZero(tangent, output.shape) });
    },
    jacobianTransposeProduct: (pieces) => {
      const { output } = pass(pieces);
      const cotangent = b.input("cotangent", output.shape);
      const [product] = pullback(b, [output], [cotangent], [theta]);
      return createGraph(`jacobian-transpose-product-${pieces}`, { product: orZero(product, theta.shape) });
    },
    hessianProduct: (pieces) =>
      createGraph(`hessian-product-${pieces}`, {
        product: hessianProduct(b, lossOf(pass(pieces)), theta, velocity),
      }),
    thirdDerivative: () => {
      const product = hessianProduct(b, lossOf(pass("free")), theta, velocity);
      return createGraph("third-derivative", { product: along(product, b.input("direction", theta.shape)) });
    },
    thirdDerivatives: (capacity) => {
      // The gradient of the second derivative along v: less arithmetic than a second derivative of the gradient.
      const [first] = pushforward(b, [lossOf(pass("free"))], [theta], [velocity]);
      const [second] =
        first === undefined || first === null ? [first] : pushforward(b, [first], [theta], [velocity]);
      const [product] = second ? gradient(b, second, [theta]) : [undefined];
      return createGraph(`third-derivatives-${capacity}`, {
        products: forVelocities(orZero(product, theta.shape), capacity),
      });
    },
    descentTerms: (withThird) => {
      const [g] = gradient(b, lossOf(pass("free")), [theta]) as [Node];
      const curvature = along(g, g);
      const terms = { gradient: g, curvature };
      if (!withThird) return createGraph("descent-terms-2", terms);
      const curvature2 = along(g, curvature);
      // Along g the product ∇²L·g changes by ∇³L[g, g] and, since g changes too, by ∇²L·∇²L·g.
      const third = b.sub(along(curvature, g), curvature2);
      return createGraph("descent-terms-3", { ...terms, curvature2, third });
    },
    hessianProducts: (capacity, pieces = "free") => {
      const one = hessianProduct(b, lossOf(pass(pieces)), theta, velocity);
      return createGraph(`hessian-products-${pieces}-${capacity}`, {
        products: forVelocities(one, capacity),
      });
    },
    entryCurvature: () => createGraph("entry-curvature", { product: entryCurvature() }),
    entryCurvatures: (capacity) =>
      createGraph(`entry-curvatures-${capacity}`, { products: forVelocities(entryCurvature(), capacity) }),
    kernelProduct: (pieces, of) => kernelProduct(b, theta, pass(pieces), of),
    pullbackError: (pieces, of, roundoff) => pullbackError(b, theta, pass(pieces), of, roundoff),
    predictionError: () => {
      const [error] = roundingErrors(b, [pass("free").output]);
      return createGraph("prediction-error", {
        error: error ? b.sqrt(b.total(b.mul(error, error))) : b.constant(0),
      });
    },
    pieceErrors: () => {
      const z = flat(pass("free").preactivations);
      const pieces = flat(sites.map((site) => b.pieceOf(cut(z, site), site.table.breakpoints)));
      const [errors] = roundingErrors(b, [pieces]);
      return createGraph("piece-errors", { pieces, errors: orZero(errors, pieces.shape) });
    },
    scalarErrors: (capacity) => scalarErrors(network, samples, capacity),
    scalarRowErrors: (capacity, roundoff) => scalarRowErrors(network, samples, capacity, roundoff),
    scalarRows: (capacity, withGram = false) => scalarRows(network, samples, capacity, withGram),
    scalarGram: (capacity) => scalarGram(network, capacity),
    scalarSignals: (capacity) => scalarSignals(network, samples, capacity),
    normalFactors: () => normalFactors(network),
    entrySignals: (site, rows) => entrySignals(network, site, rows),
    unitGrams: (site, blocks, capacity, withTables) => unitGrams(network, site, blocks, capacity, withTables),
    affineInputs: (of) => affineInputs(network, samples, of),
    mixedTables: () => mixedTables(network, samples),
    mixedState: () => mixedState(network, samples),
    mixedGram,
    scalarSquares: (capacity) => scalarSquares(network, capacity),
  };
}
