/** Linear stability of a tableau on y' = λy with λ < 0. */

import type { Tableau } from "./tableau.js";

/** R(z) = 1 + z bᵀ(I − zA)⁻¹1: what one step makes of y = 1 at hλ = z. Its coefficients of z⁰, z¹, …: 1, then bᵀAᵏ1. */
export function stabilityPolynomial({ a, b, stages }: Tableau): number[] {
  const sum = (weights: readonly number[], of: readonly number[]) =>
    weights.reduce((total, weight, i) => total + weight * of[i]!, 0);
  const coefficients = [1];
  let powers = Array.from({ length: stages }, () => 1);
  for (let k = 0; k < stages; k++) {
    coefficients.push(sum(b, powers));
    powers = Array.from({ length: stages }, (_, i) => sum(a[i] ?? [], powers));
  }
  return coefficients;
}

const valueAt = (coefficients: readonly number[], z: number) =>
  coefficients.reduceRight((value, coefficient) => value * z + coefficient, 0);

/** R(z), see `stabilityPolynomial`. */
export function stabilityFunction(method: Tableau, z: number): number {
  return valueAt(stabilityPolynomial(method), z);
}

/** The largest x with |R(z)| ≤ 1 for all z in [−x, 0], to four digits. */
export function stabilityInterval(method: Tableau): number {
  const coefficients = stabilityPolynomial(method);
  const step = 1e-3;
  let x = 0;
  while (x < 100 && Math.abs(valueAt(coefficients, -(x + step))) <= 1 + 1e-12) x += step;
  return x;
}
