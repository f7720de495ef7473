/**
 * Lanczos with full reorthogonalisation, so that no eigenvalue is found twice: extreme eigenpairs of a symmetric operator with
 * thick restarts (Wu & Simon 2000), and the small matrix T whose nodes and weights make the spectral density.
 */
import { Matrix } from "ml-matrix";
import { NumericalError } from "../errors.js";
import { decompose } from "./eigen.js";
import type { Operator, RitzPair } from "./operator.js";
import { addScaled, dot, normalise } from "./vectors.js";

export interface LanczosOptions {
  readonly operator: Operator;
  /** Not changed; need not have length 1. */
  readonly start: Float64Array;
  /** Eigenpairs wanted at each end. */
  readonly largest: number;
  readonly smallest: number;
  /** How many at each end must be found; default all of them. */
  readonly required?: { readonly largest?: number; readonly smallest?: number };
  /** A pair is found when its residual is at most this part of its value, or of the largest Ritz value in size. */
  readonly tolerance: number;
  readonly relativeTo?: "value" | "norm";
  /** Products between two looks at the Ritz values, default 5: a look costs more than a cheap product. */
  readonly lookEvery?: number;
  /** Vectors kept at once; memory is (basis + 1)·size numbers. */
  readonly basis: number;
  readonly maxProducts: number;
  readonly onProduct?: (products: number) => void;
  readonly signal?: AbortSignal;
}

export interface LanczosResult {
  /** Descending: the largest first. */
  readonly largest: readonly RitzPair[];
  /** Ascending: the smallest first. */
  readonly smallest: readonly RitzPair[];
  readonly products: number;
  readonly converged: boolean;
  /** Whether the Krylov space is invariant: the pairs are exact for the start vector, which may have missed others. */
  readonly exhausted: boolean;
}

const LOOK_EVERY = 5;
/** One product alone would give back the start; a second one turns it towards an end. */
const LEAST_PRODUCTS = 2;

/**
 * Extreme eigenpairs within a budget of products. What is returned is the best there was, converged or not; the residuals are
 * those of the recurrence and what rounding may add to them: none is below 4ε√size·‖A‖, not even of an exhausted space.
 * @throws NumericalError where a product is not finite
 */
