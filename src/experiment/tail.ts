/** Whether a loss followed by `clock: log` has the tail that the clock is for, which falls like 1/t: asked at the end, by the slope there. */
import type { Measured, Observation, Problem } from "../flow/index.js";
import { marginsOf } from "../measure/index.js";
import type { Memory } from "../memory.js";
import { show } from "./findings.js";

/** −d ln L/d ln t below which L is at rest: it falls by a fifth while t grows tenfold; along a tail it falls to a tenth. */
const AT_REST = 0.1;

export interface Tail {
  /** At the ends of steps and at rows. */
  see(t: number, at: Measured): void;
  /** Where L rests above zero: its slope, and what is known to keep it there. */
  notes(problem: Problem, end: Observation, theta: Float64Array): Promise<string[]>;
}

/** −d ln L/d ln t = t‖∇L‖²/L along a gradient flow. */
const slopeAt = (t: number, { loss, speed }: Measured): number => (loss > 0 ? t * speed * (speed / loss) : 0);

export function watchTail(memory: Memory): Tail {
  const seen = memory.keep("tail", { steepest: 0 });
  return {
    see(t, at) {
      seen.steepest = Math.max(seen.steepest, slopeAt(t, at));
    },
    async notes(problem, end, theta) {
      const slope = slopeAt(end.t, { loss: end.loss, speed: end.gradientNorm });
      // The slope of a flow that has just begun is as small, and grows.
      const hasSettled = slope === 0 || slope < seen.steepest / 2;
      if (!(end.t > 0 && slope < AT_REST && hasSettled)) return [];
      return [
        `flow.clock: log is for losses that fall like 1/t. At the end, t = ${show(end.t)}, L = ${show(end.loss)} ${slope > 0 ? `falls like t^−${show(slope)}` : "does not fall"}: ${await whyAtRest(problem, theta)} Without flow.clock the same flow is had at the same times.`,
      ];
    },
  };
}

async function whyAtRest({ family, data, predict }: Problem, theta: Float64Array): Promise<string> {
  const { criterion, network, samples } = family;
  if (criterion.regularisation !== null) return "weight decay keeps it above zero.";
  if (!criterion.vanishes) return "labels that are not certain keep it above zero.";
  const outputs = new Float64Array(samples * network.outputs);
  await predict(theta, outputs);
  const margins = marginsOf({ family, targets: data["y"] as Float64Array }, outputs);
  const wrong = margins.filter((margin) => !(margin > 0)).length;
  return wrong === 0
    ? "all margins are positive, and yet the gradient is small beside the loss."
    : `${wrong} of ${margins.length} margins are not positive, so the network does not separate the data there.`;
}
