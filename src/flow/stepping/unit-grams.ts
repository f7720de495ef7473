/**
 * The Gram matrix of every unit's candidates, from layer products: for entries i, j of a unit Σ_l ⟨h_i, h_j⟩⟨δ_i, δ_j⟩. The inputs h of all
 * samples come from one forward pass, or stand in tables where they are data; the signals δ and their products are the engine's, units
 * with about as many entries in one call.
 */

import type { Program } from "../../engine/index.js";
import { sizeOf } from "../../graph/index.js";
import type { UnitGrams } from "../../model/index.js";
import type { Kinks } from "../boundaries/kinks.js";
import { capacityFor } from "../boundaries/rows.js";
import type { Problem } from "../problem.js";

/** Samples up to which products of inputs that are data stand in tables. */
export const TABLED_SAMPLES = 2048;
/** Entries of a call: as many units as fit, at least one. */
export const UNIT_ROWS = 512;

/** K of each unit's entries, row-major; units are lists of entries. */
export type UnitGramsAt = (
  theta: Float64Array,
  pieces: Float64Array,
  units: readonly (readonly number[])[],
) => Promise<Float64Array[]>;

/** `blocks` units of a site, with room for `rows` entries each. */
interface Batch extends Pick<UnitGrams, "tables"> {
  /** Null where tables say all. */
  readonly program: Program | null;
  readonly rows: number;
  readonly blocks: number;
  /** `seeds`, a row for each unit, and inputs that have a row for each entry. */
  readonly inputs: Readonly<Record<string, Float64Array>>;
}

/** @throws Error for a network without layer products */
export function createUnitGrams(problem: Problem, kinks: Kinks, cost: { products: number }): UnitGramsAt {
  const { family } = problem;
  const { samples, sites } = family;
  const withTables = samples <= TABLED_SAMPLES;
  const batches = new Map<string, Batch>();
  const buffers = new Map<string, Float64Array>();
  let prepared: { moved: Program | null; fixed: Readonly<Record<string, Float64Array>> } | null = null;

  const prepare = async () => {
    const moved = family.affineInputs("moved");
    const fixed = family.affineInputs(withTables ? "tables" : "data");
    return {
      moved: moved && (await problem.compile(moved)),
      fixed: fixed === null ? {} : await (await problem.compile(fixed)).run({}),
    };
  };
  /** Batches share buffers: what comes of rows that a call leaves as they are is not looked at. */
  const bufferFor = (name: string, size: number): Float64Array => {
    const key = `${name} ${size}`;
    const buffer = buffers.get(key) ?? new Float64Array(size);
    buffers.set(key, buffer);
    return buffer;
  };
  const batchFor = async (site: number, rows: number): Promise<Batch> => {
    const key = `${site} ${rows}`;
    const known = batches.get(key);
    if (known !== undefined) return known;
    const blocks = Math.max(1, Math.floor(UNIT_ROWS / rows));
    const { graph, tables } = family.unitGrams(sites[site]!, blocks, rows, withTables);
    const program = graph && (await problem.compile(graph, {}));
    const own = (graph?.inputs ?? []).filter(({ attributes: { name } }) => name !== "theta");
    const inputs = Object.fromEntries(
      own.map(({ attributes: { name }, shape }) => [name, bufferFor(name, sizeOf(shape))]),
    );
    const made = { program, tables, rows, blocks, inputs };
    batches.set(key, made);
    return made;
  };
  /** Rows of all samples, by the names that inputs have. */
  const samplesAt = async (theta: Float64Array, pieces: Float64Array) => {
    prepared ??= await prepare();
    const { moved, fixed } = prepared;
    const rows: Record<string, Float64Array> = { ...problem.data, ...fixed };
    for (const { offset, units } of sites)
      rows[`pieces ${offset}`] = pieces.subarray(samples * offset, samples * (offset + units));
    if (moved === null) return rows;
    const given = moved.graph.inputs.map(({ attributes: { name } }) => [
      name,
      name === "theta" ? theta : rows[name]!,
    ]);
    return { ...rows, ...(await moved.run(Object.fromEntries(given))) };
  };

  return async (theta, pieces, units) => {
    cost.products++;
    const rows = await samplesAt(theta, pieces);
    const grams = separate(units.map(({ length }) => length ** 2));
    for (const { site, capacity, places } of bySize(kinks, units)) {
      const batch = await batchFor(site, capacity);
      const { offset, units: width } = sites[site]!;
      const within = (entry: number) => entry - samples * offset;
      for (let from = 0; from < places.length; from += batch.blocks) {
        const part = places.slice(from, from + batch.blocks);
        const own = part.map((u) => ({
          unit: within(units[u]![0]!) % width,
          samples: Int32Array.from(units[u]!, (entry) => Math.floor(within(entry) / width)),
        }));
        const found = await run(batch, theta, own, rows, samples);
        part.forEach((u, block) => {
          collect(batch, found, block, own[block]!.samples, rows, samples, grams[u]!);
        });
      }
    }
    return grams;
  };
}

