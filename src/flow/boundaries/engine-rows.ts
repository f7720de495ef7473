/**
 * Normals by the engine, for any network. Small sets: rows by one batched reverse sweep. Larger ones: K from layer products, or column by
 * column where there are none, and Jv and Jᵀu by one forward or reverse sweep each.
 */
import type { Program } from "../../engine/index.js";
import { fillInputs } from "../../ntk/index.js";
import type { Problem } from "../problem.js";
import { type Contact, enterEachOther, type Kinks } from "./kinks.js";
import { createProbes } from "./probes.js";
import { capacityFor, type Rows, type RowsAt } from "./rows.js";

/** Numbers that the rows of one set may take (256 MiB); larger sets are treated by products. */
export const MAX_ROW_NUMBERS = 2 ** 25;
/** Probes of the size of the terms of Jv; the mean of two squares is too small by a factor of 10⁴ once in 10⁴ entries. */
const PROBES = 2;

/** Rows without what passes between contacts. */
type OwnRowsAt = (...at: Parameters<RowsAt>) => Promise<Omit<Rows, "transfers">>;

/** @param cost counts batched reverse sweeps, and pushforwards and pullbacks in place of rows */
export function createEngineRows(
  problem: Problem,
  kinks: Kinks,
  cost: { rowSweeps: number; products: number },
  maxRowNumbers = MAX_ROW_NUMBERS,
): RowsAt {
  const { data } = problem;
  const P = problem.family.layout.size;
  const stored = createStoredRows(problem, data, cost);
  const products = createProducts(problem, data, cost);
  const transfersAt = createTransfers(problem, kinks, data);
  return async (theta, contacts, pieces) => {
    const hasRows = capacityFor(contacts.length) * P <= maxRowNumbers;
    const rows = await (hasRows ? stored : products)(theta, contacts, pieces);
    const transfers = async () => {
      if (!enterEachOther(contacts, kinks)) return null;
      if (hasRows) cost.rowSweeps++;
      else cost.products++;
      return transfersAt(theta, contacts, pieces);
    };
    return { ...rows, transfers };
  };
}

function createTransfers(problem: Problem, kinks: Kinks, data: Readonly<Record<string, Float64Array>>) {
  const { family } = problem;
  const { network, samples } = family;
  const bound = network.coupled ? pick(data, ["x", ...family.relations, ...network.sampleInputs]) : {};
  const compiled = createPrograms((capacity) => problem.compile(family.scalarSignals(capacity), bound));
  return async (
    theta: Float64Array,
    contacts: readonly Contact[],
    pieces: Float64Array,
  ): Promise<Float64Array> => {
    const n = contacts.length;
    const capacity = capacityFor(n);
    const program = await compiled(capacity);
    const entries = contacts.map(({ entry }) => entry);
    const outputs = await program.run({ theta, ...fillInputs(family, data, entries, capacity, { pieces }) });
    const signals = outputs["signals"] as Float64Array;
    const width = network.coupled ? samples * network.units : network.units;
    const places = entries.map((entry) => kinks.place(entry));
    const transfers = new Float64Array(n * n);
    places.forEach((to, i) => {
      places.forEach((from, j) => {
        if (from.layer >= to.layer || (from.sample !== to.sample && !network.coupled)) return;
        const column = network.coupled
          ? (entries[j] as number)
          : family.sites[from.layer - 1]!.offset + from.unit;
        transfers[i * n + j] = signals[i * width + column] as number;
      });
    });
    return transfers;
  };
}

/** Rows and K by one batched reverse sweep; unused rows have zero seeds. The rows live until the next call. */
function createStoredRows(
  problem: Problem,
  data: Readonly<Record<string, Float64Array>>,
  cost: { rowSweeps: number },
): OwnRowsAt {
  const { family } = problem;
  const P = family.layout.size;
  const bound = family.network.coupled
    ? pick(data, ["x", ...family.relations, ...family.network.sampleInputs])
    : {};
  const compiled = createPrograms((capacity) => problem.compile(family.scalarRows(capacity, true), bound));
  return async (theta, contacts, pieces) => {
    cost.rowSweeps++;
    const count = contacts.length;
    const capacity = capacityFor(count);
    const program = await compiled(capacity);
    const entries = contacts.map(({ entry }) => entry);
    const outputs = await program.run({ theta, ...fillInputs(family, data, entries, capacity, { pieces }) });
    const rows = outputs["rows"] as Float64Array;
    const each = (value: (at: number, i: number) => number): Float64Array =>
      Float64Array.from({ length: count }, (_, s) => {
        let sum = 0;
        for (let i = 0, at = s * P; i < P; i++, at++) sum += value(at, i);
        return sum;
      });
    return {
      gram: trim(outputs["gram"] as Float64Array, capacity, count),
      along: async (v) => each((at, i) => (rows[at] as number) * (v[i] as number)),
      terms: async (v) => each((at, i) => ((rows[at] as number) * (v[i] as number)) ** 2).map(Math.sqrt),
      async add(out, u) {
        for (let s = 0; s < count; s++) {
          const scale = u[s] as number;
          if (scale === 0) continue;
          for (let i = 0, at = s * P; i < P; i++, at++)
            out[i] = (out[i] as number) + scale * (rows[at] as number);
        }
      },
    };
  };
}

