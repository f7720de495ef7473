/** The error that a run made, measured by a second one at tighter tolerances. */
import { type Descent, distance, type FlowOptions, type FlowOutcome, type Segment } from "../flow/index.js";
import { DEFAULT_TOLERANCES } from "../ode/index.js";
import type { ErrorCheckResult, EventsResult, GapSplit } from "../record/result.js";

/** The second run's tolerances relative to the first's: its own error is then small beside what it measures. */
const TIGHTER = 0.1;

/** What is known of events, whichever treatment counted them. */
type EventCounts = Pick<EventsResult, "crossings" | "forcedSteps">;

/** Integrates again as `integrate` does, and compares the ends, and the states that the descents were last compared with. */
export async function checkError(
  integrate: (options: FlowOptions) => Promise<FlowOutcome & { readonly events?: EventCounts }>,
  options: Omit<FlowOptions, "onSegment">,
  first: FlowOutcome,
  descents: readonly Descent[],
): Promise<ErrorCheckResult> {
  const { theta0, rtol, atol } = { ...DEFAULT_TOLERANCES, ...options };
  const gaps: GapSplit[] = [];
  const tight = {
    ...options,
    rtol: TIGHTER * rtol,
    atol: TIGHTER * atol,
    tEnd: first.t,
    onSegment: async (segment: Segment) => {
      for (const descent of descents) {
        const split = await splitGap(descent, segment);
        if (split !== null) gaps.push(split);
      }
      return undefined;
    },
  };
  const second = await integrate(tight);
  const error = second.status === "reachedEnd" ? distance(first.theta, second.theta) : null;
  const relative = (size: number) => (error === null || size === 0 ? null : error / size);
  return {
    rtol,
    tighterRtol: TIGHTER * rtol,
    gradientEvaluations: second.evaluations,
    status: second.status,
    error,
    relativeToParameters: relative(distance(second.theta, new Float64Array(theta0.length))),
    relativeToDistance: relative(distance(second.theta, theta0)),
    gaps,
    ...(second.events?.forcedSteps && { forcedSteps: second.events.forcedSteps }),
  };
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
