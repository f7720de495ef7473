/** The whole spectrum of a small kernel: singular values of J, or eigenvalues of G, with the residual in that basis. */
import { type SingularValueOptions, type SingularValues, singularValueSteps } from "../linalg/svd.js";
import { reduceToTriangle } from "../linalg/triangle.js";
import { squaredNorm } from "../linalg/vectors.js";
import { withPauses } from "../pace.js";
import type { EntryErrors } from "./errors.js";
import type { TangentKernel } from "./kernel.js";
import type { Products } from "./products.js";
import type { KernelState } from "./scalars.js";

/** Gives the event loop a turn where one is due. */
export type Pause = () => Promise<void> | undefined;

type Decompose = (a: Float64Array, n: number, options: SingularValueOptions) => Promise<SingularValues>;

export type DenseMethod = "svd" | "eig" | "layer-product";

export interface DenseSpectrum {
  /** All eigenvalues of G, descending. */
  readonly values: Float64Array;
  /** Uᵀr, in the same order. */
  readonly coefficients: Float64Array;
  /** Eigenvectors as rows, in the same order; null unless asked for. */
  readonly vectors: Float64Array | null;
  /** Eigenvalues below this cannot be told from zero: δ² for singular values of J, δ·λ_max for eigenvalues of G; see `errorOf`. */
  readonly resolvable: number;
  /** Bound on the error of `value`: rounding of the method, and the errors of J's entries. */
  errorOf(value: number): number;
  /** G, for drift; null unless asked for. */
  readonly gram: Float64Array | null;
}

/**
 * Of both methods, relative to the largest value and per square root of the sizes: on the safe side of what is seen (a few ε·√n·σ_max, and
 * sums over P parameters).
 */
const ROUNDING = 4 * Number.EPSILON;

/** Errors relative to the largest singular value or eigenvalue, of a matrix with these sides. */
const roundingOf = (size: number, width: number): number => ROUNDING * (Math.sqrt(size) + Math.sqrt(width));

/**
 * @param residual r, of the kernel's size
 * @throws RangeError for a layer product of a network without one; NumericalError where the kernel is not finite
 */
export async function denseSpectrum(
  kernel: TangentKernel,
  state: KernelState,
  residual: Float64Array,
  options: {
    readonly method: DenseMethod;
    readonly vectors: boolean;
    readonly gram: boolean;
    /** Called now and then in the long loops; what it throws ends them. */
    readonly pause?: Pause | undefined;
  },
): Promise<DenseSpectrum> {
  const singularValues: Decompose = (a, size, wanted) =>
    withPauses(singularValueSteps(a, size, wanted), options.pause ?? (() => undefined));
  const n = kernel.size;
  const P = kernel.family.layout.size;
  const entries = await kernel.entryErrors(state);
  if (options.method !== "svd") {
    const gram = await kernel.gram(state, options.method === "eig" ? "rows" : "layer-product");
    const { values, carried, vectors } = await singularValues(options.gram ? gram.slice() : gram, n, {
      carry: [residual],
      vectors: options.vectors,
    });
    const trace = values.reduce((sum, value) => sum + value, 0);
    const norm = entries.held === null ? Math.sqrt(trace) : await normOf(kernel, state);
    const error = gramError(entries, n, P, norm);
    return {
      values,
      coefficients: carried[0] as Float64Array,
      vectors,
      resolvable: error,
      errorOf: () => error,
      gram: options.gram ? gram : null,
    };
  }
  const gram = options.gram
    ? await kernel.gram(state, kernel.family.network.hasLayerProducts ? "layer-product" : "rows")
    : null;
  const { rows, held } = await kernel.rows(state);
  const norm = Math.sqrt(squaredNorm(rows.subarray(held * P)));
  const found = await singularValuesOfRows(
    rows,
    P,
    held,
    residual,
    options.vectors,
    kernel.products,
    singularValues,
  );
  const error = roundingOf(n, P) * (found.values[0] as number) + entries.rows + tiltOf(entries, P) * norm;
  return {
    values: found.values.map((sigma) => sigma * sigma),
    coefficients: found.coefficients,
    vectors: found.vectors,
    resolvable: error * error,
    errorOf: (value) => 2 * Math.sqrt(Math.max(value, 0)) * error + error * error,
    gram,
  };
}

/**
 * How far the computed projection off the held rows is from the exact one: ‖E‖/σ_min of those rows (Wedin), their own reduction
 * to a triangle included. No projections are further apart than 1.
 */