export async function lanczos(options: LanczosOptions): Promise<LanczosResult> {
  const { operator, start, tolerance, maxProducts, onProduct, signal } = options;
  const { relativeTo = "value", lookEvery = LOOK_EVERY } = options;
  const { size } = operator;
  const required = { largest: options.largest, smallest: options.smallest, ...options.required };
  const capacity = Math.min(size, Math.max(options.basis, options.largest + options.smallest + 3));
  const basis = new Basis(size);
  let projected = new Matrix(capacity, capacity);
  const w = start.slice();
  requireDirection("lanczos", normalise(w));
  basis.push(w);
  let filled = 0; // columns of the projected matrix that are known
  let products = 0;
  for (;;) {
    const last = basis.row(filled);
    await operator.apply(last, w);
    products++;
    onProduct?.(products);
    const coefficients = basis.orthogonalise(w, filled + 1);
    for (let i = 0; i <= filled; i++) {
      projected.set(i, filled, coefficients[i] as number);
      projected.set(filled, i, coefficients[i] as number);
    }
    filled++;
    const scale = Math.abs(projected.get(0, 0)) + 1e-300;
    let beta = normalise(w);
    if (!Number.isFinite(beta))
      throw new NumericalError("lanczos: the operator gave a vector that is not finite.");
    const exhausted = filled === size || beta <= 4 * Number.EPSILON * scale;
    if (exhausted) beta = 0;
    const full = filled === capacity;
    const done = exhausted || products >= maxProducts || signal?.aborted === true;
    if (!done && !full && filled % lookEvery !== 0) {
      basis.push(w);
      continue;
    }
    const ritz = decompose(projected, filled);
    const bottom = filled - 1;
    const residual = (k: number): number => Math.abs(beta * (ritz.vectors[k * filled + bottom] as number));
    const top = ranks(filled, options.largest).map((k) => filled - 1 - k);
    const low = ranks(filled, options.smallest);
    const norm = Math.max(Math.abs(ritz.values[0] as number), Math.abs(ritz.values[bottom] as number));
    const found = (k: number): boolean =>
      residual(k) <= tolerance * (relativeTo === "norm" ? norm : Math.abs(ritz.values[k] as number));
    const least = Math.max(LEAST_PRODUCTS, required.largest + required.smallest);
    const converged =
      filled >= Math.min(size, least) &&
      [...top.slice(0, required.largest), ...low.slice(0, required.smallest)].every(found);
    if (converged || done) {
      const pair = (k: number): RitzPair => {
        const vector = basis.combine(ritz.vectors, k * filled, filled);
        normalise(vector);
        const rounding = 4 * Number.EPSILON * Math.sqrt(size) * norm;
        return { value: ritz.values[k] as number, vector, residual: residual(k) + rounding };
      };
      return { largest: top.map(pair), smallest: low.map(pair), products, converged, exhausted };
    }
    if (!full) {
      basis.push(w);
      continue;
    }
    // Thick restart: some Ritz vectors more than are wanted, from each end in proportion, then the vector that is next.
    const room = Math.floor(capacity / 2);
    const share = options.largest + options.smallest;
    const keepTop =
      options.largest === 0 ? 0 : Math.max(options.largest, Math.floor((room * options.largest) / share));
    const keepLow =
      options.smallest === 0 ? 0 : Math.max(options.smallest, Math.floor((room * options.smallest) / share));
    const kept = [...ranks(filled, keepLow), ...ranks(filled, keepTop).map((k) => filled - 1 - k)];
    basis.restart(ritz.vectors, kept, filled, w);
    projected = new Matrix(capacity, capacity);
    kept.forEach((k, i) => {
      projected.set(i, i, ritz.values[k] as number);
    });
    filled = kept.length;
  }
}

/** Ritz values and the weights of the start vector on them: nodes and weights of a Gauss quadrature for its spectral measure. */
export interface Quadrature {
  readonly nodes: Float64Array;
  /** Sum 1. */
  readonly weights: Float64Array;
}

/** `steps` products from one start vector (Golub & Meurant, Matrices, Moments and Quadrature). */
export async function lanczosQuadrature(
  operator: Operator,
  start: Float64Array,
  steps: number,
  onProduct?: () => void,
): Promise<Quadrature> {
  const count = Math.min(steps, operator.size);
  const basis = new Basis(operator.size);
  const w = start.slice();
  requireDirection("lanczosQuadrature", normalise(w));
  const t = new Matrix(count, count);
  let filled = 0;
  basis.push(w);
  while (filled < count) {
    await operator.apply(basis.row(filled), w);
    onProduct?.();
    const coefficients = basis.orthogonalise(w, filled + 1);
    t.set(filled, filled, coefficients[filled] as number);
    filled++;
    const beta = normalise(w);
    if (filled === count || beta <= 4 * Number.EPSILON * Math.abs(t.get(0, 0))) break;
    t.set(filled, filled - 1, beta);
    t.set(filled - 1, filled, beta);
    basis.push(w);
  }
  const { values, vectors } = decompose(t, filled);
  return {
    nodes: values,
    weights: Float64Array.from(values, (_, k) => (vectors[k * filled] as number) ** 2),
  };
}

/**
 * f(A)·start for a symmetric operator, from the Krylov space of `start` (Higham, Functions of Matrices, 13.2): the residuals of eigenpairs
 * that matter to it alone have to fall. Ends once the next vector changes the result by `tolerance` of it or less, or with the budget.
 * Where f is NaN at a Ritz value, so is the result.
 * @throws NumericalError where a product is not finite
 */
