/** The error that a run made, measured by a second one at tighter tolerances. */
import { distance, type FlowOptions, type FlowOutcome } from "../flow/index.js";
import type { ErrorCheckResult } from "../record/result.js";

/** The second run's tolerances relative to the first's: its own error is then small beside what it measures. */
const TIGHTER = 0.1;

/** Integrates again as `integrate` does, and compares the ends. */
export async function checkError(
  integrate: (options: FlowOptions) => Promise<FlowOutcome>,
  options: Omit<FlowOptions, "onSegment">,
  first: FlowOutcome,
): Promise<ErrorCheckResult> {
  const { theta0, rtol = 1e-6, atol = 1e-9 } = options;
  const tight = {
    ...options,
    rtol: TIGHTER * rtol,
    atol: TIGHTER * atol,
    tEnd: first.t,
    onSegment: async () => undefined,
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
  };
}
