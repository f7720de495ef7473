/**
 * Normals ∇z of entries in factors: with respect to the weight of an affine map ∇z is the outer product of the input of the entry's sample
 * and a signal. Inputs are those of the forward pass, one row a sample for all entries; the signals of chosen entries are what is left
 * to compute, and only those of the maps before them.
 */
import { pullback } from "../autodiff/index.js";
import {
  createGraph,
  type Graph,
  GraphBuilder,
  type Node,
  sizeOf,
  topologicalOrder,
} from "../graph/index.js";
import type { Forward, Network } from "./network.js";
import type { Site } from "./scope.js";

/** Where an affine map, or a number that is added to every sample, stands in θ. */
export interface NormalFactor {
  /** Of the weight [fanIn, fanOut]; null of a number. */
  readonly weight: number | null;
  /** Of the bias [fanOut], or the number; null without one. */
  readonly bias: number | null;
  /** 0 of a number. */
  readonly fanIn: number;
  readonly fanOut: number;
}

/** Signals of entries of one site. */
export interface EntrySignals {
  /**
   * `signal f` [rows, fanOut] of each factor f in `computed`, and `activation k` [rows, units of site k] for sites before; null where
   * nothing is to be computed. From `seeds` [rows, units of the site] and, where needed, `theta`, `x` and `pieces o` of the site at offset o.
   */
  readonly graph: Graph | null;
  /** Factors whose signal is the seed itself. */
  readonly own: readonly number[];
  readonly computed: readonly number[];
}

/**
 * All factors that normals of entries have, in the order that `EntrySignals` counts them.
 * @throws Error for a network without layer products
 */
export function normalFactors(network: Network): readonly NormalFactor[] {
  if (!network.hasLayerProducts)
    throw new Error("normals: this network has no layer products; use the rows.");
  const { affine, spreads } = lockedRows(new GraphBuilder(), network, 1);
  return [
    ...affine.map(({ input, z, weight, bias }) => ({
      weight: weight.offset,
      bias: bias?.offset ?? null,
      fanIn: input.shape[1] as number,
      fanOut: z.shape[1] as number,
    })),
    ...spreads.map(({ parameter }) => ({ weight: null, bias: parameter.offset, fanIn: 0, fanOut: 1 })),
  ];
}

/** @param at the site's place among those of the network */
export function entrySignals(network: Network, at: number, rows: number): EntrySignals {
  const b = new GraphBuilder();
  const { units, shape } = network.sites[at] as Site;
  const run = lockedRows(b, network, rows);
  const seeds = b.reshape(b.input("seeds", [rows, units]), [rows, ...shape]);
  const before = run.activations.slice(0, at);
  const targets = [...run.affine.map(({ z }) => z), ...run.spreads.map(({ node }) => node)];
  const pulled = pullback(b, [run.preactivations[at] as Node], [seeds], [...targets, ...before]);
  const own: number[] = [];
  const outputs: Record<string, Node> = {};
  const computed = targets.flatMap((_, f) => {
    const signal = pulled[f];
    if (!signal) return [];
    if (signal === seeds) {
      own.push(f);
      return [];
    }
    outputs[`signal ${f}`] = b.reshape(signal, [rows, sizeOf(signal.shape) / rows]);
    return [f];
  });
  before.forEach((activation, k) => {
    const signal = pulled[targets.length + k];
    if (signal) outputs[`activation ${k}`] = b.reshape(signal, [rows, sizeOf(activation.shape) / rows]);
  });
  const isNothing = Object.keys(outputs).length === 0;
  return { graph: isNothing ? null : createGraph(`entry-signals-${at}-${rows}`, outputs), own, computed };
}

/** The inputs of affine maps that θ moves, of those before sites alone, by their names. */
export function movedInputs({ affine, preactivations }: Pick<Forward, "affine" | "preactivations">) {
  const seen = new Set(topologicalOrder(preactivations));
  return Object.fromEntries(
    affine.flatMap(({ input, z }, l): [string, Node][] =>
      isMoved(input) && seen.has(z) ? [[`input ${l}`, input]] : [],
    ),
  );
}

export const isMoved = (node: Node): boolean =>
  topologicalOrder([node]).some(
    ({ op, attributes }) => op === "input" && (attributes as { name: string }).name === "theta",
  );

/** `rows` samples, each row with inputs and pieces of its own: `x`, and `pieces o` [rows, units] of the site at offset o. */
export const lockedRows = (b: GraphBuilder, network: Network, rows: number): Forward =>
  network.forward(b, {
    theta: b.input("theta", [network.layout.size]),
    x: b.input("x", [rows, ...network.inputShape]),
    pieces: ({ offset, units, shape }) =>
      b.reshape(b.input(`pieces ${offset}`, [rows, units]), [rows, ...shape]),
    sample: (name) => b.input(name, [rows, network.outputs]),
  });
