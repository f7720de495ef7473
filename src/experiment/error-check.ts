/** The error that a run made, measured by a second one at tighter tolerances. */
import { type Descent, distance, type FlowOptions, type FlowOutcome, type Segment } from "../flow/index.js";
import { DEFAULT_TOLERANCES } from "../ode/index.js";
import type { ErrorCheckResult, EventsResult, GapSplit } from "../record/result.js";

/** The second run's tolerances relative to the first's: its own error is then small beside what it measures. */
const TIGHTER = 0.1;
/**
 * The same where kinks are stepped over: a tenth of the tolerance often meets the floor of that scheme, and measures nothing then. Steps of
 * second order err like rtol^(2/3), so the second run's own error is up to a half of the first's, which may be twice the difference.
 */
const TIGHTER_STEPPING = 0.3;

/** The loss of the second run at one recorded time. */
export interface TighterLoss {
  readonly t: number;
  readonly tighterLoss: number;
}

/** What is known of events, whichever treatment counted them. */
type EventCounts = Pick<EventsResult, "crossings" | "forcedSteps">;

/** What of the first run the second is set beside. */
export interface CheckedRun {
  readonly descents: readonly Descent[];
  readonly times: readonly number[];
  /** Whether the flow is stepped over its kinks. */
  readonly isStepping: boolean;
  /** Hears how far the second run has got. */
  readonly onTime?: (t: number) => void;
}

/**
 * Integrates again as `integrate` does, and compares the ends, and the states that the descents were last compared with.
 * @param times at which the loss of the second run is wanted, increasing; each costs a gradient
 * @returns the check, and these losses as far as the second run got
 */
export async function checkError(
  integrate: (options: FlowOptions) => Promise<FlowOutcome & { readonly events?: EventCounts }>,
  options: Omit<FlowOptions, "onSegment">,
  first: FlowOutcome,
  { descents, times, isStepping, onTime }: CheckedRun,
): Promise<{ readonly check: ErrorCheckResult; readonly losses: readonly TighterLoss[] }> {
  const { theta0, rtol, atol } = { ...DEFAULT_TOLERANCES, ...options };
  const tighter = isStepping ? TIGHTER_STEPPING : TIGHTER;
  const gaps: GapSplit[] = [];
  const losses: TighterLoss[] = [];
  const theta = theta0.slice();
  const due = [...times.filter((t) => t < first.t), first.t];
  const tight = {
    ...options,
    rtol: tighter * rtol,
    atol: tighter * atol,
    tEnd: first.t,
    onSegment: async (segment: Segment) => {
      for (let t = due[losses.length]; t !== undefined && t <= segment.t1; t = due[losses.length]) {
        await segment.interpolate(t, theta);
        losses.push({ t, tighterLoss: (await segment.measure(theta)).loss });
      }
      for (const descent of descents) {
        const split = await splitGap(descent, segment);
        if (split !== null) gaps.push(split);
      }
      onTime?.(segment.t1);
      return undefined;
    },
  };
  const second = await integrate(tight);
  const moved = distance(second.theta, theta0);
  const apart = second.status === "reachedEnd" ? distance(first.theta, second.theta) : null;
  // Not even rounding between them: the first step, flow.maxStep or the span has set the steps of both.
  const sameSteps = apart === 0 && moved > 0;
  const error = sameSteps ? null : apart;
  const relative = (size: number) => (error === null || size === 0 ? null : error / size);
  const check = {
    rtol,
    tighterRtol: tighter * rtol,
    gradientEvaluations: second.evaluations,
    status: second.status,
    error,
    relativeToParameters: relative(distance(second.theta, new Float64Array(theta0.length))),
    relativeToDistance: relative(moved),
    gaps: sameSteps ? [] : gaps,
    ...(second.events?.forcedSteps && { forcedSteps: second.events.forcedSteps }),
    ...(sameSteps && { sameSteps }),
  };
  return { check, losses: sameSteps ? [] : losses };
}

/** Null where the segment does not hold the time of the descent's last comparison. */
async function splitGap(
  { last, lastStates, learningRate }: Descent,
  segment: Segment,
): Promise<GapSplit | null> {
  if (last === null || lastStates === null || !(segment.t0 < last.t && last.t <= segment.t1)) return null;
  const tight = new Float64Array(segment.theta1.length);
  await segment.interpolate(last.t, tight);
  return {
    learningRate,
    time: last.t,
    measuredGap: last.parameterGap,
    gap: distance(lastStates.theta, tight),
    solverError: distance(lastStates.flowTheta, tight),
  };
}
