/**
 * Singular values of a square matrix, by Golub–Kahan bidiagonalisation and the implicit QR iteration (Golub & Van Loan, Matrix
 * Computations, 8.6; zero shifts after Demmel & Kahan 1990). Absolute accuracy a few ε·σ_max. Vectors may be carried along
 * into the basis of left singular vectors, which costs far less than computing those.
 */
import { NumericalError } from "../errors.js";
import { atOnce, type Steps } from "../pace.js";
import { addScaled, dot } from "./vectors.js";

export interface SingularValues {
  /** Descending. */
  readonly values: Float64Array;
  /** Uᵀ applied to each of `carry`, in the order of the values. */
  readonly carried: readonly Float64Array[];
  /** Left singular vectors as rows, in the order of the values; null unless asked for. */
  readonly vectors: Float64Array | null;
}

/** QR sweeps per singular value before giving up; two or three are usual. */
const MAX_SWEEPS = 60;

/**
 * @param a [n × n], row-major; overwritten
 * @param options.carry vectors of length n; not changed
 * @throws NumericalError where the matrix is not finite, or the iteration does not end
 */
export function singularValues(
  a: Float64Array,
  n: number,
  options: SingularValueOptions = {},
): SingularValues {
  return atOnce(singularValueSteps(a, n, options));
}

export interface SingularValueOptions {
  readonly carry?: readonly Float64Array[];
  readonly vectors?: boolean;
}

/** The same with pauses: after each column, row and sweep. */
export function* singularValueSteps(
  a: Float64Array,
  n: number,
  options: SingularValueOptions = {},
): Steps<SingularValues> {
  const carry = (options.carry ?? []).map((vector) => vector.slice());
  const reflectors = options.vectors === true ? new Float64Array(n * n) : null;
  const { d, e, taus } = yield* bidiagonalise(a, n, carry, reflectors);
  const vectors = reflectors === null ? null : yield* accumulate(reflectors, taus, n);
  yield* iterate(d, e, (i, j, c, s) => {
    for (const vector of carry) rotate(vector, i, j, 1, c, s);
    if (vectors !== null) rotate(vectors, i * n, j * n, n, c, s);
  });
  const order = Array.from(d.keys()).sort((i, j) => Math.abs(d[j] as number) - Math.abs(d[i] as number));
  return {
    values: Float64Array.from(order, (i) => Math.abs(d[i] as number)),
    carried: carry.map((vector) => Float64Array.from(order, (i) => vector[i] as number)),
    vectors: vectors === null ? null : permuteRows(vectors, order, n),
  };
}

/**
 * A = U B Vᵀ with B upper bidiagonal (diagonal d, above it e). Each step reads A twice: the update by the last two reflections
 * is joined with the product that the next one needs.
 */
function* bidiagonalise(
  a: Float64Array,
  n: number,
  carry: readonly Float64Array[],
  reflectors: Float64Array | null,
): Steps<{ d: Float64Array; e: Float64Array; taus: Float64Array }> {
  const d = new Float64Array(n);
  const e = new Float64Array(Math.max(0, n - 1));
  const taus = new Float64Array(n);
  // Left reflection I − τvvᵀ, right one I − πuuᵀ; y = τAᵀv, x = π(A − vyᵀ)u.
  let v = new Float64Array(n);
  let next = new Float64Array(n);
  const u = new Float64Array(n);
  const x = new Float64Array(n);
  let y = new Float64Array(n);
  let nextY = new Float64Array(n);
  let pending = false;
  for (let k = 0; k < n; k++) {
    yield;
    // Column k, with the update that is still due.
    for (let i = k; i < n; i++) {
      let value = a[i * n + k] as number;
      if (pending) value -= (v[i] as number) * (y[k] as number) + (x[i] as number) * (u[k] as number);
      next[i] = value;
    }
    const [beta, tau] = householder(next, k, n);
    d[k] = beta;
    taus[k] = tau;
    // The update of the rows, and y = τAᵀv of the updated matrix in the same pass.
    nextY.fill(0);
    for (let i = k; i < n; i++) {
      const row = i * n;
      const [p, q] = pending ? [v[i] as number, x[i] as number] : [0, 0];
      const factor = tau * (next[i] as number);
      for (let j = k + 1; j < n; j++) {
        const value = (a[row + j] as number) - p * (y[j] as number) - q * (u[j] as number);
        a[row + j] = value;
        nextY[j] = (nextY[j] as number) + factor * value;
      }
    }
    [v, next] = [next, v];
    [y, nextY] = [nextY, y];
    for (const vector of carry) addScaled(vector, v, -tau * dot(vector, v, k, k, n - k), k, k, n - k);
    reflectors?.set(v.subarray(k), k * n + k);
    pending = true;
    if (k === n - 1) break;
    for (let j = k + 1; j < n; j++) u[j] = (a[k * n + j] as number) - (v[k] as number) * (y[j] as number);
    const [gamma, pi] = householder(u, k + 1, n);
    e[k] = gamma;
    const overlap = dot(y, u, k + 1, k + 1, n - k - 1);
    for (let i = k + 1; i < n; i++)
      x[i] = pi * (dot(a, u, i * n + k + 1, k + 1, n - k - 1) - (v[i] as number) * overlap);
  }
  return { d, e, taus };
}

