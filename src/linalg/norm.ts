/** Euclidean norms of arrays, of any size that a float64 has: squares that overflow or vanish are scaled first. */

import { squaredNorm } from "./vectors.js";

/** Sums of squares within this and its inverse have lost nothing. */
const SAFE = 1e280;

/** ‖v‖ */
export function length(v: Float64Array): number {
  const sum = squaredNorm(v);
  return sum > 1 / SAFE && sum < SAFE ? Math.sqrt(sum) : scaled(v.length, (i) => v[i] as number);
}

/** ‖a − b‖ */
export function distance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  if (sum > 1 / SAFE && sum < SAFE) return Math.sqrt(sum);
  return scaled(a.length, (i) => (a[i] as number) - (b[i] as number));
}

function scaled(count: number, at: (i: number) => number): number {
  let largest = 0;
  for (let i = 0; i < count; i++) largest = Math.max(largest, Math.abs(at(i)));
  if (!(largest > 0 && largest < Infinity)) return largest;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += (at(i) / largest) ** 2;
  return largest * Math.sqrt(sum);
}
