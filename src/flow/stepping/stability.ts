/** What a step over kinks costs, and which of those that the error allows costs least for its length. */
import { rkc2Reach, rkc2Stages } from "../../ode/index.js";

/** Times that a step is made, each with the mean slopes that the one before led to. */
export const PASSES = 2;
/**
 * hρ up to which a step is explicit, beyond which it is stabilised. On y' = −λy, z = hλ, steps of one size are
 * y_{n+1} = (1 − z + z²/2)y_n + (z²/4)(1.75(y_n − y_{n−1}) − 0.75(y_{n−1} − y_{n−2})): stable to z = 1.67, at 0.9 a damping of 0.57, at
 * 1.5 of 0.925: too little where hundreds of entries slide, whose set then falls apart and steps go down to nothing.
 */
export const EXPLICIT_REACH = 0.9;
/** What a pass costs beside them, in gradients: z, Gram matrices and the simulation on them, at the paper's size (docs/benchmarks.md). */
const BESIDE = 2;
/** hρ is rounded. */
const ROUNDING = 1e-12;

/** Gradients of a pass; 1 is an explicit one. */
export function stagesOf(hRho: number): number {
  return hRho <= EXPLICIT_REACH * (1 + ROUNDING) ? 1 : rkc2Stages(hRho);
}

/** Of h, the longest explicit step and the longest with a stage less, the one that costs least for its length. */
export function cheapest(h: number, rho: number): number {
  if (!(h * rho > EXPLICIT_REACH)) return h;
  const shorter = [EXPLICIT_REACH, rkc2Reach(stagesOf(h * rho) - 1)].filter(
    (reach) => reach >= EXPLICIT_REACH,
  );
  const price = (size: number) => (stagesOf(size * rho) + BESIDE) / size;
  return shorter
    .map((reach) => reach / rho)
    .reduce((best, size) => (price(size) < price(best) ? size : best), h);
}
