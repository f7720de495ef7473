/**
 * The normals ∇_θ z_e of a set of contacts and their Gram matrix K = JJᵀ at one θ. Small sets: rows by one batched reverse
 * sweep, K dense, solved by Cholesky. Larger ones: nothing stored, one reverse and one forward sweep a product, solved by
 * conjugate gradients. Sees all parameters and all samples, so a gcn, where every sample moves with every other, is no special case.
 */
import type { Program } from "../../engine/index.js";
import { type Factor, factorise } from "../../linalg/cholesky.js";
import { conjugateGradients } from "../../linalg/conjugate-gradients.js";
import { squaredNorm } from "../../linalg/vectors.js";
import { fillInputs } from "../../ntk/index.js";
import type { Problem } from "../problem.js";
import type { Contact, Kinks } from "./kinks.js";
import type { Gram } from "./ties.js";

/** Numbers that the rows of one set may take (256 MiB); larger sets are treated by products. */
export const MAX_ROW_NUMBERS = 2 ** 25;
/** Residual of a solve by conjugate gradients, relative: near the rounding of the products. */
const CG_TOLERANCE = 1e-13;

/** J is s × P, u has length s. */
export interface Normals {
  readonly count: number;
  /** Layer of each contact. */
  readonly layers: readonly number[];
  /** K; null where it is known by its products only. */
  readonly gram: Gram | null;
  /** ‖∇z_i‖² */
  squaredLength(i: number): Promise<number> | number;
  /** J·v */
  along(v: Float64Array): Promise<Float64Array>;
  /** out ← out + Jᵀu */
  add(out: Float64Array, u: Float64Array): Promise<void>;
  /** K·x */
  product(x: Float64Array): Promise<Float64Array>;
  /** A solution of Ku = b; zero for rows that depend on earlier ones where K is dense. `guess` starts the iteration. */
  solve(b: Float64Array, guess?: Float64Array): Promise<Float64Array>;
}

export type NormalsAt = (
  theta: Float64Array,
  contacts: readonly Contact[],
  pieces: Float64Array,
) => Promise<Normals>;

/** @param cost counts batched reverse sweeps, and pushforwards and pullbacks of the matrix-free products */
export function createNormals(
  problem: Problem,
  kinks: Kinks,
  data: Readonly<Record<string, Float64Array>>,
  cost: { rowSweeps: number; products: number },
  maxRowNumbers = MAX_ROW_NUMBERS,
): NormalsAt {
  const P = problem.family.layout.size;
  const rowsAt = createRows(problem, data);
  const products = createProducts(problem, cost);
  return async (theta, contacts, pieces) => {
    const layers = contacts.map(({ entry }) => kinks.place(entry).layer);
    if (capacityFor(contacts.length) * P > maxRowNumbers) return products(theta, contacts, layers, pieces);
    cost.rowSweeps++;
    const count = contacts.length;
    const { rows, gram } = await rowsAt(theta, contacts, pieces);
    let factor: Factor | null = null;
    return {
      count,
      layers,
      gram: { count, gram },
      squaredLength: (i) => gram[i * count + i] as number,
      async along(v) {
        return Float64Array.from({ length: count }, (_, s) => {
          let sum = 0;
          for (let i = 0, at = s * P; i < P; i++, at++) sum += (rows[at] as number) * (v[i] as number);
          return sum;
        });
      },
      async add(out, u) {
        for (let s = 0; s < count; s++) {
          const scale = u[s] as number;
          if (scale === 0) continue;
          for (let i = 0, at = s * P; i < P; i++, at++)
            out[i] = (out[i] as number) + scale * (rows[at] as number);
        }
      },
      async product(x) {
        return x.map((_, i) => {
          let sum = 0;
          for (let j = 0; j < count; j++) sum += (gram[i * count + j] as number) * (x[j] as number);
          return sum;
        });
      },
      async solve(b) {
        factor ??= factorise(gram, count);
        const u = b.slice();
        factor.solve(u);
        return u;
      },
    };
  };
}

function createProducts(problem: Problem, cost: { products: number }) {
  const { family } = problem;
  const P = family.layout.size;
  const seeds = new Float64Array(family.entries);
  const zDot = new Float64Array(family.entries);
  const pulled = new Float64Array(P);
  let programs: { pullback: Program; pushforward: Program } | null = null;
  return async (
    theta: Float64Array,
    contacts: readonly Contact[],
    layers: readonly number[],
    pieces: Float64Array,
  ): Promise<Normals> => {
    programs ??= {
      pullback: await problem.compile(family.entryPullback()),
      pushforward: await problem.compile(family.normalVelocity()),
    };
    const { pullback, pushforward } = programs;
    const pull = async (u: Float64Array): Promise<void> => {
      cost.products++;
      seeds.fill(0);
      contacts.forEach(({ entry }, s) => {
        seeds[entry] = u[s] as number;
      });
      await pullback.run({ theta, pieces, seeds }, { product: pulled });
    };
    const self: Normals = {
      count: contacts.length,
      layers,
      gram: null,
      async squaredLength(i) {
        const unit = new Float64Array(contacts.length);
        unit[i] = 1;
        await pull(unit);
        return squaredNorm(pulled);
      },
      async along(velocity) {
        cost.products++;
        await pushforward.run({ theta, pieces, velocity }, { zDot });
        return Float64Array.from(contacts, ({ entry }) => zDot[entry] as number);
      },
      async add(out, u) {
        await pull(u);
        for (let i = 0; i < P; i++) out[i] = (out[i] as number) + (pulled[i] as number);
      },
      async product(x) {
        await pull(x);
        return self.along(pulled);
      },
      async solve(b, guess) {
        return (await conjugateGradients(self.product, b, { tolerance: CG_TOLERANCE, guess })).x;
      },
    };
    return self;
  };
}

/** Row programs are compiled for the next power of two of the number of contacts. */
function capacityFor(count: number): number {
  let capacity = 4;
  while (capacity < count) capacity *= 2;
  return capacity;
}

/** Rows and Gram matrix by one batched reverse sweep; unused rows have zero seeds. The rows live until the next call. */
function createRows(problem: Problem, data: Readonly<Record<string, Float64Array>>) {
  const { family } = problem;
  const programs = new Map<number, Program>();
  const bound = family.spec.kind === "gcn" ? pick(data, ["x", "adjacency"]) : {};
  return async (theta: Float64Array, contacts: readonly Contact[], pieces: Float64Array) => {
    const count = contacts.length;
    const capacity = capacityFor(count);
    let program = programs.get(capacity);
    if (program === undefined) {
      program = await problem.compile(family.scalarRows(capacity, true), bound);
      programs.set(capacity, program);
    }
    const entries = contacts.map(({ entry }) => entry);
    const outputs = await program.run({ theta, ...fillInputs(family, data, entries, capacity, { pieces }) });
    const padded = outputs["gram"] as Float64Array;
    const gram = new Float64Array(count * count);
    for (let s = 0; s < count; s++) gram.set(padded.subarray(s * capacity, s * capacity + count), s * count);
    return { rows: outputs["rows"] as Float64Array, gram };
  };
}

function pick(data: Readonly<Record<string, Float64Array>>, names: readonly string[]) {
  return Object.fromEntries(names.map((name) => [name, data[name] as Float64Array]));
}