/** Makes v[from..n) the reflector of that stretch, v[from] = 1. Returns [β, τ]. */
function householder(v: Float64Array, from: number, n: number): [number, number] {
  const alpha = v[from] as number;
  let scale = 0;
  for (let i = from; i < n; i++) scale = Math.max(scale, Math.abs(v[i] as number));
  let tail = 0;
  if (scale > 0) for (let i = from + 1; i < n; i++) tail += ((v[i] as number) / scale) ** 2;
  if (tail === 0) {
    v[from] = 1;
    return [alpha, 0];
  }
  const beta = -Math.sign(alpha || 1) * scale * Math.sqrt((alpha / scale) ** 2 + tail);
  for (let i = from + 1; i < n; i++) v[i] = (v[i] as number) / (alpha - beta);
  v[from] = 1;
  return [beta, (beta - alpha) / beta];
}

/** Uᵀ = H_{n−1}⋯H_0 from its reflectors (rows), in place of them: the last is applied first, so that zeros stay zeros. */
function* accumulate(reflectors: Float64Array, taus: Float64Array, n: number): Steps<Float64Array> {
  // Rows of the result are columns of U = H_0⋯H_{n−1}: each is multiplied by H_k from the left for k = n−1 … 0.
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    yield;
    out[i * n + i] = 1;
    for (let k = i; k >= 0; k--) {
      const start = i * n + k;
      const factor = (taus[k] as number) * dot(out, reflectors, start, k * n + k, n - k);
      addScaled(out, reflectors, -factor, start, k * n + k, n - k);
    }
  }
  return out;
}

/** Diagonalises the bidiagonal matrix in place; `onRotation` gets every rotation of the left side. */
function* iterate(
  d: Float64Array,
  e: Float64Array,
  onRotation: (i: number, j: number, c: number, s: number) => void,
): Steps<void> {
  const n = d.length;
  let norm = 0;
  for (let i = 0; i < n; i++)
    norm = Math.max(norm, Math.abs(d[i] as number) + Math.abs(i < n - 1 ? (e[i] as number) : 0));
  if (!Number.isFinite(norm))
    throw new NumericalError(
      "singularValues: the matrix has entries that are not finite, or so large that their squares are not.",
    );
  if (norm === 0) return;
  for (let i = 0; i < n; i++) d[i] = (d[i] as number) / norm;
  for (let i = 0; i < n - 1; i++) e[i] = (e[i] as number) / norm;
  yield* diagonalise(d, e, onRotation);
  for (let i = 0; i < n; i++) d[i] = (d[i] as number) * norm;
}

function* diagonalise(
  d: Float64Array,
  e: Float64Array,
  onRotation: (i: number, j: number, c: number, s: number) => void,
): Steps<void> {
  const n = d.length;
  const negligible = Number.EPSILON ** 2 / 4;
  let sweeps = 0;
  let high = n - 1;
  while (high > 0) {
    let low = high;
    while (low > 0) {
      const off = Math.abs(e[low - 1] as number);
      const near = Math.abs(d[low] as number) + Math.abs(d[low - 1] as number);
      if (off <= Number.EPSILON * 0.5 * near || off <= negligible) {
        e[low - 1] = 0;
        break;
      }
      low--;
    }
    if (low === high) {
      high--;
      continue;
    }
    if (sweeps++ > MAX_SWEEPS * n)
      throw new NumericalError("singularValues: the QR iteration did not converge.");
    yield;
    let zero = -1;
    for (let i = low; i <= high; i++) if (Math.abs(d[i] as number) <= negligible) zero = i;
    if (zero >= 0 && zero < high) {
      chaseRow(d, e, zero, high, onRotation);
      continue;
    }
    qrSweep(d, e, low, high, onRotation);
  }
}

