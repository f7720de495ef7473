/**
 * The largest eigenvalue of a symmetric matrix that is known by its products, in as few of them as possible: Lanczos with full
 * reorthogonalisation that looks at its Ritz pair after every product and stops as soon as that will do.
 */
import { EigenvalueDecomposition, Matrix } from "ml-matrix";

/** out ← A·v */
export type SymmetricProduct = (v: Float64Array, out: Float64Array) => Promise<void> | void;

export interface LargestEigenvalue {
  /** The largest Ritz value: never above the largest eigenvalue. */
  readonly value: number;
  /** ‖Av − value·v‖: some eigenvalue lies that close. */
  readonly residual: number;
  /** Of length 1. */
  readonly vector: Float64Array;
  /** Ritz vector of the second largest, which may be the largest next time; null after a single product. */
  readonly second: Float64Array | null;
  /** The smallest Ritz value of the same Krylov space: never below the smallest eigenvalue. */
  readonly smallest: number;
  readonly products: number;
}

/**
 * @param start not zero; the eigenvector of a neighbouring matrix makes one or two products enough.
 * @param tolerance of the residual, relative to the Ritz value of largest magnitude.
 */
export async function largestEigenvalue(
  product: SymmetricProduct,
  start: Float64Array,
  tolerance: number,
  maxProducts: number,
): Promise<LargestEigenvalue> {
  const n = start.length;
  const basis: Float64Array[] = [];
  const diagonal: number[] = [];
  const beside: number[] = [];
  let w = start.slice();
  let beta = normalise(w);
  if (!(beta > 0 && beta < Infinity))
    throw new RangeError("largestEigenvalue: the start is zero or not finite.");
  for (;;) {
    basis.push(w);
    const image = new Float64Array(n);
    const pending = product(w, image);
    if (pending) await pending;
    diagonal.push(dot(w, image));
    // Twice is enough (Kahan, Parlett).
    for (let pass = 0; pass < 2; pass++) for (const v of basis) addScaled(image, -dot(v, image), v);
    beta = normalise(image);
    const ritz = topPair(diagonal, beside);
    const size = Math.max(Math.abs(ritz.value), Math.abs(ritz.smallest));
    const residual = beta * Math.abs(ritz.vector[ritz.vector.length - 1]!);
    const products = basis.length;
    const exhausted = products === Math.min(n, maxProducts) || beta <= 4 * Number.EPSILON * size;
    // One product alone would give back the start: a second one turns it towards the top at each call.
    const found = products > 1 && residual <= tolerance * size;
    if (exhausted || !Number.isFinite(beta) || found) {
      const combine = (weights: readonly number[]): Float64Array => {
        const vector = new Float64Array(n);
        for (const [i, v] of basis.entries()) addScaled(vector, weights[i]!, v);
        return vector;
      };
      return {
        value: ritz.value,
        residual,
        vector: combine(ritz.vector),
        second: ritz.second === null ? null : combine(ritz.second),
        smallest: ritz.smallest,
        products,
      };
    }
    beside.push(beta);
    w = image;
  }
}

/** Extreme eigenvalues of the symmetric tridiagonal matrix, and the eigenvectors of the two largest. */
function topPair(diagonal: readonly number[], beside: readonly number[]) {
  const k = diagonal.length;
  const matrix = Matrix.zeros(k, k);
  for (let i = 0; i < k; i++) {
    matrix.set(i, i, diagonal[i]!);
    if (i + 1 < k) {
      matrix.set(i, i + 1, beside[i]!);
      matrix.set(i + 1, i, beside[i]!);
    }
  }
  if (!diagonal.every(Number.isFinite))
    return { value: Number.NaN, smallest: Number.NaN, vector: diagonal.map(() => Number.NaN), second: null };
  const { realEigenvalues: values, eigenvectorMatrix } = new EigenvalueDecomposition(matrix, {
    assumeSymmetric: true,
  });
  const order = [...values.keys()].sort((i, j) => values[j]! - values[i]!);
  const column = (rank: number) => eigenvectorMatrix.getColumn(order[rank]!);
  return {
    value: values[order[0]!]!,
    smallest: values[order[k - 1]!]!,
    vector: column(0),
    second: k > 1 ? column(1) : null,
  };
}

function dot(a: Float64Array, b: Float64Array): number {
  let s0 = 0;
  let s1 = 0;
  const paired = a.length - (a.length % 2);
  for (let i = 0; i < paired; i += 2) {
    s0 += a[i]! * b[i]!;
    s1 += a[i + 1]! * b[i + 1]!;
  }
  if (paired < a.length) s0 += a[paired]! * b[paired]!;
  return s0 + s1;
}

function addScaled(target: Float64Array, factor: number, v: Float64Array): void {
  for (let i = 0; i < target.length; i++) target[i]! += factor * v[i]!;
}

/** Scales v to length 1; returns its length before. */
function normalise(v: Float64Array): number {
  const length = Math.sqrt(dot(v, v));
  if (length > 0) for (let i = 0; i < v.length; i++) v[i]! /= length;
  return length;
}
