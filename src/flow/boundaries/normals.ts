/**
 * The normals ∇_θ z_e of a set of contacts and their Gram matrix K = JJᵀ at one θ: in factors where the network has layer products, else
 * by the engine. K is dense, so that whatever is asked of it (who depends on whom, who is tied, the box problem) has one answer.
 */
import { NumericalError } from "../../errors.js";
import { blockOf } from "../../linalg/block.js";
import { type Factor, factorise } from "../../linalg/cholesky.js";
import type { Contact, Kinks } from "./kinks.js";
import type { Rows, RowsAt } from "./rows.js";

/** Contacts of one set: K takes 512 MiB, and its factor as much. */
export const MAX_CONTACTS = 8192;

/** More contacts at once than K can be formed for; the flow cannot go on. */
export class TooManyContacts extends NumericalError {}

/** J is s × P, u has length s. */
export interface Normals extends Rows {
  readonly count: number;
  /** Layer of each contact. */
  readonly layers: readonly number[];
  /** Is told of further operations on K. */
  work(operations: number): void;
  /** K·x */
  product(x: Float64Array): Float64Array;
  /** A solution of Ku = b; zero for rows that depend on earlier ones. */
  solve(b: Float64Array): Float64Array;
  /** Those of some of the contacts, in any order. */
  select(indices: readonly number[]): Normals;
  /** Those after the slopes of the contacts have changed by `slopes` where nothing else has. */
  reslope(slopes: Float64Array): Promise<Normals>;
}

export type NormalsAt = (
  theta: Float64Array,
  contacts: readonly Contact[],
  pieces: Float64Array,
) => Promise<Normals>;

/** @param work is told of floating-point operations outside the engine */
export function createNormals(kinks: Kinks, rowsAt: RowsAt, work: (operations: number) => void): NormalsAt {
  return async (theta, contacts, pieces) => {
    const count = contacts.length;
    if (count > MAX_CONTACTS)
      throw new TooManyContacts(
        `${count} entries are on their boundaries at once, more than the ${MAX_CONTACTS} that exact can decide on together.`,
      );
    const layers = contacts.map(({ entry }) => kinks.place(entry).layer);
    return withGram(await rowsAt(theta, contacts, pieces), layers, work);
  };
}

function withGram(rows: Rows, layers: readonly number[], work: (operations: number) => void): Normals {
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
    work,
    product(x) {
      const image = new Float64Array(count);
      for (let i = 0; i < count; i++) {
        let sum = 0;
        for (let j = 0; j < count; j++) sum += (gram[i * count + j] as number) * (x[j] as number);
        image[i] = sum;
      }
      work(2 * count ** 2);
      return image;
    },
    solve(b) {
      if (factor === null) {
        factor = factorise(gram, count);
        work(factor.operations);
      }
      const u = b.slice();
      factor.solve(u);
      work(2 * count ** 2);
      return u;
    },
    async reslope(slopes) {
      const before = await transfers();
      return before === null
        ? this
        : withGram(reslope(rows, count, before, slopes, layers, work), layers, work);
    },
    select(indices) {
      const pick = (all: Float64Array): Float64Array => Float64Array.from(indices, (i) => all[i] as number);
      return withGram(
        {
          gram: blockOf(gram, count, indices),
          async transfers() {
            const all = await transfers();
            return all === null ? null : blockOf(all, count, indices);
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
        work,
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
  work: (operations: number) => void,
): Rows {
  const order = layers.map((_, i) => i).sort((i, j) => layers[i]! - layers[j]!);
  /** T·M for M [n, columns], in place. */
  const forwards = (m: Float64Array, columns: number): Float64Array => {
    for (const i of order)
      for (let j = 0; j < n; j++) {
        const factor = (passed[i * n + j] as number) * (slopes[j] as number);
        if (factor === 0) continue;
        for (let c = 0; c < columns; c++) m[i * columns + c]! += factor * (m[j * columns + c] as number);
        work(2 * columns);
      }
    return m;
  };
  /** Tᵀu */
  const backwards = (u: Float64Array): Float64Array => {
    const all = u.slice();
    for (const i of order.toReversed())
      for (let j = 0; j < n; j++) {
        const factor = (passed[i * n + j] as number) * (slopes[j] as number);
        if (factor !== 0) all[j]! += factor * (all[i] as number);
      }
    return all;
  };
  const transposed = (m: Float64Array): Float64Array => {
    const out = new Float64Array(n * n);
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) out[i * n + j] = m[j * n + i] as number;
    return out;
  };
  return {
    gram: forwards(transposed(forwards(rows.gram.slice(), n)), n),
    transfers: async () => forwards(passed.slice(), n),
    along: async (v) => forwards((await rows.along(v)).slice(), 1),
    // Sizes: those of the terms that are added.
    async terms(v) {
      const sizes = (await rows.terms(v)).slice();
      for (const i of order)
        for (let j = 0; j < n; j++) {
          const factor = (passed[i * n + j] as number) * (slopes[j] as number);
          if (factor !== 0) sizes[i] = Math.hypot(sizes[i] as number, factor * (sizes[j] as number));
        }
      return sizes;
    },
    add: (out, u) => rows.add(out, backwards(u)),
  };
}
