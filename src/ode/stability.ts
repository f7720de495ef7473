/** How far down the negative real axis a Runge–Kutta method is stable: what limits it on a gradient flow near a minimum. */
import type { Method } from "./tableau.js";

/** R(z) = 1 + z bᵀ(I − zA)⁻¹1, the factor of one step on y' = λy with z = hλ. */
export function stabilityFunction(method: Method, z: number): number {
  const k: number[] = [];
  for (const row of method.a) k.push(z * row.reduce((sum, a, j) => sum + a * (k[j] as number), 1));
  return method.b.reduce((sum, b, j) => sum + b * (k[j] as number), 1);
}

/** The largest x such that |R(z)| ≤ 1 for all z in [−x, 0]: the step is stable up to h = x/λ_max. */
export function realStabilityLimit(method: Method): number {
  const stable = (x: number): boolean => Math.abs(stabilityFunction(method, -x)) <= 1 + 1e-10;
  const step = 1e-2;
  let inside = 0;
  while (stable(inside + step)) inside += step;
  let outside = inside + step;
  while (outside - inside > 1e-10) {
    const middle = (inside + outside) / 2;
    if (stable(middle)) inside = middle;
    else outside = middle;
  }
  return inside;
}
