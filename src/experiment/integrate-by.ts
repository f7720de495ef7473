/** The flow of a study by the treatment of its kinks, with the tables that belong to it. */
import type { Config } from "../config/schema.js";
import {
  type BoundaryEvent,
  createDetector,
  type FlowCounts,
  type FlowEnd,
  type FlowOptions,
  type FlowOutcome,
  inLogClock,
  integrateExactly,
  integrateSmooth,
  integrateStepping,
  type Segment,
} from "../flow/index.js";
import { EVENT_COLUMNS } from "../record/columns.js";
import type { EventsResult } from "../record/result.js";
import type { Treatment } from "./boundaries.js";
import type { RunGaps } from "./gaps.js";
import type { NtkObserver } from "./ntk.js";
import type { OpenStudy } from "./study-record.js";

/** Plain data: a checkpoint holds it. */
export interface EndedFlow {
  readonly outcome: FlowOutcome;
  readonly events: EventsResult | null;
}

export interface FlowFollowers
  extends Pick<FlowOptions, "maxSteps" | "maxEvaluations" | "signal" | "onResume" | "onRest"> {
  /** Follows a segment; `detect` looks for crossings in what of it counts. */
  readonly follow: (
    segment: Segment,
    counts: FlowCounts,
    detect: (segment: Segment) => Promise<void>,
  ) => Promise<FlowEnd | null>;
  readonly kernel: NtkObserver | null;
  readonly gaps: RunGaps | null;
  readonly watchSharpness: boolean;
}

/** What of the section is for the solver. */
export function solverOf(flow: Config["flow"]) {
  const {
    lossFactor: _,
    stopWhen: __,
    maxGradientEvaluations: ___,
    boundaries: ____,
    clock: ________,
    smoothing: _____,
    compareSmoothing: ______,
    ...given
  } = flow;
  const { errorCheck: _______, ...solver } = { errorCheck: false, ...given };
  return solver;
}

/** What integrates, in the clock of the study. */
export function integratorsOf({ clock }: Config["flow"]) {
  return clock === "log"
    ? {
        smooth: inLogClock(integrateSmooth),
        exact: inLogClock(integrateExactly),
        stepping: inLogClock(integrateStepping),
      }
    : { smooth: integrateSmooth, exact: integrateExactly, stepping: integrateStepping };
}

const nothing = async (): Promise<void> => undefined;

export async function integrateBy(
  treatment: Treatment,
  { loaded, prepared, record, memory }: OpenStudy,
  { follow, kernel, gaps, ...followers }: FlowFollowers,
): Promise<EndedFlow> {
  const solver = solverOf(loaded.config.flow);
  const { problem, theta0 } = prepared;
  const options: FlowOptions = {
    problem,
    theta0,
    ...solver,
    ...followers,
    memory: memory.within("flow"),
    onSegment: (segment, counts) => follow(segment, counts, nothing),
  };
  const { smooth, exact, stepping } = integratorsOf(loaded.config.flow);
  if (treatment === "off" || treatment === "smooth") return ended(await smooth(options), null);
  const table = await record.table("events", EVENT_COLUMNS);
  const watch = {
    onEvent: (event: BoundaryEvent) => {
      table.append({ ...event });
      kernel?.onEvent(event);
      gaps?.onEvent(event);
    },
    onStart: async (pieces: Float64Array) => {
      await record.array("pieces0", pieces);
      await kernel?.start(treatment === "detect" ? null : pieces);
      gaps?.start(pieces);
    },
  };
  if (treatment === "exact") {
    const { events, pieces: _, ...outcome } = await exact({ ...options, ...watch });
    return ended(outcome, events);
  }
  if (treatment === "stepping") {
    const { events, pieces: _, ...outcome } = await stepping({ ...options, ...watch });
    return ended(outcome, events);
  }
  const detector = await createDetector({ ...options, ...watch });
  const outcome = await smooth({
    ...options,
    onSegment: (segment, counts) => follow(segment, counts, detector.follow),
  });
  return ended(outcome, detector.summary());
}

function ended({ sharpness, ...outcome }: FlowOutcome, events: EventsResult | null): EndedFlow {
  return {
    outcome:
      sharpness === undefined
        ? outcome
        : {
            ...outcome,
            sharpness: {
              measurements: [...sharpness.measurements],
              firstAbove: sharpness.firstAbove,
              cost: sharpness.cost,
            },
          },
    events,
  };
}
