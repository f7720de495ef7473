/**
 * The Gram matrix of every unit's candidates, from layer products: for entries i, j of a unit Σ_l ⟨h_i, h_j⟩⟨δ_i, δ_j⟩. The inputs h of all
 * samples come from one forward pass, or stand in tables where they are data; the signals δ and their products are the engine's, units
 * with about as many entries in one call.
 */

import type { Program } from "../../engine/index.js";
import { sizeOf } from "../../graph/index.js";
import type { UnitGrams } from "../../model/index.js";
import type { Kinks, Place } from "../boundaries/kinks.js";
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
    const grams = units.map(({ length: m }) => new Float64Array(m * m));
    for (const { site, capacity, places } of bySize(kinks, units)) {
      const batch = await batchFor(site, capacity);
      for (let from = 0; from < places.length; from += batch.blocks) {
        const part = places.slice(from, from + batch.blocks);
        const own = part.map((u) => units[u]!.map((entry) => kinks.place(entry)));
        const found = await run(batch, theta, own, rows, samples);
        part.forEach((u, block) => {
          collect(batch, found, block, own[block]!, rows, samples, grams[u]!);
        });
      }
    }
    return grams;
  };
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

/** @param units place of each entry, unit by unit */
async function run(
  { program, rows: capacity, blocks, inputs }: Batch,
  theta: Float64Array,
  units: readonly (readonly Place[])[],
  rows: Readonly<Record<string, Float64Array>>,
  samples: number,
): Promise<Readonly<Record<string, Float64Array>>> {
  if (program === null) return {};
  const { seeds, ...gathered } = inputs;
  if (seeds !== undefined) {
    const width = seeds.length / blocks;
    seeds.fill(0);
    units.forEach((own, block) => {
      seeds[block * width + own[0]!.unit] = 1;
    });
  }
  for (const [name, into] of Object.entries(gathered)) {
    const from = rows[name]!;
    const width = from.length / samples;
    units.forEach((own, block) => {
      own.forEach(({ sample }, i) => {
        into.set(from.subarray(sample * width, (sample + 1) * width), (block * capacity + i) * width);
      });
    });
  }
  return program.run({ theta, ...inputs });
}

/** K of one unit of a call. */
function collect(
  { tables, rows: capacity }: Batch,
  found: Readonly<Record<string, Float64Array>>,
  block: number,
  own: readonly Place[],
  rows: Readonly<Record<string, Float64Array>>,
  samples: number,
  out: Float64Array,
): void {
  const m = own.length;
  const { gram } = found;
  for (let i = 0; i < m; i++) {
    const at = (block * capacity + i) * capacity;
    for (let j = 0; j < m; j++) out[i * m + j] = gram === undefined ? 0 : gram[at + j]!;
  }
  for (const { layer, isOne } of tables) {
    const table = rows[`products ${layer}`]!;
    const signals = found[`signals ${layer}`];
    for (let i = 0; i < m; i++) {
      const at = (block * capacity + i) * capacity;
      const row = own[i]!.sample * samples;
      for (let j = 0; j < m; j++)
        out[i * m + j]! += table[row + own[j]!.sample]! * (isOne ? 1 : signals![at + j]!);
    }
  }
}
