/**
 * The way to an event inside a step: the step is repeated up to it, since a step is more accurate than its dense output, and
 * what it then misses the event by is made good. Decides nothing at the event.
 */
import type { Failure, Step, Stepper, VectorSpace } from "../../ode/index.js";
import type { Kinks } from "./kinks.js";
import type { LockedField } from "./locked-field.js";
import { slidingWeights } from "./weights.js";

/** Corrections of an event's time on repeated steps. */
const MAX_CORRECTIONS = 3;

/** A correction below this part of the step is made by one tangent: its error, of second order, is far below the tolerance. */
const TANGENT_SHARE = 1e-5;

/** Distance at which the rate of a weight is taken, as part of the step. */
const SECANT_SHARE = 1e-2;

/** A step taken, and where it counts as ended: at an event, a tangent further than its end or short of it. */
export interface Stretch {
  readonly step: Step<Float64Array>;
  readonly t1: number;
  readonly theta1: Float64Array;
  readonly event: Ahead | null;
}

/** An event ahead; `lead` is the entry that reaches its breakpoint, null where a sliding entry's weight reaches its end. */
export interface Ahead {
  readonly t: number;
  readonly lead: number | null;
}

/** What the approach works with; `probe` [P] and `zDot` [E] are scratch. */
export interface Approach {
  readonly stepper: Stepper<Float64Array>;
  readonly field: LockedField;
  readonly kinks: Kinks;
  readonly space: VectorSpace<Float64Array>;
  readonly probe: Float64Array;
  readonly zDot: Float64Array;
}

/**
 * Repeats the step from its start to the event, since a step is more accurate than its dense output: the time is
 * corrected by Newton's method until the entry that leads lies on its breakpoint, or the weight that leaves at its end. The
 * event is null if the repeated step fell short of it. A failure says why no such step was accepted.
 */
export async function stepToEvent(
  tools: Approach,
  event: Ahead,
  step: Step<Float64Array>,
): Promise<Stretch | Failure> {
  const { stepper, space } = tools;
  const start = {
    t: step.t0,
    y: step.y0.slice(),
    derivative: step.derivative0.slice(),
    keepStepSize: true,
  };
  // Where the last instant left an entry outside already there is nothing to repeat.
  if (!(event.t > start.t)) return { step, t1: start.t, theta1: start.y, event };
  const latest = step.t1;
  const beyond = event.lead === null ? await weightsBeyond(tools, event.t, step) : null;
  let t = event.t;
  for (let k = 0; ; k++) {
    stepper.restart(start);
    const taken = await stepper.advance(t);
    if (taken.status !== "accepted") return taken;
    if (taken.t1 < t) return ending(taken);
    const shift =
      event.lead === null
        ? await shiftToEnd(tools, taken, beyond)
        : await shiftToBreakpoint(tools, taken, event.lead);
    const t1 = t + shift;
    if (Math.abs(shift) <= TANGENT_SHARE * taken.h && t1 <= latest) {
      const theta1 = taken.y1.slice();
      space.combine(theta1, [shift, 1], [taken.derivative1, taken.y1]);
      return { step: taken, t1, theta1, event };
    }
    if (event.lead === null || k === MAX_CORRECTIONS || !(t1 > start.t && t1 <= latest))
      return { ...ending(taken), event };
    t = t1;
  }
}

/** By how much the end of the step misses the time at which the leading entry is on its breakpoint, to first order. */
async function shiftToBreakpoint(
  { field, kinks, zDot: rates }: Approach,
  { y1 }: Step<Float64Array>,
  lead: number,
): Promise<number> {
  const { z, velocity } = await field.evaluate(y1);
  await field.normalVelocities(y1, velocity, rates);
  const piece = field.pattern.pieces[lead] as number;
  const zDot = rates[lead] as number;
  const breakpoint = kinks.breakpoints(lead)[zDot > 0 ? piece : piece - 1] ?? Number.NaN;
  return (breakpoint - (z[lead] as number)) / zDot;
}

/** Weights a little after an event, on the dense output: with those at the event they give its rate. */
async function weightsBeyond(
  { field, kinks, probe }: Approach,
  t: number,
  step: Step<Float64Array>,
): Promise<{ t: number; weights: number[] }> {
  const later = Math.min(t + SECANT_SHARE * step.h, step.t1);
  await step.interpolate(later, probe);
  return { t: later, weights: await slidingWeights(field, kinks, probe) };
}

/** The same for the weight that leaves, by the secant to `beyond`. */
async function shiftToEnd(
  { field, kinks }: Approach,
  { t1, y1 }: Step<Float64Array>,
  beyond: { readonly t: number; readonly weights: readonly number[] } | null,
): Promise<number> {
  const weights = await slidingWeights(field, kinks, y1);
  let shift = 0;
  let farthest = Number.NEGATIVE_INFINITY;
  beyond?.weights.forEach((later, s) => {
    const now = weights[s] as number;
    const outside = Math.max(-later, later - 1);
    if (outside <= farthest) return;
    farthest = outside;
    shift = (((later < 0.5 ? 0 : 1) - now) * (beyond.t - t1)) / (later - now);
  });
  return Number.isFinite(shift) ? shift : 0;
}

/** The whole step, without event. */
export function ending(step: Step<Float64Array>): Stretch {
  return { step, t1: step.t1, theta1: step.y1, event: null };
}
