/**
 * The Gram matrix of every unit's candidates in networks whose layers mix the samples by fixed matrices: from tables of products over
 * samples, and, for what the layer below has part in, from the samples that the candidates' rows of these matrices reach.
 */
import type { Program } from "../../engine/index.js";
import type { MixedSite } from "../../model/index.js";
import type { Kinks, Place } from "../boundaries/kinks.js";
import { capacityFor } from "../boundaries/rows.js";
import type { Problem } from "../problem.js";
import type { UnitGramsAt } from "./unit-grams.js";

/** Numbers of the largest input of a call: as many units as fit, at least one. */
export const CALL_NUMBERS = 2 ** 19;
/** Samples that a unit's candidates reach are counted in multiples of this, so that few programs serve all. */
const SUPPORT_STEP = 64;

type Tensors = Readonly<Record<string, Float64Array>>;

/** `blocks` units with room for `rows` entries each that reach up to `support` samples. */
interface Batch {
  readonly program: Program;
  readonly blocks: number;
  readonly rows: number;
  readonly support: number;
  readonly inputs: Tensors;
}

/** A unit of a call. */
interface Unit {
  readonly index: number;
  readonly unit: number;
  readonly samples: readonly number[];
  readonly support: readonly number[];
}

/** @throws Error for a network whose sites are made otherwise */
export function createMixedGrams(problem: Problem, kinks: Kinks, cost: { products: number }): UnitGramsAt {
  const { family } = problem;
  const { samples, sites, network } = family;
  const { mixed } = network;
  if (mixed === null) throw new Error("createMixedGrams: the network's sites are not mixtures of samples");
  let prepared: Promise<{ state: Program | null; fixed: Tensors; reach: readonly number[][][] }> | null =
    null;
  const batches = new Map<string, Promise<Batch>>();

  const prepare = async () => {
    const identity = new Float64Array(samples * samples);
    for (let i = 0; i < samples; i++) identity[i * (samples + 1)] = 1;
    const state = family.mixedState();
    const tables = await problem.compile(family.mixedTables());
    const fixed = await tables.run({ identity });
    return {
      state: state && (await problem.compile(state)),
      fixed,
      reach: mixed.map((_, k) => reachOf(matricesOf(fixed, k), samples)),
    };
  };
  const batchFor = (k: number, rows: number, support: number, terms: number): Promise<Batch> => {
    const width = sites[mixed[k]!.below!]!.units;
    const key = `${width} ${terms} ${rows} ${support}`;
    let batch = batches.get(key);
    if (batch === undefined) {
      batch = (async () => {
        const blocks = Math.max(1, Math.floor(CALL_NUMBERS / (support * Math.max(support, width))));
        const graph = family.mixedGram(blocks, rows, { support, width, terms });
        const inputs = Object.fromEntries(
          graph.inputs.map(({ attributes: { name }, shape }) => [
            name,
            new Float64Array(shape.reduce((p, q) => p * q, 1)),
          ]),
        );
        return { program: await problem.compile(graph, {}), blocks, rows, support, inputs };
      })();
      batches.set(key, batch);
    }
    return batch;
  };

  return async (theta, pieces, units) => {
    cost.products++;
    prepared ??= prepare();
    const { state, fixed, reach } = await prepared;
    const found = state === null ? {} : await runState(state, theta, pieces);
    const grams = units.map(({ length: m }) => new Float64Array(m * m));
    const groups = new Map<string, { k: number; rows: number; support: number; members: Unit[] }>();
    units.forEach((entries, index) => {
      const places = entries.map((entry) => kinks.place(entry));
      const k = places[0]!.layer - 1;
      const own = places.map(({ sample }) => sample);
      const table = (found[`products ${k}`] ?? fixed[`products ${k}`])!;
      const gram = grams[index]!;
      own.forEach((p, i) => {
        own.forEach((q, j) => {
          gram[i * own.length + j] = table[p * samples + q]!;
        });
      });
      if (mixed[k]!.below === null) return;
      const support = [...new Set(own.flatMap((sample) => reach[k]![sample]!))].sort((p, q) => p - q);
      const rows = capacityFor(own.length);
      const size = Math.ceil(support.length / SUPPORT_STEP) * SUPPORT_STEP;
      const key = `${k} ${rows} ${size}`;
      const group = groups.get(key) ?? { k, rows, support: size, members: [] };
      group.members.push({ index, unit: (places[0] as Place).unit, samples: own, support });
      groups.set(key, group);
    });
    for (const { k, rows, support, members } of groups.values()) {
      const { below } = mixed[k] as MixedSite;
      const matrices = matricesOf(fixed, k);
      const weights = matrices.map((_, r) => found[`weights ${k} ${r}`]!);
      const of = {
        products: fixed[`products ${below}`]!,
        slopes: found[`slopes ${below}`]!,
        weights,
        matrices,
      };
      const batch = await batchFor(k, rows, support, matrices.length);
      for (let from = 0; from < members.length; from += batch.blocks) {
        const part = members.slice(from, from + batch.blocks);
        part.forEach((member, block) => {
          fill(batch, block, member, of, samples);
        });
        const { gram } = await batch.program.run(batch.inputs);
        part.forEach(({ index, samples: own }, block) => {
          const m = own.length;
          for (let i = 0; i < m; i++)
            for (let j = 0; j < m; j++) grams[index]![i * m + j]! += gram![(block * rows + i) * rows + j]!;
        });
      }
    }
    return grams;
  };

  function runState(state: Program, theta: Float64Array, pieces: Float64Array): Promise<Tensors> {
    const given = sites.map(({ offset, units }): [string, Float64Array] => [
      `pieces ${offset}`,
      pieces.subarray(samples * offset, samples * (offset + units)),
    ]);
    const wanted = new Set(state.graph.inputs.map(({ attributes: { name } }) => name));
    return state.run({ theta, ...Object.fromEntries(given.filter(([name]) => wanted.has(name))) });
  }
}

