/**
 * The normals ∇_θ z_e of a set of contacts and their Gram matrix K = JJᵀ at one θ. Small sets: rows by one batched reverse sweep.
 * Larger ones: no rows; K from layer products, or column by column where there are none, and J by one forward or reverse sweep a product.
 * K is dense for both, so that whatever is asked of it (who depends on whom, who is tied, the box problem) has the same answer.
 */
import type { Program } from "../../engine/index.js";
import { NumericalError } from "../../errors.js";
import { type Factor, factorise } from "../../linalg/cholesky.js";
import { fillInputs } from "../../ntk/index.js";
import type { Problem } from "../problem.js";
import { type Contact, enterEachOther, type Kinks } from "./kinks.js";
import { createProbes } from "./probes.js";

/** Numbers that the rows of one set may take (256 MiB); larger sets are treated by products. */
export const MAX_ROW_NUMBERS = 2 ** 25;
/** Contacts of one set: K takes 512 MiB, and its factor as much. */
const MAX_CONTACTS = 8192;
/** Probes of the size of the terms of Jv; the mean of two squares is too small by a factor of 10⁴ once in 10⁴ entries. */
const PROBES = 2;

/** More contacts at once than K can be formed for; the flow cannot go on. */
export class TooManyContacts extends NumericalError {}

/** J is s × P, u has length s. */
export interface Normals {
  readonly count: number;
  /** Layer of each contact. */
  readonly layers: readonly number[];
  /** K, row-major. */
  readonly gram: Float64Array;
  /** J·v */
  along(v: Float64Array): Promise<Float64Array>;
  /** Size of what J·v is summed of, (Σ_i (J_si v_i)²)^½ or an estimate of it: a sum far below is rounding. */
  terms(v: Float64Array): Promise<Float64Array>;
  /** out ← out + Jᵀu */
  add(out: Float64Array, u: Float64Array): Promise<void>;
  /** K·x */
  product(x: Float64Array): Float64Array;
  /** A solution of Ku = b; zero for rows that depend on earlier ones. */
  solve(b: Float64Array): Float64Array;
  /** Those of some of the contacts, in any order. */
  select(indices: readonly number[]): Normals;
  /**
   * What the activation of contact j passes on to z_i of a later layer, ∂z_i/∂a_j [s, s], row-major: the pieces of contacts enter
   * each other's normals and signals by these alone. Null where none does.
   */
  transfers(): Promise<Float64Array | null>;
  /** Those after the slopes of the contacts have changed by `slopes` where nothing else has. */
  reslope(slopes: Float64Array): Promise<Normals>;
}

export type NormalsAt = (
  theta: Float64Array,
  contacts: readonly Contact[],
  pieces: Float64Array,
) => Promise<Normals>;

/** What a set of rows, stored or not, has to offer; the rest follows from K. */
type Rows = Pick<Normals, "gram" | "along" | "terms" | "add" | "transfers">;
type RowsAt = (
  theta: Float64Array,
  contacts: readonly Contact[],
  pieces: Float64Array,
) => Promise<Omit<Rows, "transfers">>;

/** @param cost counts batched reverse sweeps, and pushforwards and pullbacks in place of rows */
export function createNormals(
  problem: Problem,
  kinks: Kinks,
  data: Readonly<Record<string, Float64Array>>,
  cost: { rowSweeps: number; products: number },
  maxRowNumbers = MAX_ROW_NUMBERS,
): NormalsAt {
  const P = problem.family.layout.size;
  const stored = createStoredRows(problem, data, cost);
  const products = createProducts(problem, data, cost);
  const transfersAt = createTransfers(problem, kinks, data);
  return async (theta, contacts, pieces) => {
    const count = contacts.length;
    if (count > MAX_CONTACTS)
      throw new TooManyContacts(
        `${count} entries are on their boundaries at once, more than the ${MAX_CONTACTS} that exact can decide on together.`,
      );
    const hasRows = capacityFor(count) * P <= maxRowNumbers;
    const rowsAt = hasRows ? stored : products;
    const layers = contacts.map(({ entry }) => kinks.place(entry).layer);
    const transfers = () => {
      if (!enterEachOther(contacts, kinks)) return Promise.resolve(null);
      if (hasRows) cost.rowSweeps++;
      else cost.products++;
      return transfersAt(theta, contacts, pieces);
    };
    return withGram({ ...(await rowsAt(theta, contacts, pieces)), transfers }, layers);
  };
}

