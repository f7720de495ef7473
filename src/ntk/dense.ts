/** The whole spectrum of a small kernel: singular values of J, or eigenvalues of G, with the residual in that basis. */
import { singularValues } from "../linalg/svd.js";
import { reduceToTriangle } from "../linalg/triangle.js";
import type { TangentKernel } from "./kernel.js";
import type { Products } from "./products.js";
import type { KernelState } from "./scalars.js";

export type DenseMethod = "svd" | "eig" | "layer-product";

export interface DenseSpectrum {
  /** All eigenvalues of G, descending. */
  readonly values: Float64Array;
  /** Uᵀr, in the same order. */
  readonly coefficients: Float64Array;
  /** Eigenvectors as rows, in the same order; null unless asked for. */
  readonly vectors: Float64Array | null;
  /** Eigenvalues below this are rounding: (4ε√n·σ_max)² for singular values of J, 4ε√n·λ_max for eigenvalues of G. */
  readonly resolvable: number;
  /** Bound on the error of `value` that the same rounding makes. */
  errorOf(value: number): number;
  /** G, for drift; null unless asked for. */
  readonly gram: Float64Array | null;
}

/** Constant of the rounding errors of both methods, on the safe side of what is seen (a few ε·√n·σ_max). */
const ROUNDING = 4 * Number.EPSILON;

/**
 * @param residual r, of the kernel's size
 * @throws RangeError for a layer product of a gcn; NumericalError where the kernel is not finite
 */
export async function denseSpectrum(
  kernel: TangentKernel,
  state: KernelState,
  residual: Float64Array,
  options: { readonly method: DenseMethod; readonly vectors: boolean; readonly gram: boolean },
): Promise<DenseSpectrum> {
  const n = kernel.size;
  if (options.method !== "svd") {
    const gram = await kernel.gram(state, options.method === "eig" ? "rows" : "layer-product");
    const { values, carried, vectors } = singularValues(options.gram ? gram.slice() : gram, n, {
      carry: [residual],
      vectors: options.vectors,
    });
    const error = ROUNDING * Math.sqrt(n) * (values[0] as number);
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
    ? await kernel.gram(state, kernel.family.spec.kind === "gcn" ? "rows" : "layer-product")
    : null;
  const { rows, held } = await kernel.rows(state);
  const found = await singularValuesOfRows(
    rows,
    kernel.family.layout.size,
    held,
    residual,
    options.vectors,
    kernel.products,
  );
  const error = ROUNDING * Math.sqrt(n) * (found.values[0] as number);
  return {
    values: found.values.map((sigma) => sigma * sigma),
    coefficients: found.coefficients,
    vectors: found.vectors,
    resolvable: error * error,
    errorOf: (value) => 2 * Math.sqrt(Math.max(value, 0)) * error + error * error,
    gram,
  };
}

/** Singular values and Uᵀr of the rows after the first `held`, made orthogonal to those. Overwrites `rows`. */
async function singularValuesOfRows(
  rows: Float64Array,
  width: number,
  held: number,
  residual: Float64Array,
  wanted: boolean,
  { reflect, multiplyTransposed }: Products,
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
    const { values, carried, vectors } = singularValues(square, n, { carry: [residual], vectors: wanted });
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
  const found = singularValues(square, inner, { carry: [turned.subarray(0, inner)], vectors: wanted });
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
