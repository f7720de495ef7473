/**
 * Gradient flow stepped over its kinks: within a step any number of entries may cross, slide and leave, and the error is of second order
 * all the same. For networks whose events are too many to be gone to one by one, as `exact` does. See docs/math.md.
 */

import { length } from "../../linalg/norm.js";
import { Memory } from "../../memory.js";
import { type Ending, EvaluationsSpent, integrate, type Outcome } from "../../ode/index.js";
import { kinksOf } from "../boundaries/kinks.js";
import type { BoundaryEvent } from "../boundaries/ledger.js";
import { TooManyContacts } from "../boundaries/normals.js";
import type { FlowEnd, Segment } from "../segment.js";
import { createSharpness } from "../sharpness.js";
import type { FlowOptions, FlowOutcome } from "../smooth.js";
import { createBooks, type SteppingSummary } from "./books.js";
import { createSteppingField, type SteppingCost } from "./field.js";
import { Sides } from "./sides.js";
import { type SteppingStep, SteppingStepper } from "./stepper.js";

export interface SteppingFlowOptions extends Omit<FlowOptions, "method"> {
  readonly onEvent: (event: BoundaryEvent) => void;
  /** Called once with the piece index of every entry at t = 0. */
  readonly onStart?: (pieces: Float64Array) => Promise<void>;
}

export interface SteppingOutcome extends FlowOutcome {
  readonly events: SteppingSummary;
  /** Piece index of every entry at the end; fractional where it slides. */
  readonly pieces: Float64Array;
}

/** @throws Error if the activation has no kinks: there is nothing to do that `integrateSmooth` does not. */
export async function integrateStepping(options: SteppingFlowOptions): Promise<SteppingOutcome> {
  const { problem, theta0, tEnd, signal, maxSteps, maxEvaluations, onRest, onSegment, onEvent } = options;
  const { memory = new Memory() } = options;
  const kinks = kinksOf(problem.family);
  if (kinks === null) throw new Error("integrateStepping: the activation has no kinks; use integrateSmooth.");
  const cost: SteppingCost = memory.keep("cost", {
    gradients: 0,
    forwards: 0,
    pullbacks: 0,
    rowSweeps: 0,
    products: 0,
  });
  const field = await createSteppingField(problem, kinks, cost, () => {
    if (cost.gradients >= (maxEvaluations ?? Infinity)) throw new EvaluationsSpent();
  });
  const sharpness = createSharpness({
    problem,
    gradients: () => cost.gradients,
    pieces: () => stepper.pieces,
    fromStart: true,
    memory,
  });
  const { rtol, atol, stepSize, firstStep, maxStep } = options;
  const stepper = new SteppingStepper({
    field,
    sharpness,
    theta0,
    memory,
    ...(rtol !== undefined && { rtol }),
    ...(atol !== undefined && { atol }),
    ...(stepSize !== undefined && { stepSize }),
    ...(firstStep !== undefined && { firstStep }),
    ...(maxStep !== undefined && { maxStep }),
  });
  const books = createBooks(kinks, onEvent, memory);
  /** Slopes of what slides, and sides of what rests on a breakpoint, as at the end of the step; of all else those that θ gives. */
  const measure: Segment["measure"] = async (theta) => {
    const z = await field.lookAt(theta);
    const { held, pieces: now } = stepper;
    const pieces = new Sides(kinks, field.scales(z)).piecesOf(z, now);
    for (let e = 0; e < held.length; e++) if (held[e]! >= 0) pieces[e] = now[e]!;
    const { loss, gradient } = await field.observe(theta, pieces);
    return { loss, speed: length(gradient), gradient };
  };
  let end: FlowEnd | null = null;
  let theta: Float64Array | null = null;
  const onStep = async (step: SteppingStep): Promise<Ending | undefined> => {
    const segment = segmentOf(step, measure);
    const found = await onSegment(segment, {
      gradients: cost.gradients,
      accepted: stepper.accepted,
      rejected: stepper.rejected,
      sharpness: sharpness.last,
    });
    books.passed(step, found?.t ?? step.t1);
    if (!found) return undefined;
    end = found;
    theta = new Float64Array(theta0.length);
    step.interpolate(found.t, theta);
    return "stop";
  };
  if (memory.isResumed) options.onResume?.(measure);
  else {
    await stepper.begin();
    books.began(stepper.startsOnBreakpoint());
    await options.onStart?.(stepper.pieces.slice());
  }
  const outcome: Omit<FlowOutcome, "theta"> = await integrate({
    stepper,
    tEnd,
    spent: () => cost.gradients,
    memory,
    onStep,
    ...(signal && { signal }),
    ...(maxSteps && { maxSteps }),
    ...(maxEvaluations && { maxEvaluations }),
    ...(onRest && { onRest }),
  }).catch((error: unknown): Omit<Outcome, "status"> & { status: "tooManyContacts" } => {
    if (!(error instanceof TooManyContacts)) throw error;
    const { t, accepted, rejected } = stepper;
    const message = `${stepper.name}: ${error.message}`;
    return {
      status: "tooManyContacts",
      t,
      h: null,
      message,
      accepted,
      rejected,
      evaluations: cost.gradients,
    };
  });
  const ended = end as FlowEnd | null;
  return {
    ...outcome,
    ...(ended && { ...ended, message: `${stepper.name}: ${ended.message}` }),
    theta: (theta ?? stepper.theta).slice(),
    pieces: stepper.pieces.slice(),
    events: books.summary(ended?.t ?? outcome.t, stepper, cost),
    sharpness,
  };
}

function segmentOf(step: SteppingStep, measure: Segment["measure"]): Segment {
  const { t0, t1, h, theta1 } = step;
  return {
    t0,
    t1,
    h,
    theta1,
    interpolate: (t, out) => (t === t1 ? out.set(theta1) : step.interpolate(t, out)),
    energy: (until) => step.energy(until),
    measure,
    known: null,
  };
}
