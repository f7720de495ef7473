/**
 * A = LQ by Householder reflections in blocks of rows: L keeps the singular values of A to ε·σ_max, where AAᵀ would lose those
 * below √ε·σ_max. The bulk of the work is two matrix products a block, which the caller may have done by something fast.
 */
import { addScaled, dot } from "./vectors.js";

/** rows ← rows − ((rows·vᵀ)·t)·v, for any number of whole rows of length `width`. v is [block, width], t [block, block]. */
export type ReflectRows = (
  rows: Float64Array,
  v: Float64Array,
  t: Float64Array,
  width: number,
) => Promise<void>;

/** Rows that make one block of reflections. */
export const REFLECTION_BLOCK = 32;

export const reflectRowsPlainly: ReflectRows = async (rows, v, t, width) => {
  const block = v.length / width;
  const onto = new Float64Array(block);
  for (let start = 0; start < rows.length; start += width) {
    for (let k = 0; k < block; k++) onto[k] = dot(rows, v, start, k * width, width);
    for (let k = 0; k < block; k++) {
      let factor = 0;
      for (let i = 0; i < block; i++) factor += (onto[i] as number) * (t[i * block + k] as number);
      addScaled(rows, v, -factor, start, k * width, width);
    }
  }
};

/**
 * Overwrites A [rows × width], row-major, with AQᵀ, where Q is orthogonal and makes the first `leading` rows lower triangular.
 * Rows below are only carried along. Entries above the diagonal of the leading rows are exact zeros afterwards.
 * @throws RangeError if leading exceeds width: such a matrix has to be transposed first.
 */
export async function reduceToTriangle(
  a: Float64Array,
  width: number,
  leading: number,
  reflect: ReflectRows = reflectRowsPlainly,
): Promise<void> {
  if (leading > width)
    throw new RangeError(
      `reduceToTriangle: ${leading} leading rows are more than the ${width} columns; give the transposed matrix.`,
    );
  const total = a.length / width;
  for (let from = 0; from < leading; from += REFLECTION_BLOCK) {
    const count = Math.min(REFLECTION_BLOCK, leading - from);
    const v = new Float64Array(REFLECTION_BLOCK * width);
    const t = new Float64Array(REFLECTION_BLOCK * REFLECTION_BLOCK);
    for (let k = 0; k < count; k++) {
      const row = (from + k) * width;
      const tau = makeReflector(a, row, from + k, width, v, k * width);
      for (let i = from + k + 1; i < from + count; i++) {
        const factor = tau * dot(a, v, i * width, k * width, width);
        addScaled(a, v, -factor, i * width, k * width, width);
      }
      // Compact form I − VᵀTV of the product of the reflections (Schreiber & Van Loan 1989).
      for (let i = 0; i < k; i++) {
        const projection = dot(v, v, i * width, k * width, width);
        for (let j = 0; j <= i; j++)
          t[j * REFLECTION_BLOCK + k] =
            (t[j * REFLECTION_BLOCK + k] as number) -
            tau * (t[j * REFLECTION_BLOCK + i] as number) * projection;
      }
      t[k * REFLECTION_BLOCK + k] = tau;
    }
    const below = from + count;
    if (below < total) await reflect(a.subarray(below * width), v, t, width);
    for (let k = from; k < below; k++) a.fill(0, k * width + k + 1, (k + 1) * width);
  }
  for (let k = 0; k < leading; k++) a.fill(0, k * width + k + 1, (k + 1) * width);
}

/**
 * H = I − τvvᵀ with a·H = (…, β, 0, …): reads a[row + at .. row + width), writes v (zeros before `at`) and β.
 * Returns τ, zero where there is nothing to reflect.
 */
function makeReflector(
  a: Float64Array,
  row: number,
  at: number,
  width: number,
  v: Float64Array,
  start: number,
): number {
  const alpha = a[row + at] as number;
  let tail = 0;
  for (let i = at + 1; i < width; i++) tail = Math.max(tail, Math.abs(a[row + i] as number));
  if (tail === 0) return 0;
  const scale = Math.max(tail, Math.abs(alpha));
  let sum = 0;
  for (let i = at; i < width; i++) sum += ((a[row + i] as number) / scale) ** 2;
  const beta = -Math.sign(alpha || 1) * scale * Math.sqrt(sum);
  v[start + at] = 1;
  for (let i = at + 1; i < width; i++) v[start + i] = (a[row + i] as number) / (alpha - beta);
  a[row + at] = beta;
  return (beta - alpha) / beta;
}
