/**
 * Graphs of the Gram matrices that steps over kinks need: of the normals ∇z of entries of one unit each. Entries of a unit have a row of
 * signals each and share the inputs of their samples, which are computed once for all samples and gathered by whoever runs the graph.
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
import { isMoved, lockedRows, movedInputs } from "./entry-signals.js";
import type { Forward, Network } from "./network.js";
import type { Site } from "./scope.js";

/** Gram matrices of entries unit by unit: what is computed, and what is left to tables over samples. */
export interface UnitGrams {
  /**
   * `gram` [blocks, rows, rows], the factors whose inputs θ moves, and for each l of `tables` `signals l` [blocks, rows, rows], unless
   * those are all 1; null where nothing is to be computed.
   */
  readonly graph: Graph | null;
  /** Affine maps whose inputs are data: to `gram` come their products of inputs by table times their signals. */
  readonly tables: readonly { readonly layer: number; readonly isOne: boolean }[];
}

/**
 * For `blocks` units of a site, `rows` entries of each: the entries of a unit one after the other. From `seeds` [blocks, units of the site] and,
 * where needed, `pieces o` [s, units] of the site at offset o, `x`, and `input l` [s, fanIn] of affine maps. s = blocks × rows.
 * @param withTables whether products of inputs that are data are left to tables; else they are rows like the others
 * @throws Error for a network without layer products
 */
export function unitGrams(
  network: Network,
  site: Site,
  blocks: number,
  rows: number,
  withTables: boolean,
): UnitGrams {
  const b = new GraphBuilder();
  const s = blocks * rows;
  const at = network.sites.findIndex(({ offset }) => offset === site.offset);
  const run = lockedRows(b, network, s);
  const { own, pulled } = pulledUnits(b, network, run, at, blocks);
  const gramOf = (node: Node): Node => {
    const cut = b.reshape(node, [blocks, rows, sizeOf(node.shape) / s]);
    return b.matmul(cut, cut, { transposeB: true });
  };
  const terms: Node[] = [];
  const signals: Record<string, Node> = {};
  const tables: { layer: number; isOne: boolean }[] = [];
  run.affine.forEach(({ input, bias }, layer) => {
    const signal = pulled[layer];
    // Entries of one unit have one seed.
    const isOne = layer === own;
    if (!signal && !isOne) return;
    if (withTables && !isMoved(input)) {
      tables.push({ layer, isOne });
      if (signal) signals[`signals ${layer}`] = gramOf(signal);
      return;
    }
    const products = gramOf(b.input(`input ${layer}`, input.shape));
    const inputs = bias === null ? products : b.add(products, b.constant(1));
    terms.push(signal ? b.mul(inputs, gramOf(signal)) : inputs);
  });
  for (const signal of pulled.slice(run.affine.length)) if (signal) terms.push(gramOf(signal));
  const outputs = terms.length === 0 ? signals : { gram: terms.reduce((p, q) => b.add(p, q)), ...signals };
  const isNothing = Object.keys(outputs).length === 0;
  return {
    graph: isNothing ? null : createGraph(`unit-grams-${site.offset}-${blocks}-${rows}`, outputs),
    tables,
  };
}

/**
 * Signals of the affine maps and spreads for `seeds`, and the map whose z the pre-activations are, if any: its signal is the seed. Through that map
 * all entries of a unit pass alike, so that one row for each of `blocks` units is multiplied, and not one for each entry.
 */
function pulledUnits(b: GraphBuilder, network: Network, run: Forward, at: number, blocks: number) {
  const { units, shape } = network.sites[at] as Site;
  const seeds = b.input("seeds", [blocks, units]);
  const z = run.preactivations[at] as Node;
  const s = z.shape[0] as number;
  const each = (node: Node, width: number): Node =>
    b.reshape(b.broadcast(b.reshape(node, [blocks, 1, width]), [blocks, s / blocks, width]), [s, width]);
  const targets = [...run.affine.map((map) => map.z), ...run.spreads.map(({ node }) => node)];
  const own = run.affine.findIndex((map) => map.z === z);
  if (own < 0)
    return { own, pulled: pullback(b, [z], [b.reshape(each(seeds, units), [s, ...shape])], targets) };
  const { input, z: end } = lockedRows(b, network, blocks).affine[own]!;
  const [signal] = pullback(b, [end], [seeds], [input]);
  const before = run.affine[own]!.input;
  return { own, pulled: pullback(b, [before], [each(signal!, sizeOf(input.shape) / blocks)], targets) };
}

/**
 * Of the inputs of affine maps before sites, of those that θ moves, `input l` [n, fanIn]; of those that are data, the same or, as tables, `products l` [n, n], 1
 * for the bias added. From `theta` and `pieces o` as `unitGrams` has them.
 */
export function affineInputs(
  network: Network,
  samples: number,
  of: "moved" | "data" | "tables",
): Graph | null {
  const b = new GraphBuilder();
  const run = lockedRows(b, network, samples);
  if (of === "moved") return graphOf(of, movedInputs(run));
  const seen = new Set(topologicalOrder(run.preactivations));
  const outputs = run.affine.flatMap(({ input, z, bias }, layer): [string, Node][] => {
    if (isMoved(input) || !seen.has(z)) return [];
    if (of === "data") return [[`input ${layer}`, input]];
    const products = b.matmul(input, input, { transposeB: true });
    return [[`products ${layer}`, bias === null ? products : b.add(products, b.constant(1))]];
  });
  return graphOf(of, Object.fromEntries(outputs));
}

const graphOf = (of: string, outputs: Record<string, Node>): Graph | null =>
  Object.keys(outputs).length === 0 ? null : createGraph(`affine-inputs-${of}`, outputs);
