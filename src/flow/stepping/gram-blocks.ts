/**
 * Blocks of candidates that see each other within a step, each with the Gram matrix of its normals. A few are one block. More are split:
 * the entries of one unit belong together, and units whose normals are not nearly orthogonal. Many are split by units alone, and then only
 * products within units are formed, from the layers' inputs and signals: see unit-grams.ts.
 */

import { blockOf } from "../../linalg/block.js";
import type { Family } from "../../model/index.js";
import { createEngineRows } from "../boundaries/engine-rows.js";
import type { Kinks } from "../boundaries/kinks.js";
import { capacityFor } from "../boundaries/rows.js";
import type { Problem } from "../problem.js";
import { createMixedGrams } from "./mixed-grams.js";
import { createUnitGrams, TABLED_SAMPLES } from "./unit-grams.js";

/** Whether Gram matrices unit by unit are formed from tables over samples, which are not to be too large. */
export const hasMixedGrams = ({ network, samples }: Family): boolean =>
  network.mixed !== null && samples <= TABLED_SAMPLES;

export interface GramBlock {
  /** Places in the list of candidates, ascending; the entries of a unit are all in one block. */
  readonly members: readonly number[];
  /** K of them, row-major. */
  readonly gram: Float64Array;
}

export type GramBlocks = (
  theta: Float64Array,
  entries: readonly number[],
  pieces: Float64Array,
) => Promise<readonly GramBlock[]>;

/** Candidates up to which all are one block, and up to which blocks are merged by their cosines. */
const ONE_BLOCK = 96;
const MERGED = 256;
/**
 * Numbers of rows ∇z up to which K is formed from them; beyond, from the layers' inputs and signals where there are such. Where samples are
 * mixed a row costs a third of a gradient, and beyond this many numbers K is formed by units, however few.
 */
const ROW_NUMBERS = 2 ** 17;
const MIXED_ROW_NUMBERS = 2 ** 21;
/** Units whose normals have a cosine above this see each other; with blocks larger than `LARGE` the next one. */
const COUPLED = [0.1, 0.3, 0.6, Infinity] as const;
const LARGE = 192;

/** @param cost counts Gram matrices by rows, and by products */
export function createGramBlocks(
  problem: Problem,
  kinks: Kinks,
  cost: { rowSweeps: number; products: number },
): GramBlocks {
  const { layout, network } = problem.family;
  const { hasLayerProducts } = network;
  const rowsAt = createEngineRows(problem, kinks, cost, hasLayerProducts ? ROW_NUMBERS : undefined);
  const unitGramsAt = hasLayerProducts
    ? createUnitGrams(problem, kinks, cost)
    : hasMixedGrams(problem.family)
      ? createMixedGrams(problem, kinks, cost)
      : null;
  const areLongRows = (count: number) =>
    !hasLayerProducts && capacityFor(count) * layout.size > MIXED_ROW_NUMBERS;
  return async (theta, entries, pieces) => {
    const count = entries.length;
    if (unitGramsAt !== null && (count > MERGED || areLongRows(count))) {
      const units = unitsOf(kinks, entries);
      const grams = await unitGramsAt(
        theta,
        pieces,
        units.map((members) => members.map((i) => entries[i]!)),
      );
      return units.map((members, u) => ({ members, gram: grams[u]! }));
    }
    const contacts = entries.map((entry) => ({ entry, breakpoint: 0, weight: 0, follows: null }));
    const { gram } = await rowsAt(theta, contacts, pieces);
    return blocksOf(kinks, entries, gram).map((members) => ({
      members,
      gram: members.length === count ? gram : blockOf(gram, count, members),
    }));
  };
}

/** Places in `entries`, block by block. */
function blocksOf(kinks: Kinks, entries: readonly number[], gram: Float64Array): number[][] {
  const count = entries.length;
  if (count <= ONE_BLOCK) return [entries.map((_, i) => i)];
  const units = unitsOf(kinks, entries);
  let blocks: number[][] = [];
  for (const cosine of COUPLED) {
    blocks = cosine === Infinity ? units : mergedUnits(units, gram, count, cosine);
    if (blocks.every((block) => block.length <= LARGE)) break;
  }
  return blocks;
}

export function unitsOf(kinks: Kinks, candidates: readonly number[]): number[][] {
  const units = new Map<number, number[]>();
  candidates.forEach((entry, i) => {
    const unit = kinks.unitOf(entry);
    const members = units.get(unit);
    if (members === undefined) units.set(unit, [i]);
    else members.push(i);
  });
  return [...units.values()];
}

function mergedUnits(
  units: readonly number[][],
  gram: Float64Array,
  count: number,
  cosine: number,
): number[][] {
  const leader = units.map((_, u) => u);
  const find = (u: number): number => {
    let top = u;
    while (leader[top] !== top) top = leader[top]!;
    leader[u] = top;
    return top;
  };
  const norms = Float64Array.from({ length: count }, (_, i) => Math.sqrt(gram[i * count + i]!));
  const sees = (u: number, v: number): boolean =>
    units[u]!.some((i) =>
      units[v]!.some((j) => Math.abs(gram[i * count + j]!) > cosine * norms[i]! * norms[j]!),
    );
  for (let u = 0; u < units.length; u++)
    for (let v = 0; v < u; v++)
      if (find(u) !== find(v) && sees(u, v)) leader[Math.max(find(u), find(v))] = Math.min(find(u), find(v));
  const merged = new Map<number, number[]>();
  units.forEach((members, u) => {
    const top = find(u);
    const block = merged.get(top);
    if (block === undefined) merged.set(top, [...members]);
    else block.push(...members);
  });
  return [...merged.values()].map((block) => block.sort((p, q) => p - q));
}
