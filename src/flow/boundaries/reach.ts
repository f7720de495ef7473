/** The first event of a step, gone to: the one found on the way, or the one that a short step has aimed at. Decides nothing there. */
import type { Failure, Step } from "../../ode/index.js";
import { type Ahead, type Approach, ending, type Stretch, stepToEvent } from "./approach.js";
import type { Instants } from "./instants.js";
import type { ShortStep } from "./short-step.js";
import { slidingWeights } from "./weights.js";

/** An event this part of a short step before its end is the one that it was aimed at. */
const AIMED = 1e-6;
/** Times that an exit is put off where on the boundaries the weight that leaves is still inside. */
const MAX_DELAYS = 4;

/** @param endWeights those of the sliding entries at the end of the step */
export async function reach(
  approach: Approach,
  { hold }: Instants,
  step: Step<Float64Array> | ShortStep,
  found: Ahead | null,
  endWeights: readonly number[],
): Promise<Stretch | Failure> {
  const { field, kinks } = approach;
  if (!("lead" in step)) return found === null ? ending(step) : stepToEvent(approach, found, step);
  const { lead, t1 } = step;
  if (lead !== null && (found === null || t1 - found.t <= AIMED * step.h))
    return { ...ending(step), event: { t: t1, lead } };
  if (found === null) return ending(step);
  const theta1 = new Float64Array(step.y1.length);
  let { t } = found;
  for (let k = 0; ; k++) {
    await step.interpolate(t, theta1);
    await hold(theta1, field.pattern.sliding);
    if (found.lead !== null || k === MAX_DELAYS) break;
    const delay = delayOf(await slidingWeights(field, kinks, theta1), endWeights);
    if (!(delay > 0)) break;
    t += delay * (step.t1 - t);
  }
  return { step, t1: t, theta1, event: { ...found, t } };
}

/**
 * The part of the rest of a step after which the first weight reaches its end, where `now` none has, 0 where one has; `later` are those at
 * the end of the step. One let go too early turns back.
 */
function delayOf(now: readonly number[], later: readonly number[]): number {
  const delays = now.map((weight, s) => {
    const end = later[s]! < weight ? 0 : 1;
    return Math.max(0, (end - weight) / (later[s]! - weight));
  });
  const first = Math.min(...delays);
  return first < 1 ? first : 0;
}
