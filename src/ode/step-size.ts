/**
 * Choice of step sizes: the PI controller, the first step, and the constants of both, all from Hairer, Nørsett, Wanner,
 * Solving Ordinary Differential Equations I (2nd ed. 1993), II.4, and their dopri5.f. Knows error norms, not states.
 */

import type { ControllerConstants } from "./tableau.js";
import type { VectorSpace } from "./vector-space.js";

/** Fraction of the predicted step that is used (dopri5.f, SAFE). */
export const SAFETY = 0.9;
/** The integral part of the exponent gives way to the proportional one: 1/(q+1) − 0.75β (dopri5.f, EXPO1). */
const PROPORTIONAL_SHARE = 0.75;
/** Floor of the remembered error (dopri5.f, FACOLD), so that one lucky step does not hold back the next. */
const ERROR_MEMORY_FLOOR = 1e-4;
/** A step is stretched to the limit if it ends within this fraction of it (dopri5.f: 1.01). */
export const STRETCH = 0.01;
/** Step sizes below this many units in the last place of t no longer resolve t (SciPy `_ivp`: 10). */
const MINIMAL_ULPS = 10;
/** Reduction after a stage that is not finite: the estimate says nothing, so leave the region quickly. */
export const NON_FINITE_FACTOR = 0.1;
/** Attempts at one step before non-finite stages end the integration: 10⁻¹² of the first proposal. */
export const NON_FINITE_ATTEMPTS = 12;

/** Smallest step size that still moves t by several units in the last place. */
export function minimalStep(t: number): number {
  return Math.max(MINIMAL_ULPS * Number.EPSILON * Math.abs(t), Number.MIN_VALUE);
}

/** Step-size ratios from error norms; remembers the last accepted error. */
export interface StepSizeController {
  /** Ratio h_next/h after a step of size h and error norm `error` ≤ 1. */
  afterAccepted(error: number, h: number): number;
  /** Ratio after a rejected step; at most 1. */
  afterRejected(error: number): number;
  /** Stores an accepted error and its step size for the next call. */
  remember(error: number, h: number): void;
  /** Forgets the past, as after an event. */
  reset(): void;
  /** What it remembers, in one plain object. */
  readonly state: object;
}

/** h_next = h · 0.9 · err^−(1/(q+1) − 0.75β) · err_before^β, within [minFactor, maxFactor]; q is the order of the estimate. */
export function piController(constants: ControllerConstants, estimateOrder: number): StepSizeController {
  const { beta, minFactor, maxFactor } = constants;
  const exponent = 1 / (estimateOrder + 1) - PROPORTIONAL_SHARE * beta;
  const state = { error: ERROR_MEMORY_FLOOR };
  return {
    state,
    afterAccepted(error) {
      const factor = (SAFETY * state.error ** beta) / error ** exponent;
      return Math.min(maxFactor, Math.max(minFactor, factor));
    },
    afterRejected: (error) => Math.max(minFactor, Math.min(1, SAFETY / error ** exponent)),
    remember(error) {
      state.error = Math.max(error, ERROR_MEMORY_FLOOR);
    },
    reset() {
      state.error = ERROR_MEMORY_FLOOR;
    },
  };
}

/** Fraction of the predicted step that stabilised methods use (rkc.f: 0.8; with 0.93 more is rejected than gained, docs/benchmarks.md), and their smallest ratio of one step to the last. */
const PREDICTIVE_SAFETY = 0.87;
const PREDICTIVE_MIN_FACTOR = 0.1;

/**
 * Watts's and Gustafsson's predictive controller, as in rkc.f: h_next = 0.87 h² /h_before · (err_before/err²)^(1/(q+1)), which
 * follows a solution whose time scale grows or shrinks steadily; the elementary rule where there is no step before.
 */
export function predictiveController(estimateOrder: number, maxFactor: number): StepSizeController {
  const exponent = 1 / (estimateOrder + 1);
  const state = { before: null as { error: number; h: number } | null };
  return {
    state,
    afterAccepted(error, h) {
      const elementary = PREDICTIVE_SAFETY / error ** exponent;
      const { before } = state;
      const trend = before === null ? 1 : (h / before.h) * (before.error / error) ** exponent;
      return Math.min(maxFactor, Math.max(PREDICTIVE_MIN_FACTOR, elementary * trend));
    },
    afterRejected: (error) =>
      Math.max(PREDICTIVE_MIN_FACTOR, Math.min(1, PREDICTIVE_SAFETY / error ** exponent)),
    remember(error, h) {
      state.before = { error: Math.max(error, ERROR_MEMORY_FLOOR), h };
    },
    reset() {
      state.before = null;
    },
  };
}

/** What `firstStep` needs: the start, and two buffers it may overwrite. */
export interface FirstStepProblem<V> {
  readonly space: VectorSpace<V>;
  readonly evaluate: (t: number, y: V, out: V) => Promise<void> | void;
  readonly t: number;
  readonly y: V;
  readonly derivative: V;
  readonly estimateOrder: number;
  readonly rtol: number;
  readonly atol: number;
  /** Distance to the end, or Infinity. */
  readonly interval: number;
  readonly scratch: readonly [V, V];
}

/** Hairer's starting step size (II.4, "Starting Step Size"): one further evaluation, at an Euler step. */
export async function firstStep<V>(problem: FirstStepProblem<V>): Promise<number> {
  const { space, t, y, derivative, rtol, atol, interval } = problem;
  const [point, slope] = problem.scratch;
  const norm = (v: V) => space.errorNorm(v, y, y, rtol, atol);
  const d0 = norm(y);
  const d1 = norm(derivative);
  const h0 = Math.min(d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : (0.01 * d0) / d1, interval);
  space.combine(point, [h0, 1], [derivative, y]);
  const pending = problem.evaluate(t + h0, point, slope);
  if (pending) await pending;
  space.combine(slope, [1, -1], [slope, derivative]);
  const d2 = norm(slope) / h0;
  // A probe that left the domain of f says nothing about curvature: keep the cautious h0, the error control does the rest.
  if (!Number.isFinite(d2)) return Math.min(h0, interval);
  const steepest = Math.max(d1, d2);
  const h1 =
    steepest <= 1e-15 ? Math.max(1e-6, h0 * 1e-3) : (0.01 / steepest) ** (1 / (problem.estimateOrder + 1));
  return Math.min(100 * h0, h1, interval);
}