function tiltOf({ held }: EntryErrors, width: number): number {
  if (held === null) return 0;
  const error = held.rows + roundingOf(1, width) * held.most;
  return held.least > error ? Math.min(1, error / (held.least - error)) : 1;
}

/**
 * Of G = JJᵀ: from J's entries 2‖J‖‖E‖ + ‖E‖², from its sums over at most `width` terms and its eigenvalues their rounding. Of
 * G − CK⁻¹Cᵀ, C and K made of the held rows: errors of C times 2‖J‖/σ, those of K times ‖J‖²/σ², and of the solution; σ is the least
 * singular value of the held rows.
 * @param norm ‖J‖, held rows not projected off
 */
function gramError({ rows, held }: EntryErrors, size: number, width: number, norm: number): number {
  const sums = (width / 2 + 1) * Number.EPSILON;
  const whole = norm * (2 * rows + roundingOf(size, 0) * norm) + rows ** 2 + sums * norm ** 2;
  if (held === null) return whole;
  const { count, least, most } = held;
  const frobenius = Math.sqrt(count) * most;
  const crossed = rows * most + held.rows * norm + sums * norm * frobenius;
  const own = held.rows * (2 * most + held.rows) + sums * frobenius ** 2;
  const ratio = norm / least;
  const solved = ROUNDING * count * (ratio * most) ** 2;
  return whole + 2 * crossed * ratio + own * ratio ** 2 + solved;
}

/** ‖J‖ in the Frobenius norm, held rows not projected off. */
async function normOf(kernel: TangentKernel, state: KernelState): Promise<number> {
  const squares = await kernel.squares(state);
  if (squares !== null) return Math.sqrt(squares.reduce((sum, value) => sum + value, 0));
  const { rows } = await kernel.rows({ ...state, held: [] });
  return Math.sqrt(squaredNorm(rows));
}

/** Singular values and Uᵀr of the rows after the first `held`, made orthogonal to those. Overwrites `rows`. */
async function singularValuesOfRows(
  rows: Float64Array,
  width: number,
  held: number,
  residual: Float64Array,
  wanted: boolean,
  { reflect, multiplyTransposed }: Products,
  singularValues: Decompose,
): Promise<{ values: Float64Array; coefficients: Float64Array; vectors: Float64Array | null }> {
  const n = rows.length / width - held;
  if (held + n <= width) {
    // [J_S; J] = LQ: below and right of the held rows stands what of J is orthogonal to them.
    await reduceToTriangle(rows, width, held + n, reflect);
    const square = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      const from = (held + i) * width + held;
      square.set(rows.subarray(from, from + n), i * n);
    }
    const { values, carried, vectors } = await singularValues(square, n, {
      carry: [residual],
      vectors: wanted,
    });
    return { values, coefficients: carried[0] as Float64Array, vectors };
  }
  // Fewer directions than scalars: the other way round, with r (and where vectors are wanted the identity) carried along.
  if (held > 0) await reduceToTriangle(rows, width, held, reflect);
  const inner = width - held;
  const extra = 1 + (wanted ? n : 0);
  const tall = new Float64Array((inner + extra) * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < inner; j++) tall[j * n + i] = rows[(held + i) * width + held + j] as number;
  tall.set(residual, inner * n);
  if (wanted) for (let i = 0; i < n; i++) tall[(inner + 1 + i) * n + i] = 1;
  await reduceToTriangle(tall, n, inner, reflect);
  const square = new Float64Array(inner * inner);
  for (let i = 0; i < inner; i++)
    for (let j = 0; j <= i; j++) square[j * inner + i] = tall[i * n + j] as number;
  const turned = tall.slice(inner * n, (inner + 1) * n);
  const found = await singularValues(square, inner, { carry: [turned.subarray(0, inner)], vectors: wanted });
  const values = new Float64Array(n);
  values.set(found.values);
  const coefficients = turned;
  coefficients.set(found.carried[0] as Float64Array);
  if (found.vectors === null) return { values, coefficients, vectors: null };
  const basis = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    if (i < inner) basis.set(found.vectors.subarray(i * inner, (i + 1) * inner), i * n);
    else basis[i * n + i] = 1;
  }
  const vectors = await multiplyTransposed(basis, tall.slice((inner + 1) * n), n);
  return { values, coefficients, vectors };
}