/** A unit's entries. */
interface UnitEntries {
  readonly unit: number;
  readonly samples: Int32Array;
}

/** Arrays of these lengths in one piece of memory. */
function separate(lengths: readonly number[]): Float64Array[] {
  const all = new Float64Array(lengths.reduce((sum, length) => sum + length, 0));
  let end = 0;
  return lengths.map((length) => {
    end += length;
    return all.subarray(end - length, end);
  });
}

/** Places of units of one site that have about as many entries. */
function bySize(kinks: Kinks, units: readonly (readonly number[])[]) {
  const groups = new Map<string, { site: number; capacity: number; places: number[] }>();
  units.forEach((entries, u) => {
    const site = kinks.place(entries[0]!).layer - 1;
    const capacity = capacityFor(entries.length);
    const key = `${site} ${capacity}`;
    const group = groups.get(key) ?? { site, capacity, places: [] };
    group.places.push(u);
    groups.set(key, group);
  });
  return groups.values();
}

async function run(
  { program, rows: capacity, blocks, inputs }: Batch,
  theta: Float64Array,
  units: readonly UnitEntries[],
  rows: Readonly<Record<string, Float64Array>>,
  samples: number,
): Promise<Readonly<Record<string, Float64Array>>> {
  if (program === null) return {};
  const { seeds, ...gathered } = inputs;
  if (seeds !== undefined) {
    seeds.fill(0);
    units.forEach(({ unit }, block) => {
      seeds[(block * seeds.length) / blocks + unit] = 1;
    });
  }
  for (const [name, into] of Object.entries(gathered)) {
    const from = rows[name]!;
    const width = from.length / samples;
    units.forEach(({ samples: own }, block) => {
      for (let i = 0, to = block * capacity * width; i < own.length; i++, to += width)
        into.set(from.subarray(own[i]! * width, (own[i]! + 1) * width), to);
    });
  }
  return program.run({ theta, ...inputs });
}

/** K of one unit of a call. */
function collect(
  { tables, rows: capacity }: Batch,
  found: Readonly<Record<string, Float64Array>>,
  block: number,
  own: Int32Array,
  rows: Readonly<Record<string, Float64Array>>,
  samples: number,
  out: Float64Array,
): void {
  const m = own.length;
  const { gram } = found;
  for (let i = 0; i < m && gram !== undefined; i++) {
    const at = (block * capacity + i) * capacity;
    for (let j = 0; j < m; j++) out[i * m + j] = gram[at + j]!;
  }
  for (const { layer, isOne } of tables) {
    const table = rows[`products ${layer}`]!;
    const signals = found[`signals ${layer}`];
    for (let i = 0; i < m; i++) {
      const at = (block * capacity + i) * capacity;
      const row = own[i]! * samples;
      for (let j = 0; j < m; j++)
        out[i * m + j]! += isOne ? table[row + own[j]!]! : table[row + own[j]!]! * signals![at + j]!;
    }
  }
}