function withGram(rows: Rows, layers: readonly number[]): Normals {
  const { gram } = rows;
  const count = layers.length;
  let factor: Factor | null = null;
  let passed: ReturnType<Rows["transfers"]> | null = null;
  const transfers = () => {
    passed ??= rows.transfers();
    return passed;
  };
  return {
    ...rows,
    transfers,
    count,
    layers,
    product: (x) =>
      x.map((_, i) => {
        let sum = 0;
        for (let j = 0; j < count; j++) sum += (gram[i * count + j] as number) * (x[j] as number);
        return sum;
      }),
    solve(b) {
      factor ??= factorise(gram, count);
      const u = b.slice();
      factor.solve(u);
      return u;
    },
    async reslope(slopes) {
      const before = await transfers();
      return before === null ? this : withGram(reslope(rows, count, before, slopes, layers), layers);
    },
    select(indices) {
      const n = indices.length;
      const pick = (all: Float64Array): Float64Array => Float64Array.from(indices, (i) => all[i] as number);
      const block = (all: Float64Array): Float64Array =>
        Float64Array.from(
          { length: n * n },
          (_, c) => all[indices[Math.floor(c / n)]! * count + indices[c % n]!] as number,
        );
      return withGram(
        {
          gram: block(gram),
          async transfers() {
            const all = await transfers();
            return all === null ? null : block(all);
          },
          along: async (v) => pick(await rows.along(v)),
          terms: async (v) => pick(await rows.terms(v)),
          async add(out, u) {
            const all = new Float64Array(count);
            indices.forEach((i, s) => {
              all[i] = u[s] as number;
            });
            await rows.add(out, all);
          },
        },
        indices.map((i) => layers[i]!),
      );
    },
  };
}

/**
 * Rows ∇z_i + Σ_j ∂z_i/∂a_j·slope_j·∇z_j′ with the new ∇z_j′ of earlier layers: paths from θ to z_i, sorted by the last contact on them
 * whose slope has changed. So J′ = TJ, and what is passed on changes in the same way.
 */
function reslope(
  rows: Rows,
  n: number,
  passed: Float64Array,
  slopes: Float64Array,
  layers: readonly number[],
): Rows {
  const order = layers.map((_, i) => i).sort((i, j) => layers[i]! - layers[j]!);
  /** T·M for M [n, columns], in place. */
  const forwards = (m: Float64Array, columns: number): Float64Array => {
    for (const i of order)
      for (let j = 0; j < n; j++) {
        const factor = (passed[i * n + j] as number) * (slopes[j] as number);
        if (factor === 0) continue;
        for (let c = 0; c < columns; c++) m[i * columns + c]! += factor * (m[j * columns + c] as number);
      }
    return m;
  };
  /** Tᵀu */
  const backwards = (u: Float64Array): Float64Array => {
    const all = u.slice();
    for (const i of order.toReversed())
      for (let j = 0; j < n; j++)
        all[j]! += (passed[i * n + j] as number) * (slopes[j] as number) * (all[i] as number);
    return all;
  };
  const transposed = (m: Float64Array): Float64Array =>
    m.map((_, c) => m[(c % n) * n + Math.floor(c / n)] as number);
  return {
    gram: forwards(transposed(forwards(rows.gram.slice(), n)), n),
    transfers: async () => forwards(passed.slice(), n),
    along: async (v) => forwards((await rows.along(v)).slice(), 1),
    // Sizes: those of the terms that are added.
    async terms(v) {
      const sizes = (await rows.terms(v)).slice();
      for (const i of order)
        for (let j = 0; j < n; j++)
          sizes[i] = Math.hypot(
            sizes[i] as number,
            (passed[i * n + j] as number) * (slopes[j] as number) * (sizes[j] as number),
          );
      return sizes;
    },
    add: (out, u) => rows.add(out, backwards(u)),
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
): RowsAt {
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
): RowsAt {
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
export function createPrograms(compile: (capacity: number) => Promise<Program>) {
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

/** Programs are compiled for the next power of two of the number of contacts. */
export function capacityFor(count: number): number {
  let capacity = 4;
  while (capacity < count) capacity *= 2;
  return capacity;
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