export async function lanczosFunction({
  operator,
  start,
  scalar,
  tolerance,
  maxProducts,
}: {
  readonly operator: Operator;
  /** Not changed. */
  readonly start: Float64Array;
  readonly scalar: (eigenvalue: number) => number;
  readonly tolerance: number;
  readonly maxProducts: number;
}): Promise<Float64Array> {
  const count = Math.min(maxProducts, operator.size);
  const basis = new Basis(operator.size);
  const w = start.slice();
  const size = normalise(w);
  if (size === 0) return w;
  const t = new Matrix(count, count);
  let weights = new Float64Array(0);
  for (let filled = 1; ; filled++) {
    basis.push(w);
    await operator.apply(basis.row(filled - 1), w);
    const coefficients = basis.orthogonalise(w, filled);
    t.set(filled - 1, filled - 1, coefficients[filled - 1] as number);
    const beta = normalise(w);
    if (!Number.isFinite(beta))
      throw new NumericalError("lanczos: the operator gave a vector that is not finite.");
    const { values, vectors } = decompose(t, filled);
    const next = new Float64Array(filled);
    for (let k = 0; k < filled; k++) {
      const share = size * scalar(values[k]!) * vectors[k * filled]!;
      for (let i = 0; i < filled; i++) next[i]! += share * vectors[k * filled + i]!;
    }
    const change = Math.hypot(...next.map((value, i) => value - (weights[i] ?? 0)));
    weights = next;
    const isFound = filled > 1 && change <= tolerance * Math.hypot(...next);
    const exhausted = filled === count || beta <= 4 * Number.EPSILON * Math.abs(t.get(0, 0));
    if (isFound || exhausted || Number.isNaN(change)) return basis.combine(weights, 0, filled);
    t.set(filled, filled - 1, beta);
    t.set(filled - 1, filled, beta);
  }
}

function requireDirection(subject: string, length: number): void {
  if (!(length > 0 && length < Number.POSITIVE_INFINITY))
    throw new RangeError(`${subject}: the start vector is zero or not finite.`);
}

/** Orthonormal vectors, as many as are pushed. */
class Basis {
  readonly #size: number;
  readonly #rows: Float64Array[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  row(k: number): Float64Array {
    return this.#rows[k] as Float64Array;
  }

  push(v: Float64Array): void {
    this.#rows.push(v.slice());
  }

  /** Makes w orthogonal to the first `count` rows, twice, which is enough (Kahan); returns the coefficients taken off. */
  orthogonalise(w: Float64Array, count: number): Float64Array {
    const coefficients = new Float64Array(count);
    for (let round = 0; round < 2; round++) {
      for (let k = 0; k < count; k++) {
        const c = dot(this.row(k), w);
        addScaled(w, this.row(k), -c);
        coefficients[k] = (coefficients[k] as number) + c;
      }
    }
    return coefficients;
  }

  /** Σ_k weights[start + k]·row k */
  combine(weights: Float64Array, start: number, count: number): Float64Array {
    const out = new Float64Array(this.#size);
    for (let k = 0; k < count; k++) addScaled(out, this.row(k), weights[start + k] as number);
    return out;
  }

  /** Replaces the rows by combinations of them, followed by w. */
  restart(weights: Float64Array, kept: readonly number[], count: number, w: Float64Array): void {
    // In strips of columns, so that no second basis is needed.
    const strip = 1024;
    const old = new Float64Array(count * strip);
    for (let from = 0; from < this.#size; from += strip) {
      const length = Math.min(strip, this.#size - from);
      for (let k = 0; k < count; k++) old.set(this.row(k).subarray(from, from + length), k * strip);
      kept.forEach((index, i) => {
        const row = this.row(i);
        row.fill(0, from, from + length);
        for (let k = 0; k < count; k++)
          addScaled(row, old, weights[index * count + k] as number, from, k * strip, length);
      });
    }
    this.#rows.length = kept.length;
    this.push(w);
  }
}

function ranks(available: number, wanted: number): number[] {
  return Array.from({ length: Math.min(available, wanted) }, (_, k) => k);
}
