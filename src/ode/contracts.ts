/**
 * What a solver is given and what it offers: one accepted step at a time, forwards in t, over an abstract state. Numerical trouble
 * is a returned `Failure`; only bad arguments throw. Says nothing of how a step is made.
 */

import type { Memory } from "../memory.js";
import type { MethodName } from "./methods/index.js";
import type { Tableau } from "./tableau.js";
import type { VectorSpace } from "./vector-space.js";

/** out ← f(t, y). Must not keep or change y. A returned promise is awaited, anything else is taken as done. */
export type Field<V> = (t: number, y: V, out: V) => Promise<void> | void;

/** out ← ∂f/∂y at (t, y), row-major; may be symmetric. */
export type JacobianField = (t: number, y: Float64Array, out: Float64Array) => Promise<void> | void;

/**
 * An upper bound of the spectral radius of ∂f/∂y at (t, y), not much above it; `derivative` is f(t, y). Called at the start, every few
 * accepted steps, and after a rejected one, which may have been unstable: `rejected` is the field at its end, which the direction of
 * an instability then dominates.
 */
export type SpectralRadius<V> = (
  t: number,
  y: V,
  derivative: V,
  rejected: V | null,
) => Promise<number> | number;

/** Why a step could not be taken; the stepper stays where it was. */
export interface Failure {
  readonly status: "stepTooSmall" | "nonFinite";
  readonly t: number;
  /** Size of the last step attempted. */
  readonly h: number;
  readonly message: string;
}

/**
 * One accepted step. Its vectors are buffers of the stepper: valid until the next `advance` or `restart`, never to be
 * written to. y0 and derivative0 survive until then, so a caller may go back into the step.
 */
export interface Step<V> {
  readonly status: "accepted";
  readonly t0: number;
  readonly t1: number;
  readonly h: number;
  readonly y0: V;
  readonly y1: V;
  /** f(t0, y0) and f(t1, y1). */
  readonly derivative0: V;
  readonly derivative1: V;
  /**
   * out ← y(t) for t in [t0, t1], of the method's own global order. `out` must not be a vector of the step. For dop853 the
   * first call evaluates the field three more times, so the field must still be the one that made the step.
   */
  interpolate(t: number, out: V): Promise<void> | void;
  /**
   * h Σ b_i g(k_i, i): the integral over the step of a functional g of y', of the method's order. With `until` < t1 the
   * integral over [t0, until] by the weights of the dense output; dop853 then wants `interpolate` called before.
   */
  quadrature(functional: (stageDerivative: V, stage: number) => number, until?: number): number;
}

/** Options of `restart`. */
export interface Restart<V> {
  readonly t: number;
  /** Copied. May be a vector of the last step. */
  readonly y: V;
  /** f(t, y), copied; saves its evaluation. */
  readonly derivative?: V;
  /** Whether the controller's proposal survives; else the starting step size is chosen anew. Default false. */
  readonly keepStepSize?: boolean;
}

/** One change of method, the first included. Costs are evaluations per unit of time. */
export interface Phase {
  readonly t: number;
  readonly method: string;
  /** Evaluations before. */
  readonly evaluations: number;
  /** Of the method left, as measured, and of the new one, as predicted; null for the first. */
  readonly costBefore: number | null;
  readonly costPredicted: number | null;
}

/** What is known of any step that was accepted. */
export interface Accepted {
  readonly status: "accepted";
  readonly h: number;
}

/** Whatever goes on in steps of some kind. */
export interface Advancing<S extends Accepted> {
  readonly name: string;
  readonly t: number;
  /** Evaluations, accepted and rejected steps so far. */
  readonly evaluations: number;
  readonly accepted: number;
  readonly rejected: number;
  /** Takes one accepted step that ends at `limit` > t at the latest. */
  advance(limit: number): Promise<S | Failure>;
}

/** A solver on its way through an initial value problem. */
export interface Stepper<V> extends Advancing<Step<V>> {
  readonly space: VectorSpace<V>;
  /** State at t; a buffer of the stepper. */
  readonly y: V;
  /** f(t, y); valid after `prepare` or a successful `advance`. */
  readonly derivative: V;
  /** Proposal for the next step; null until it is chosen. */
  readonly stepSize: number | null;
  /** Field evaluations so far, those of dense output included. */
  readonly evaluations: number;
  /** Which method ran from when on, where the stepper chooses among several. */
  readonly phases?: readonly Phase[];
  /** Evaluates f(t, y) and chooses a first step where that is still to be done; `advance` does it by itself. */
  prepare(): Promise<Failure | null>;
  /** Takes one accepted step, retrying rejected ones, never past `limit` > t. A step cut by `limit` keeps the proposal. */
  advance(limit: number): Promise<Step<V> | Failure>;
  /** Goes on from (t, y), as after an event or a change of the field. The last step becomes invalid. */
  restart(state: Restart<V>): void;
}

/** The problem and how to solve it. Vectors given are copied. */
export interface StepperOptions<V> {
  readonly space: VectorSpace<V>;
  readonly field: Field<V>;
  readonly method: Tableau | MethodName;
  readonly t0: number;
  readonly y0: V;
  /** Bounds the starting step size only; `advance` takes its own limit. */
  readonly tEnd?: number;
  /** Relative and absolute tolerance of the local error, default `DEFAULT_TOLERANCES`; see `VectorSpace.errorNorm`. */
  readonly rtol?: number;
  readonly atol?: number;
  /** Step size of a fixed method; required there, unknown to the adaptive ones. */
  readonly stepSize?: number;
  /** First step of an adaptive method; chosen by Hairer's algorithm if left out. */
  readonly firstStep?: number;
  readonly maxStep?: number;
  /** f(t0, y0) if known. */
  readonly derivative?: V;
  /** For the stabilised methods: default a power method, whose evaluations count. */
  readonly spectralRadius?: SpectralRadius<V>;
  /** For rodas4: default forward differences, whose evaluations count. */
  readonly jacobian?: JacobianField;
  /** Whether the field does not depend on t: rodas4 then needs no ∂f/∂t, which takes two evaluations a step. Default false. */
  readonly isAutonomous?: boolean;
  /** Where the stepper keeps its state, for a continuation from a checkpoint. Default nowhere. */
  readonly memory?: Memory;
}

/** What bounds a step from outside, checked and complete. */
export interface Tolerances {
  readonly rtol: number;
  readonly atol: number;
  readonly maxStep: number;
}

/** A time with the state there and its derivative. */
export interface Node<V> {
  t: number;
  readonly y: V;
  readonly f: V;
}
