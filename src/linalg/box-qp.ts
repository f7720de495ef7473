/** min ½xᵀKx − qᵀx over a box, K symmetric positive semidefinite: the complementarity problem at an event. */
import { factorise } from "./cholesky.js";

/** Gauss–Seidel sweeps that find the active set before the free variables are solved for exactly. */
const SWEEPS = 60;
const MAX_ROUNDS = 200;

export interface BoxSolution {
  readonly x: Float64Array;
  /** Whether x meets the optimality conditions to rounding. */
  readonly converged: boolean;
}

/**
 * @param matrix K, row-major with row distance `stride`
 * @param lower bounds, lower ≤ upper; equal bounds fix a variable
 */
export function solveBoxQp(
  matrix: Float64Array,
  stride: number,
  q: Float64Array,
  lower: Float64Array,
  upper: Float64Array,
): BoxSolution {
  const n = q.length;
  const x = q.map((_, i) => Math.min(Math.max(0, lower[i] as number), upper[i] as number));
  const slope = (i: number): number => {
    let sum = -(q[i] as number);
    for (let j = 0; j < n; j++) sum += (matrix[i * stride + j] as number) * (x[j] as number);
    return sum;
  };
  const sweep = (): void => {
    for (let i = 0; i < n; i++) {
      const diagonal = matrix[i * stride + i] as number;
      if (diagonal <= 0) continue;
      const moved = (x[i] as number) - slope(i) / diagonal;
      x[i] = Math.min(Math.max(moved, lower[i] as number), upper[i] as number);
    }
  };
  for (let k = 0; k < SWEEPS; k++) sweep();
  // Exact solve on the free variables; a variable that would leave its box, or whose multiplier has the wrong sign, changes role.
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const free: number[] = [];
    for (let i = 0; i < n; i++)
      if ((x[i] as number) > (lower[i] as number) && (x[i] as number) < (upper[i] as number)) free.push(i);
    if (free.length > 0) {
      const block = new Float64Array(free.length ** 2);
      const rhs = new Float64Array(free.length);
      free.forEach((i, a) => {
        rhs[a] = -slope(i);
        free.forEach((j, b) => {
          block[a * free.length + b] = matrix[i * stride + j] as number;
        });
      });
      factorise(block, free.length).solve(rhs);
      let fraction = 1;
      free.forEach((i, a) => {
        const step = rhs[a] as number;
        const room =
          step > 0 ? (upper[i] as number) - (x[i] as number) : (lower[i] as number) - (x[i] as number);
        if (step !== 0 && step / room > 1) fraction = Math.min(fraction, room / step);
      });
      free.forEach((i, a) => {
        const step = fraction * (rhs[a] as number);
        const moved = (x[i] as number) + step;
        const bound = step > 0 ? (upper[i] as number) : (lower[i] as number);
        const hits = fraction < 1 && Math.abs(bound - moved) <= 1e-14 * (Math.abs(bound) + Math.abs(step));
        x[i] = hits ? bound : Math.min(Math.max(moved, lower[i] as number), upper[i] as number);
      });
      if (fraction < 1) continue;
    }
    const scale = q.reduce((m, value) => Math.max(m, Math.abs(value)), 0);
    const wrong = q.findIndex((_, i) => {
      if (lower[i] === upper[i]) return false;
      const gradient = slope(i);
      return (
        (x[i] === lower[i] && gradient < -1e-12 * scale) || (x[i] === upper[i] && gradient > 1e-12 * scale)
      );
    });
    if (wrong < 0) return { x, converged: true };
    sweep();
  }
  return { x, converged: false };
}
