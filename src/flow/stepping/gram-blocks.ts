/**
 * Blocks of candidates that see each other within a step, each with the Gram matrix of its normals. A few are one block. More are split:
 * the entries of one unit belong together, and units whose normals are not nearly orthogonal. Many are split by units alone, and then only
 * products within units are formed, from the layers' inputs and signals.
 */

import { dot } from "../../linalg/vectors.js";
import { fillInputs } from "../../ntk/index.js";
import type { Kinks } from "../boundaries/kinks.js";
import { capacityFor, createNormals, createPrograms } from "../boundaries/normals.js";
import type { Problem } from "../problem.js";

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
/** Numbers of rows ∇z up to which K is formed from them; beyond, from the layers' inputs and signals where there are such. */
const ROW_NUMBERS = 2 ** 17;
/** Units whose normals have a cosine above this see each other; with blocks larger than `LARGE` the next one. */
const COUPLED = [0.1, 0.3, 0.6, Infinity] as const;
const LARGE = 192;

/** @param cost counts Gram matrices by rows, and by products */
export function createGramBlocks(
  problem: Problem,
  kinks: Kinks,
  cost: { rowSweeps: number; products: number },
): GramBlocks {
  const normalsAt = createNormals(problem, kinks, problem.data, cost);
  const byFactors = problem.family.network.hasLayerProducts ? createFactors(problem, cost) : null;
  return async (theta, entries, pieces) => {
    const count = entries.length;
    const gramOf =
      byFactors !== null && (count > MERGED || count * problem.family.layout.size > ROW_NUMBERS)
        ? await byFactors(theta, entries, pieces)
        : null;
    if (gramOf !== null && count > MERGED)
      return unitsOf(kinks, entries).map((members) => ({ members, gram: gramOf(members) }));
    const contacts = entries.map((entry) => ({ entry, breakpoint: 0, weight: 0, follows: null }));
    const gram = gramOf?.(entries.map((_, i) => i)) ?? (await normalsAt(theta, contacts, pieces)).gram;
    return blocksOf(kinks, entries, gram).map((members) => ({
      members,
      gram: members.length === count ? gram : blockOf(gram, count, members),
    }));
  };
}

/** The rows and columns of a matrix that belong to `members`. */
export function blockOf(gram: Float64Array, stride: number, members: readonly number[]): Float64Array {
  const m = members.length;
  const block = new Float64Array(m * m);
  for (let a = 0; a < m; a++)
    for (let b = 0; b < m; b++) block[a * m + b] = gram[members[a]! * stride + members[b]!]!;
  return block;
}

/** Σ_l ⟨h_i, h_j⟩⟨δ_i, δ_j⟩ of the members that it is asked for: inputs h and signals δ of all entries are there. */
function createFactors(problem: Problem, cost: { products: number }) {
  const { family } = problem;
  const compiled = createPrograms((capacity) => problem.compile(family.scalarFactors(capacity), {}));
  return async (theta: Float64Array, entries: readonly number[], pieces: Float64Array) => {
    cost.products++;
    const capacity = capacityFor(entries.length);
    const program = await compiled(capacity);
    const outputs = await program.run({
      theta,
      ...fillInputs(family, problem.data, entries, capacity, { pieces }),
    });
    const layers: Layer[] = [];
    for (let l = 0; outputs[`signal ${l}`] !== undefined; l++) {
      const signal = outputs[`signal ${l}`]!;
      const width = signal.length / capacity;
      // An entry has no signal at the layers after its own.
      const isSeen = entries.map((_, i) => signal.subarray(i * width, (i + 1) * width).some((x) => x !== 0));
      layers.push({ signal, input: outputs[`input ${l}`] ?? null, isSeen });
    }
    return (members: readonly number[]): Float64Array => {
      const m = members.length;
      const gram = new Float64Array(m * m);
      for (let a = 0; a < m; a++)
        for (let b = 0; b <= a; b++) {
          const [i, j] = [members[a]!, members[b]!];
          let sum = 0;
          for (const { signal, input, isSeen } of layers)
            if (isSeen[i] && isSeen[j])
              sum +=
                rowProduct(signal, i, j, capacity) * (input === null ? 1 : rowProduct(input, i, j, capacity));
          gram[a * m + b] = gram[b * m + a] = sum;
        }
      return gram;
    };
  };
}

interface Layer {
  readonly signal: Float64Array;
  readonly input: Float64Array | null;
  readonly isSeen: readonly boolean[];
}

/** ⟨row i, row j⟩ of a matrix with that many rows. */
function rowProduct(matrix: Float64Array, i: number, j: number, rows: number): number {
  const width = matrix.length / rows;
  return dot(matrix, matrix, i * width, j * width, width);
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
  const units = new Map<string, number[]>();
  candidates.forEach((entry, i) => {
    const { layer, unit } = kinks.place(entry);
    const key = `${layer} ${unit}`;
    const members = units.get(key);
    if (members === undefined) units.set(key, [i]);
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