/** d[k] = 0: rotations of rows k and j > k move e[k] out at the end of the block. */
function chaseRow(
  d: Float64Array,
  e: Float64Array,
  k: number,
  high: number,
  onRotation: (i: number, j: number, c: number, s: number) => void,
): void {
  d[k] = 0;
  let bulge = e[k] as number;
  e[k] = 0;
  for (let j = k + 1; j <= high && bulge !== 0; j++) {
    const r = length(d[j] as number, bulge);
    const c = (d[j] as number) / r;
    const s = bulge / r;
    d[j] = r;
    onRotation(j, k, c, s);
    if (j < high) {
      bulge = -s * (e[j] as number);
      e[j] = c * (e[j] as number);
    }
  }
}

/** One implicit QR sweep over the block low..high; unshifted where a shift would cost relative accuracy. */
function qrSweep(
  d: Float64Array,
  e: Float64Array,
  low: number,
  high: number,
  onRotation: (i: number, j: number, c: number, s: number) => void,
): void {
  const shift = wilkinsonShift(d, e, low, high);
  const first = d[low] as number;
  const unshifted = first === 0 || (shift / first) ** 2 < Number.EPSILON;
  let f = unshifted ? first : (Math.abs(first) - shift) * (Math.sign(first) + shift / first);
  let g = e[low] as number;
  for (let i = low; i < high; i++) {
    let r = length(f, g);
    let c = r === 0 ? 1 : f / r;
    let s = r === 0 ? 0 : g / r;
    if (i > low) e[i - 1] = r;
    f = c * (d[i] as number) + s * (e[i] as number);
    e[i] = c * (e[i] as number) - s * (d[i] as number);
    g = s * (d[i + 1] as number);
    d[i + 1] = c * (d[i + 1] as number);
    r = length(f, g);
    c = r === 0 ? 1 : f / r;
    s = r === 0 ? 0 : g / r;
    d[i] = r;
    f = c * (e[i] as number) + s * (d[i + 1] as number);
    d[i + 1] = c * (d[i + 1] as number) - s * (e[i] as number);
    if (i < high - 1) {
      g = s * (e[i + 1] as number);
      e[i + 1] = c * (e[i + 1] as number);
    }
    onRotation(i, i + 1, c, s);
  }
  e[high - 1] = f;
}

/** The smaller singular value of the trailing 2 × 2 block, found without overflow or cancellation (LAPACK's dlas2). */
function wilkinsonShift(d: Float64Array, e: Float64Array, low: number, high: number): number {
  const f = Math.abs(d[high - 1] as number);
  const g = Math.abs(e[high - 1] as number);
  const h = Math.abs(d[high] as number);
  const min = Math.min(f, h);
  const max = Math.max(f, h);
  if (min === 0 || low > high) return 0;
  if (g < max) {
    const as = 1 + min / max;
    const at = (max - min) / max;
    const au = (g / max) ** 2;
    return min * (2 / (Math.sqrt(as * as + au) + Math.sqrt(at * at + au)));
  }
  const au = max / g;
  if (au === 0) return (min * max) / g;
  const as = 1 + min / max;
  const at = (max - min) / max;
  return 2 * (min * (1 / (Math.sqrt(1 + (as * au) ** 2) + Math.sqrt(1 + (at * au) ** 2)))) * au;
}

/** The matrix is scaled to norm 1: what underflows here is far below any singular value that could be told from 0. */
function length(p: number, q: number): number {
  return Math.sqrt(p * p + q * q);
}

/** (row i, row j) ← (c·row i + s·row j, c·row j − s·row i) on stretches of the given length. */
function rotate(v: Float64Array, i: number, j: number, length: number, c: number, s: number): void {
  for (let k = 0; k < length; k++) {
    const p = v[i + k] as number;
    const q = v[j + k] as number;
    v[i + k] = c * p + s * q;
    v[j + k] = c * q - s * p;
  }
}

function permuteRows(rows: Float64Array, order: readonly number[], n: number): Float64Array {
  const out = new Float64Array(rows.length);
  order.forEach((from, to) => {
    out.set(rows.subarray(from * n, (from + 1) * n), to * n);
  });
  return out;
}
