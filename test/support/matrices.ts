/** Matrices with chosen singular values. */
import { randomVector } from "./networks.js";

/** Applies `count` random reflections to the rows of a [rows × width] from the right: its singular values stay. */
export function reflectColumns(a: Float64Array, width: number, seed: number, count = 4): Float64Array {
  const out = a.slice();
  for (let k = 0; k < count; k++) {
    const v = randomVector(seed + k, width);
    const norm = v.reduce((sum, value) => sum + value * value, 0);
    for (let start = 0; start < out.length; start += width) {
      let dot = 0;
      for (let j = 0; j < width; j++) dot += out[start + j]! * v[j]!;
      for (let j = 0; j < width; j++) out[start + j]! -= ((2 * dot) / norm) * v[j]!;
    }
  }
  return out;
}

export function transpose(a: Float64Array, width: number): Float64Array {
  const rows = a.length / width;
  return Float64Array.from(a, (_, k) => a[(k % rows) * width + Math.floor(k / rows)]!);
}

/** U·diag(values)·Vᵀ [n × width] with random orthogonal U and V. */
export function matrixWith(values: readonly number[], width: number, seed = 1): Float64Array {
  const n = values.length;
  const diagonal = new Float64Array(n * width);
  values.forEach((value, k) => {
    diagonal[k * width + k] = value;
  });
  const right = reflectColumns(diagonal, width, seed);
  return transpose(reflectColumns(transpose(right, width), n, seed + 100), n);
}