function matricesOf(fixed: Tensors, k: number): Float64Array[] {
  const matrices: Float64Array[] = [];
  for (let r = 0; fixed[`matrix ${k} ${r}`] !== undefined; r++) matrices.push(fixed[`matrix ${k} ${r}`]!);
  return matrices;
}

/** The samples that each row of any of the matrices reaches. */
function reachOf(matrices: readonly Float64Array[], samples: number): number[][] {
  return Array.from({ length: samples }, (_, row) =>
    Array.from({ length: samples }, (__, n) => n).filter((n) =>
      matrices.some((matrix) => matrix[row * samples + n] !== 0),
    ),
  );
}

/** Writes a unit's part of the inputs of a call. What is beyond its entries and samples has no weight: rows of zeros in `mix`. */
function fill(
  { inputs, rows, support: room }: Batch,
  block: number,
  { unit, samples: own, support }: Unit,
  of: {
    readonly products: Float64Array;
    readonly slopes: Float64Array;
    readonly weights: readonly Float64Array[];
    readonly matrices: readonly Float64Array[];
  },
  samples: number,
): void {
  const { products, slopes } = inputs as { products: Float64Array; slopes: Float64Array };
  const width = of.slopes.length / samples;
  support.forEach((p, i) => {
    const at = (block * room + i) * room;
    const row = p * samples;
    for (let j = 0; j < support.length; j++) products[at + j] = of.products[row + support[j]!]!;
    slopes.set(of.slopes.subarray(p * width, (p + 1) * width), (block * room + i) * width);
  });
  of.weights.forEach((weight, r) => {
    const into = inputs[`weights ${r}`]!;
    const units = weight.length / width;
    for (let v = 0; v < width; v++) into[block * width + v] = weight[v * units + unit]!;
  });
  of.matrices.forEach((matrix, r) => {
    const mix = inputs[`mix ${r}`]!;
    mix.fill(0, block * rows * room, (block + 1) * rows * room);
    own.forEach((sample, i) => {
      const at = (block * rows + i) * room;
      for (let j = 0; j < support.length; j++) mix[at + j] = matrix[sample * samples + support[j]!]!;
    });
  });
}