function createProducts(
  problem: Problem,
  data: Readonly<Record<string, Float64Array>>,
  cost: { products: number },
): OwnRowsAt {
  const { family } = problem;
  const P = family.layout.size;
  const seeds = new Float64Array(family.entries);
  const zDot = new Float64Array(family.entries);
  const pulled = new Float64Array(P);
  const gramAt = createPrograms((capacity) => problem.compile(family.scalarGram(capacity), {}));
  let sweeps: { pullback: Program; pushforward: Program; probes: readonly Float64Array[] } | null = null;
  return async (theta, contacts, pieces) => {
    const count = contacts.length;
    sweeps ??= {
      pullback: await problem.compile(family.entryPullback()),
      pushforward: await problem.compile(family.normalVelocity()),
      probes: createProbes("terms", PROBES, P),
    };
    const { pullback, pushforward, probes } = sweeps;
    const pull = async (u: Float64Array): Promise<void> => {
      cost.products++;
      seeds.fill(0);
      contacts.forEach(({ entry }, s) => {
        seeds[entry] = u[s] as number;
      });
      await pullback.run({ theta, pieces, seeds }, { product: pulled });
    };
    const along = async (velocity: Float64Array): Promise<Float64Array> => {
      cost.products++;
      await pushforward.run({ theta, pieces, velocity }, { zDot });
      return Float64Array.from(contacts, ({ entry }) => zDot[entry] as number);
    };
    /** Without layer products K takes a reverse and a forward sweep for each column. */
    const columns = async (): Promise<Float64Array> => {
      const gram = new Float64Array(count * count);
      const unit = new Float64Array(count);
      for (let j = 0; j < count; j++) {
        unit.fill(0);
        unit[j] = 1;
        await pull(unit);
        const column = await along(pulled);
        for (let i = 0; i <= j; i++) gram[i * count + j] = gram[j * count + i] = column[i] as number;
      }
      return gram;
    };
    const layerProducts = async (): Promise<Float64Array> => {
      cost.products++;
      const capacity = capacityFor(count);
      const program = await gramAt(capacity);
      const entries = contacts.map(({ entry }) => entry);
      const { gram } = await program.run({
        theta,
        ...fillInputs(family, data, entries, capacity, { pieces }),
      });
      return trim(gram as Float64Array, capacity, count);
    };
    return {
      gram: family.network.hasLayerProducts ? await layerProducts() : await columns(),
      along,
      async terms(v) {
        let squares = new Float64Array(count);
        for (const probe of probes) {
          const sums = await along(v.map((value, i) => value * (probe[i] as number)));
          squares = squares.map((square, s) => square + (sums[s] as number) ** 2 / PROBES);
        }
        return squares.map(Math.sqrt);
      },
      async add(out, u) {
        await pull(u);
        for (let i = 0; i < P; i++) out[i] = (out[i] as number) + (pulled[i] as number);
      },
    };
  };
}

/** One program for each capacity, compiled when it is first asked for. */
function createPrograms(compile: (capacity: number) => Promise<Program>) {
  const programs = new Map<number, Promise<Program>>();
  return (capacity: number): Promise<Program> => {
    let program = programs.get(capacity);
    if (program === undefined) {
      program = compile(capacity);
      programs.set(capacity, program);
    }
    return program;
  };
}

/** The leading count × count block of a matrix of rows of length `stride`. */
function trim(matrix: Float64Array, stride: number, count: number): Float64Array {
  const block = new Float64Array(count * count);
  for (let s = 0; s < count; s++) block.set(matrix.subarray(s * stride, s * stride + count), s * count);
  return block;
}

function pick(data: Readonly<Record<string, Float64Array>>, names: readonly string[]) {
  return Object.fromEntries(names.map((name) => [name, data[name] as Float64Array]));
}
