/** Initial value problems shared by the solver tests; the SciPy script in `test/convergence/data` states the same ones. */

import { type Field, type Tableau, type TableauName, tableaux } from "../../src/ode/index.js";

export const tableauNames = Object.keys(tableaux) as TableauName[];

export interface Problem {
  readonly field: Field<Float64Array>;
  readonly y0: readonly number[];
  readonly t0: number;
  readonly tEnd: number;
}

/** Normal form of a Hopf bifurcation: r' = r(1 − r²), φ' = 1. Nonlinear, smooth, solution known. */
export const hopf: Problem & { exact(t: number): [number, number] } = {
  field(_t, y, out) {
    const s = 1 - y[0]! ** 2 - y[1]! ** 2;
    out[0] = s * y[0]! - y[1]!;
    out[1] = s * y[1]! + y[0]!;
  },
  y0: [0.5, 0],
  t0: 0,
  tEnd: 3,
  exact(t) {
    const r = 1 / Math.sqrt(1 + 3 * Math.exp(-2 * t));
    return [r * Math.cos(t), r * Math.sin(t)];
  },
};

/** y' = −y³, the gradient flow of L = y⁴/4 from y(0) = 1: y = 1/√(1 + 2t), and ∫|y'|² = L(0) − L(t). */
export const quartic: Problem & { exact(t: number): number } = {
  field(_t, y, out) {
    out[0] = -(y[0]! ** 3);
  },
  y0: [1],
  t0: 0,
  tEnd: 2,
  exact: (t) => 1 / Math.sqrt(1 + 2 * t),
};

/** Brusselator, Hairer, Nørsett, Wanner, Solving ODEs I, II.4. */
export const brusselator: Problem = {
  field(_t, y, out) {
    out[0] = 1 + y[0]! ** 2 * y[1]! - 4 * y[0]!;
    out[1] = 3 * y[0]! - y[0]! ** 2 * y[1]!;
  },
  y0: [1.5, 3],
  t0: 0,
  tEnd: 20,
};

/** Arenstorf's orbit (restricted three bodies), the same book, II.0: periodic, with steps of very different sizes. */
export const arenstorf: Problem = {
  field(_t, y, out) {
    const mu = 0.012277471;
    const nu = 1 - mu;
    const d1 = ((y[0]! + mu) ** 2 + y[1]! ** 2) ** 1.5;
    const d2 = ((y[0]! - nu) ** 2 + y[1]! ** 2) ** 1.5;
    out[0] = y[2]!;
    out[1] = y[3]!;
    out[2] = y[0]! + 2 * y[3]! - (nu * (y[0]! + mu)) / d1 - (mu * (y[0]! - nu)) / d2;
    out[3] = y[1]! - 2 * y[2]! - (nu * y[1]!) / d1 - (mu * y[1]!) / d2;
  },
  y0: [0.994, 0, 0, -2.0015851063790824],
  t0: 0,
  tEnd: 17.065216560157964,
};

/** Lotka–Volterra. */
export const predators: Problem = {
  field(_t, y, out) {
    out[0] = 1.5 * y[0]! - y[0]! * y[1]!;
    out[1] = y[0]! * y[1]! - 3 * y[1]!;
  },
  y0: [10, 5],
  t0: 0,
  tEnd: 15,
};

/** An adaptive method run with fixed steps, to see its order bare. */
export function withoutControl(method: Tableau): Tableau {
  return { ...method, error: null, controller: null };
}

/** Largest |a_i − b_i|. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
}
