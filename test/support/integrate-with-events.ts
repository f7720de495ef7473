/**
 * Integration through events: locate the first one in each accepted step, stop there, let the caller switch the field, go on by
 * itself to the end. The loop is that of `integrate`.
 */

import {
  type Event,
  type EventFunction,
  EventLocator,
  type IntegrateOptions,
  integrate,
  type Outcome,
  type Step,
  type Stepper,
} from "../../src/ode/index.js";

/**
 * This many events in a row that together move t by less than `STALL` of the proposed step: the pieces chase each other (sliding,
 * or Zeno's bouncing ball) and no further event will end it.
 */
const CASCADE = 100;
const STALL = 1e-8;

/** What the caller wants after an event; nothing means: go on from the event's state. */
export interface EventResponse<V> {
  /** State to go on from, where the event changes it. */
  readonly y?: V;
  /** f at the new state under the new field, if known. */
  readonly derivative?: V;
  readonly stop?: boolean;
}

export interface IntegrateWithEventsOptions<V> extends Omit<IntegrateOptions<Step<V>>, "onStep" | "stepper"> {
  readonly stepper: Stepper<V>;
  readonly events: EventFunction<V>;
  /** Pieces at the start; if left out read off z, at a breakpoint off its derivative. */
  readonly pieces?: ArrayLike<number>;
  /** Called with each accepted step and the time up to which it stands: an event cuts it there. */
  readonly onStep?: (step: Step<V>, until: number) => Promise<"stop" | undefined> | "stop" | undefined;
  /**
   * Called at each event, after the crossing components have been put into their new pieces; the field has to follow. The
   * caller may put components into other pieces (`locator.setPiece`), as a ball that bounces stays above the ground.
   */
  readonly onEvent: (
    event: Event<V>,
    locator: EventLocator<V>,
  ) => Promise<EventResponse<V> | undefined> | EventResponse<V> | undefined;
  /** Whether the step size survives an event; default true. */
  readonly keepStepSize?: boolean;
  /** Most events; default no limit. */
  readonly maxEvents?: number;
}

export interface EventOutcome extends Omit<Outcome, "status"> {
  readonly status: Outcome["status"] | "maxEvents" | "eventCascade";
  /** Events, and the components that crossed in them. */
  readonly events: number;
  readonly crossings: number;
  /** Evaluations of z and its derivative. */
  readonly eventEvaluations: number;
}

/** Advances `stepper` to `tEnd` through all events. */
export async function integrateWithEvents<V>(options: IntegrateWithEventsOptions<V>): Promise<EventOutcome> {
  const { stepper, events, onEvent, keepStepSize = true, maxEvents = Infinity } = options;
  const locator = new EventLocator<V>({ space: stepper.space, events });
  let [count, crossings, mark] = [0, 0, stepper.t];
  let ending: "maxEvents" | "eventCascade" | null = null;
  // A field that fails at the start is reported by the first advance.
  if ((await stepper.prepare()) === null) {
    const pieces = options.pieces ?? (await piecesAt(stepper, events));
    for (let e = 0; e < events.components; e++) locator.setPiece(e, pieces[e]!);
    await locator.begin(stepper.t, stepper.y, stepper.derivative);
  }
  const onStep = async (step: Step<V>): Promise<"stop" | undefined> => {
    const event = await locator.locate(step);
    const verdict = await options.onStep?.(step, event?.t ?? step.t1);
    if (event === null) return verdict;
    count++;
    crossings += event.crossings.length;
    const proposal = stepper.stepSize ?? step.h;
    for (const { component, to } of event.crossings) locator.setPiece(component, to);
    const response = await onEvent(event, locator);
    const y = response?.y ?? event.y;
    const derivative = response?.derivative;
    stepper.restart({ t: event.t, y, keepStepSize, ...(derivative === undefined ? {} : { derivative }) });
    if (response?.stop === true || verdict === "stop") return "stop";
    if (count % CASCADE === 0) {
      if (event.t - mark < STALL * proposal) ending = "eventCascade";
      mark = event.t;
    }
    if (ending === null && count >= maxEvents) ending = "maxEvents";
    if (ending !== null) return "stop";
    if ((await stepper.prepare()) === null) {
      await locator.begin(event.t, stepper.y, stepper.derivative, response?.y === undefined ? event.z : null);
    }
    return undefined;
  };
  const outcome = await integrate({ ...options, stepper, onStep });
  const sentence = {
    maxEvents: `${stepper.name}: ${maxEvents} events were not enough to pass t = ${outcome.t}.`,
    eventCascade: `${stepper.name}: the last ${CASCADE} events did not move t = ${outcome.t}.`,
  };
  return {
    ...outcome,
    ...(ending === null ? {} : { status: ending, message: sentence[ending] }),
    events: count,
    crossings,
    eventEvaluations: locator.evaluations,
  };
}

/** The piece of each component; on a breakpoint that into which it moves. */
async function piecesAt<V>({ t, y, derivative }: Stepper<V>, events: EventFunction<V>): Promise<Int32Array> {
  const z = new Float64Array(events.components);
  const slope = new Float64Array(events.components);
  await events.evaluate(t, y, z);
  await events.derivative(t, y, derivative, slope);
  const { breakpoints = [0] } = events;
  return Int32Array.from(z, (value, e) => {
    const own = typeof breakpoints === "function" ? breakpoints(e) : breakpoints;
    return own.filter((at) => (value === at ? slope[e]! >= 0 : value > at)).length;
  });
}
