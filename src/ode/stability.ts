/** Linear stability of a tableau on y' = λy with λ < 0. */

import type { Tableau } from "./tableau.js";

/** R(z) = 1 + z Σ b_i k_i(z): what one step makes of y = 1 at hλ = z. */
export function stabilityFunction(method: Tableau, z: number): number {
  const stages: number[] = [];
  const sum = (weights: readonly number[]) => weights.reduce((s, w, i) => s + w * stages[i]!, 0);
  for (const row of method.a) stages.push(1 + z * sum(row));
  return 1 + z * sum(method.b);
}

/** The largest x with |R(z)| ≤ 1 for all z in [−x, 0], to four digits. */
export function stabilityInterval(method: Tableau): number {
  const step = 1e-3;
  let x = 0;
  while (x < 100 && Math.abs(stabilityFunction(method, -(x + step))) <= 1 + 1e-12) x += step;
  return x;
}
