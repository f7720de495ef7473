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

/** A start at rest moves y by less than this many tolerances in the time at hand (dopri5.f, HINIT: 1e-5, where that time is 1). */
const AT_REST = 1e-5;
/** The first probe where y or f says nothing about time, in units of time (dopri5.f, HINIT: 1e-6). */
const CAUTIOUS_PROBE = 1e-6;
/** Slopes and their changes below this leave the step to the probe alone (II.4: 10⁻¹⁵). */
const STRAIGHT = 1e-15;
/** Units of time are powers of a thousand, as seconds, milliseconds and microseconds are. */
const UNIT_BASE = 1e3;
/** Powers of it beyond which numbers would leave the doubles. */
const MOST_POWERS = 50;

/** The unit, a power of a thousand, in which `time` is nearest to 1; 1 where no time is known. */
function timeUnit(time: number): number {
  const power = Math.round(Math.log10(time) / Math.log10(UNIT_BASE));
  return Math.abs(power) <= MOST_POWERS ? UNIT_BASE ** power : 1;
}

/**
 * Hairer's starting step size (II.4, "Starting Step Size"): one further evaluation, at an Euler step. His recipe compares slopes with
 * curvatures, and both with constants, as if times were of order 1. So time is measured in a unit of the problem's own: of the time in
 * which y changes by its size, ‖y‖/‖f‖, or f by its, ‖f‖/‖f'‖, whichever is shorter. Where that is within a factor 30 of 1 the unit is 1.
 * These are plain norms: in those of the tolerance a component of zero would speak for all.
 */
export async function firstStep<V>(problem: FirstStepProblem<V>): Promise<number> {
  const { space, t, y, derivative, rtol, atol, interval } = problem;
  const [point, slope] = problem.scratch;
  const norm = (v: V) => space.errorNorm(v, y, y, rtol, atol);
  const length = (v: V) => Math.sqrt(space.dot(v, v));
  const d0 = norm(y);
  const d1 = norm(derivative);
  const speed = length(derivative);
  const span = Math.max(interval, Math.abs(t));
  const isAtRest = d1 === 0 || d1 * span < AT_REST;
  const isAtZero = d0 < AT_REST;
  // A y of zero is taken for one of atol/rtol, the size from which on the tolerance is relative.
  const size = isAtZero ? atol * Math.max(1, 1 / rtol) * Math.sqrt(space.dimension) : length(y);
  const ownTime = isAtRest ? span : size / speed;
  const h0 = Math.min(isAtRest || isAtZero ? CAUTIOUS_PROBE * timeUnit(ownTime) : (0.01 * d0) / d1, interval);
  space.combine(point, [h0, 1], [derivative, y]);
  const pending = problem.evaluate(t + h0, point, slope);
  if (pending) await pending;
  space.combine(slope, [1, -1], [slope, derivative]);
  const change = norm(slope);
  // A probe that left the domain of f says nothing about curvature: keep the cautious h0, the error control does the rest.
  if (!Number.isFinite(change / h0)) return Math.min(h0, interval);
  const unit = timeUnit(isAtRest || change === 0 ? ownTime : Math.min(ownTime, (speed / length(slope)) * h0));
  const probe = h0 / unit;
  const steepest = Math.max(d1 * unit, (change * unit) / probe);
  const h1 =
    steepest <= STRAIGHT
      ? Math.max(CAUTIOUS_PROBE, probe * 1e-3)
      : (0.01 / steepest) ** (1 / (problem.estimateOrder + 1));
  return Math.min(100 * h0, h1 * unit, interval);
}
