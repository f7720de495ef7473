/** Stiff problems with published or exact solutions. */
import type { Field } from "../../src/ode/index.js";

export interface StiffProblem {
  readonly field: Field<Float64Array>;
  readonly y0: readonly number[];
  readonly tEnd: number;
  /** The solution at tEnd. */
  readonly reference: readonly number[];
}

/** High irradiance responses of photomorphogenesis: Mazzia, Magherini, Test Set for Initial Value Problem Solvers 2.4, problem HIRES. */
export const hires: StiffProblem = {
  field(_t, y, out) {
    const [y1, y2, y3, y4, y5, y6, y7, y8] = y as unknown as number[] & { length: 8 };
    const binding = 280 * y6! * y8!;
    out[0] = -1.71 * y1! + 0.43 * y2! + 8.32 * y3! + 0.0007;
    out[1] = 1.71 * y1! - 8.75 * y2!;
    out[2] = -10.03 * y3! + 0.43 * y4! + 0.035 * y5!;
    out[3] = 8.32 * y2! + 1.71 * y3! - 1.12 * y4!;
    out[4] = -1.745 * y5! + 0.43 * y6! + 0.43 * y7!;
    out[5] = -binding + 0.69 * y4! + 1.71 * y5! - 0.43 * y6! + 0.69 * y7!;
    out[6] = binding - 1.81 * y7!;
    out[7] = -out[6];
  },
  y0: [1, 0, 0, 0, 0, 0, 0, 0.0057],
  tEnd: 321.8122,
  reference: [
    0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2,
    0.2386356198831331e-2, 0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2,
  ],
};

/** Robertson's reaction at t = 40: Hairer, Wanner, Solving ODEs II, IV.10; values of LSODE's own example. */
export const robertson: StiffProblem = {
  field(_t, y, out) {
    const slow = 0.04 * y[0]! - 1e4 * y[1]! * y[2]!;
    const fast = 3e7 * y[1]! ** 2;
    out[0] = -slow;
    out[1] = slow - fast;
    out[2] = fast;
  },
  y0: [1, 0, 0],
  tEnd: 40,
  reference: [0.7158270688, 0.9185534764e-5, 0.2841637457],
};

const SIZE = 25;
/** Eigenvalues from 10⁻³ to 10³, six decades. */
const rates = Float64Array.from({ length: SIZE }, (_, i) => 10 ** (-3 + (6 * i) / (SIZE - 1)));
/** A Householder reflection mixes the modes: v = (1, 2, …)/‖·‖. */
const length = Math.hypot(...rates.map((_, i) => i + 1));
const reflect = (x: ArrayLike<number>): Float64Array => {
  let s = 0;
  for (let i = 0; i < SIZE; i++) s += (2 * (i + 1) * x[i]!) / length ** 2;
  return Float64Array.from({ length: SIZE }, (_, i) => x[i]! - s * (i + 1));
};

/** The gradient flow of ½yᵀAy, A symmetric with those eigenvalues: y(t) = Q e^{−Λt}Qᵀy0, every mode present at the start. */
export const sixDecades: StiffProblem = {
  field(_t, y, out) {
    out.set(reflect(reflect(y).map((x, i) => -rates[i]! * x)));
  },
  y0: Array.from(reflect(rates.map(() => 1))),
  tEnd: 30,
  reference: Array.from(reflect(rates.map((rate) => Math.exp(-rate * 30)))),
};
