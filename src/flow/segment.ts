/** A flow as those see it who follow it: stretches in order, each with its dense output, and how a run is ended inside one. */
import type { ResidentVector } from "../engine/index.js";
import type { OutcomeStatus } from "../ode/index.js";
import type { Problem } from "./problem.js";

/** Loss and ‖θ'‖ at one state; ‖θ'‖ is ‖∇L‖ where the flow does not slide. */
export interface Measured {
  readonly loss: number;
  readonly speed: number;
  /** −θ', of flows that may slide: no graph of the network has it there. Valid until the next measurement. */
  readonly gradient?: Float64Array;
  /** ln L, of flows that are integrated in the clock of ln L. */
  readonly logLoss?: number;
}

/** A stretch of the flow, handed to observers in order; valid during the call. */
export interface Segment {
  readonly t0: number;
  readonly t1: number;
  /** The solver's step. */
  readonly h: number;
  /** θ(t1); of a resident flow it is fetched when it is looked at. */
  readonly theta1: Float64Array;
  /** θ(t) for t in [t0, t1] */
  interpolate(t: number, out: Float64Array): Promise<void> | void;
  /** ∫ ‖θ'‖² from t0 to `until`, by the solver's own quadrature; call `interpolate` at `until` first. */
  energy(until: number): number;
  /** Loss and ‖θ'‖ at a state inside the segment, for a gradient. */
  measure(theta: Float64Array): Promise<Measured>;
  /** The same at t1 where the solver's own evaluations have found it; null where it would cost a gradient. */
  readonly known: Measured | null;
  /** The same states where they are, of a flow that is integrated in vectors of the engine. */
  readonly resident?: ResidentSegment;
}

export interface ResidentSegment {
  readonly theta1: ResidentVector;
  interpolate(t: number, out: ResidentVector): Promise<void> | void;
}

/** Running totals of the solver. */
export interface FlowCounts {
  readonly gradients: number;
  readonly accepted: number;
  readonly rejected: number;
  /** Decisions at kinks that did not settle; absent where none are made. */
  readonly unsettled?: number;
  /** The last measurement of λ_max(∇²L); null or absent where there is none. */
  readonly sharpness?: { readonly t: number; readonly value: number } | null;
}

/**
 * How a flow ends: as an integration does, because one who follows it said so, or with more entries on their boundaries at once than the
 * exact flow can decide on.
 */
export type FlowStatus = OutcomeStatus | "lossReached" | "stationary" | "tooManyContacts";

/** The end of a run at a time inside the segment that was followed last. */
export interface FlowEnd {
  readonly t: number;
  readonly status: FlowStatus;
  readonly message: string;
}

/** The segment up to t, for those who follow a flow that ends there. */
export async function cutSegment(problem: Problem, segment: Segment, t: number): Promise<Segment> {
  const { t0, h, resident } = segment;
  const theta1 = new Float64Array(problem.family.layout.size);
  await segment.interpolate(t, theta1);
  const cut: Segment = {
    t0,
    t1: t,
    h,
    theta1,
    interpolate: (at, out) => (at === t ? out.set(theta1) : segment.interpolate(at, out)),
    energy: (until) => segment.energy(until),
    measure: (theta) => segment.measure(theta),
    known: null,
  };
  if (resident === undefined) return cut;
  const there = problem.engine.resident!.create(theta1.length);
  await resident.interpolate(t, there);
  return {
    ...cut,
    resident: { theta1: there, interpolate: (at, out) => resident.interpolate(at, out) },
  };
}
