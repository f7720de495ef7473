/** Random directions. */
import type { Random } from "../../random.js";

/** Uniform on the sphere of radius 1. */
export function unitVector(dimension: number, random: Random): Float64Array {
  for (;;) {
    const v = Float64Array.from({ length: dimension }, () => random.normal());
    const norm = Math.sqrt(v.reduce((sum, value) => sum + value * value, 0));
    if (norm > 0) return v.map((value) => value / norm);
  }
}

/** `count` ≤ dimension orthonormal vectors, uniform, by Gram and Schmidt done twice. */
export function orthonormal(count: number, dimension: number, random: Random): Float64Array[] {
  const found: Float64Array[] = [];
  while (found.length < count) {
    const v = unitVector(dimension, random);
    for (let pass = 0; pass < 2; pass++)
      for (const u of found) {
        const along = v.reduce((sum, value, k) => sum + value * (u[k] as number), 0);
        for (let k = 0; k < dimension; k++) v[k] = (v[k] as number) - along * (u[k] as number);
      }
    const norm = Math.sqrt(v.reduce((sum, value) => sum + value * value, 0));
    // One that lay almost within the others is drawn again.
    if (norm > 1e-8) found.push(v.map((value) => value / norm));
  }
  return found;
}

/** n × d standard normal numbers. */
export const normals = (n: number, d: number, random: Random): Float64Array =>
  Float64Array.from({ length: n * d }, () => random.normal());

/** n × d numbers ±1. */
export const signs = (n: number, d: number, random: Random): Float64Array =>
  Float64Array.from({ length: n * d }, () => (random.uniform() < 0.5 ? -1 : 1));
