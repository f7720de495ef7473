/**
 * What a Runge–Kutta method is: a tableau plus an order, as data. One anatomy serves all methods: `stages` stages, the
 * first of which is f(t0, y0), then the *end derivative* f(t1, y1), which has index `stages` and opens the next step.
 */

/** Step-size controller constants of one method (Hairer, Nørsett, Wanner, Solving ODEs I, II.4, and their codes). */
export interface ControllerConstants {
  /** Weight of the previous error in the PI controller; 0 gives the classical controller. */
  readonly beta: number;
  /** Smallest and largest ratio of one step size to the last. */
  readonly minFactor: number;
  readonly maxFactor: number;
}

/** How a method estimates its local error; weights act on the stages and, last, on the end derivative. */
export type ErrorEstimate =
  | { readonly kind: "single"; readonly order: number; readonly weights: readonly number[] }
  /** Two estimators e5, e3: |h|·‖e5‖²/√(‖e5‖² + 0.01‖e3‖²) (Hairer's DOP853). */
  | {
      readonly kind: "dop853";
      readonly order: number;
      readonly fifth: readonly number[];
      readonly third: readonly number[];
    };

/**
 * Interpolation in Hairer's nested form, with x = (t − t0)/h and F_j vectors:
 * y0 + x(F_0 + (1−x)(F_1 + x(F_2 + (1−x)(F_3 + x(F_4 + …))))).
 * F_0 = y1 − y0, F_1 = hf_0 − F_0, F_2 = 2F_0 − h(f_0 + f_1): `linear` keeps F_0, `hermite` the first three, and each row of
 * `corrections` adds a further F_j = h Σ_i d_i k_i over stages, end derivative and extra stages.
 */
export interface DenseOutput {
  readonly source: string;
  /** Order of the conditions the interpolant satisfies inside the step; its global order is that of the method. */
  readonly order: number;
  readonly kind: "linear" | "hermite";
  readonly corrections: readonly (readonly number[])[];
  /** Stages needed by the interpolant only, evaluated when it is first asked for; rows of `a` as in the tableau. */
  readonly extraStages: readonly { readonly a: readonly number[]; readonly c: number }[];
}

/** An explicit Runge–Kutta method. */
export interface Tableau {
  readonly name: string;
  readonly order: number;
  readonly source: string;
  /** Number of stages, the end derivative not counted. */
  readonly stages: number;
  readonly a: readonly (readonly number[])[];
  readonly b: readonly number[];
  readonly c: readonly number[];
  /** Whether the end derivative is part of the published tableau (first same as last). */
  readonly fsal: boolean;
  /** Null for fixed step sizes. */
  readonly error: ErrorEstimate | null;
  readonly dense: DenseOutput;
  readonly controller: ControllerConstants | null;
}

/** β = 0.04, factors 0.2 and 10: dopri5.f of Hairer and Wanner; we use them for every pair but dop853. */
export const controller: ControllerConstants = { beta: 0.04, minFactor: 0.2, maxFactor: 10 };

/** The interpolant that every method has: by the states and derivatives at both ends. */
export const hermite: DenseOutput = {
  source: "cubic Hermite (Hairer, Nørsett, Wanner, Solving ODEs I, II.6)",
  order: 3,
  kind: "hermite",
  corrections: [],
  extraStages: [],
};

/**
 * Weights w_i(x) with y(t0 + xh) = y0 + h Σ_i w_i(x) k_i over stages, end derivative and extra stages, written to `out`.
 * w(1) is (b, 0, …) up to rounding.
 */
export function denseWeights(method: Tableau, x: number, out: number[]): number[] {
  const { dense, stages, b } = method;
  out.length = stages + 1 + dense.extraStages.length;
  out.fill(0);
  let basis = x;
  let onIncrement = basis;
  if (dense.kind === "hermite") {
    basis *= 1 - x;
    onIncrement -= basis;
    out[0]! += basis;
    basis *= x;
    onIncrement += 2 * basis;
    out[0]! -= basis;
    out[stages]! -= basis;
  }
  for (let i = 0; i < stages; i++) out[i]! += onIncrement * b[i]!;
  let next = 1 - x;
  for (const row of dense.corrections) {
    basis *= next;
    next = 1 - next;
    for (let i = 0; i < row.length; i++) out[i]! += basis * row[i]!;
  }
  return out;
}
