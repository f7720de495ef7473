/**
 * min ½xᵀKx − qᵀx over a box, K symmetric positive semidefinite and known by its products only: conjugate gradients on the
 * variables inside their box, projected back into it (after Moré & Toraldo, SIAM J. Optim. 1 (1991)).
 */
import type { BoxSolution } from "./box-qp.js";
import { conjugateGradients } from "./conjugate-gradients.js";

const MAX_ROUNDS = 200;
/** A slope below this part of the largest |q| is zero: the products' rounding. */
const ROUNDING = 1e-12;

/** @param lower bounds, lower ≤ upper; equal bounds fix a variable */
export async function solveBoxQpByProducts(
  product: (x: Float64Array) => Promise<Float64Array>,
  q: Float64Array,
  lower: Float64Array,
  upper: Float64Array,
): Promise<BoxSolution> {
  const clip = (value: number, i: number): number =>
    Math.min(Math.max(value, lower[i] as number), upper[i] as number);
  const small = ROUNDING * q.reduce((m, value) => Math.max(m, Math.abs(value)), 0);
  let x = q.map((_, i) => clip(0, i));
  let image = await product(x);
  const energy = (at: Float64Array, kx: Float64Array): number =>
    at.reduce((sum, value, i) => sum + value * ((kx[i] as number) / 2 - (q[i] as number)), 0);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const push = image.map((value, i) => (q[i] as number) - value);
    const free = x.map((value, i) => {
      if (lower[i] === upper[i]) return 0;
      if (value === lower[i]) return (push[i] as number) > small ? 1 : 0;
      if (value === upper[i]) return (push[i] as number) < -small ? 1 : 0;
      return 1;
    });
    const rest = push.map((value, i) => value * (free[i] as number));
    if (rest.every((value) => Math.abs(value) <= small)) return { x, converged: true };
    const masked = async (v: Float64Array): Promise<Float64Array> =>
      (await product(v)).map((value, i) => value * (free[i] as number));
    const { x: step } = await conjugateGradients(masked, rest, { tolerance: 1e-13 });
    const before = energy(x, image);
    for (let scale = 1; ; scale /= 2) {
      const trial = x.map((value, i) => clip(value + scale * (step[i] as number), i));
      const trialImage = await product(trial);
      if (energy(trial, trialImage) < before) {
        x = trial;
        image = trialImage;
        break;
      }
      if (scale < 1e-10) return { x, converged: rest.every((value) => Math.abs(value) <= 100 * small) };
    }
  }
  return { x, converged: false };
}
