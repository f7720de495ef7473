/** min ½xᵀKx − qᵀx over a box, K symmetric positive semidefinite: the complementarity problem at an event. */
import { factorise } from "./cholesky.js";

/** Most Gauss–Seidel sweeps in search of the active set, before the free variables are solved for exactly. */
const SWEEPS = 60;
/** Sweeps without a change of the active set after which the exact solve has the better say. */
const QUIET = 3;
const MAX_ROUNDS = 200;
/** A slope below this part of its own terms is zero: their rounding. Rows have scales of their own, so nothing else will do. */
const ROUNDING = 1e-12;

export interface BoxSolution {
  readonly x: Float64Array;
  /** Whether x meets the optimality conditions to rounding. */
  readonly converged: boolean;
  /** Floating-point operations that it took. */
  readonly operations: number;
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
  let operations = 0;
  const slope = (i: number): number => {
    operations += 2 * n;
    let sum = -(q[i] as number);
    for (let j = 0; j < n; j++) sum += (matrix[i * stride + j] as number) * (x[j] as number);
    return sum;
  };
  /** What the slope is the sum of, without signs. */
  const terms = (i: number): number => {
    operations += 2 * n;
    let sum = Math.abs(q[i] as number);
    for (let j = 0; j < n; j++) sum += Math.abs((matrix[i * stride + j] as number) * (x[j] as number));
    return sum;
  };
  /** −1 at the lower bound, 1 at the upper, 0 between: where a bound is exact in x. */
  const role = (i: number): number => (x[i] === lower[i] ? -1 : x[i] === upper[i] ? 1 : 0);
  /** Whether a variable came to a bound or left one. */
  const sweep = (): boolean => {
    let changed = false;
    for (let i = 0; i < n; i++) {
      const diagonal = matrix[i * stride + i] as number;
      if (diagonal <= 0 || lower[i] === upper[i]) continue;
      const before = role(i);
      const moved = (x[i] as number) - slope(i) / diagonal;
      x[i] = Math.min(Math.max(moved, lower[i] as number), upper[i] as number);
      if (role(i) !== before) changed = true;
    }
    return changed;
  };
  for (let k = 0, quiet = 0; k < SWEEPS && quiet < QUIET; k++) quiet = sweep() ? 0 : quiet + 1;
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
      const factor = factorise(block, free.length);
      factor.solve(rhs);
      operations += factor.operations + 2 * free.length ** 2;
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
    const wrong = q.findIndex((_, i) => {
      if (lower[i] === upper[i] || role(i) === 0) return false;
      const outward = role(i) * slope(i);
      return outward > 0 && outward > ROUNDING * terms(i);
    });
    if (wrong < 0) return { x, converged: true, operations };
    sweep();
  }
  return { x, converged: false, operations };
}
