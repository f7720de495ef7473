/** Rows of the flow's series at chosen times, with the free identities: energy balance and effective rate. */
import type { Problem } from "./problem.js";
import { distance, type FlowCounts, type Segment } from "./smooth.js";

/** The state of the flow at one recorded time. */
export interface Observation {
  readonly t: number;
  /** τ = 2ct, the time of the `half-sum` loss. */
  readonly canonicalTime: number;
  readonly loss: number;
  /** ‖r‖ = √(L/c) */
  readonly residualNorm: number;
  /** ‖θ'‖, which is ‖∇L‖ where the flow does not slide. */
  readonly gradientNorm: number;
  /** λ_eff = ‖θ'‖²/(4cL) */
  readonly lambdaEff: number;
  /** |L(0) − L(t) − ∫‖θ'‖²| / (L(0) − L(t)); null where the loss has not fallen. */
  readonly energyDefect: number | null;
  readonly stepSize: number | null;
  readonly gradientEvaluations: number;
  readonly acceptedSteps: number;
  /** ‖θ(t) − θ(0)‖ */
  readonly parameterDistance: number;
  /** λ_max(∇²L) as last measured for the solver, within a few per cent; null where it measures none. */
  readonly sharpness: number | null;
}

export interface Observer {
  readonly observations: readonly Observation[];
  /** Records t = 0. */
  start(): Promise<Observation>;
  follow(segment: Segment, counts: FlowCounts): Promise<void>;
  /** Records the end of the run where it fell short of a planned time. */
  finish(): Promise<Observation>;
}

/** Gradients spent on looking: one per recorded time inside a step. Kept apart from the solver's. */
export function createObserver(options: {
  readonly problem: Problem;
  readonly theta0: Float64Array;
  /** Times to record, increasing; null records the end of every step. */
  readonly times: readonly number[] | null;
  readonly measure: Segment["measure"];
  readonly onObservation: (observation: Observation) => void;
}): Observer {
  const { problem, theta0, times, onObservation } = options;
  const { factor } = problem.family;
  const theta = theta0.slice();
  const observations: Observation[] = [];
  let energy = 0;
  let next = 0;
  let initialLoss = 0;
  let last: {
    segment: Pick<Segment, "measure" | "t1" | "h">;
    theta: Float64Array;
    counts: FlowCounts;
  } | null = null;

  const observe = async (
    t: number,
    state: Float64Array,
    spent: number,
    measure: Segment["measure"],
    h: number | null,
    counts: FlowCounts,
  ): Promise<Observation> => {
    const { loss, speed } = await measure(state);
    if (t === 0) initialLoss = loss;
    const drop = initialLoss - loss;
    const observation: Observation = {
      t,
      canonicalTime: 2 * factor * t,
      loss,
      residualNorm: Math.sqrt(loss / factor),
      gradientNorm: speed,
      lambdaEff: speed ** 2 / (4 * factor * loss),
      energyDefect: drop > 0 ? Math.abs(drop - spent) / drop : null,
      stepSize: h,
      gradientEvaluations: counts.gradients,
      acceptedSteps: counts.accepted,
      parameterDistance: distance(state, theta0),
      sharpness: counts.sharpness ?? null,
    };
    observations.push(observation);
    onObservation(observation);
    return observation;
  };

  return {
    observations,
    start: () => observe(0, theta0, 0, options.measure, null, { gradients: 0, accepted: 0, rejected: 0 }),
    async follow(segment, counts) {
      const due = times === null ? [segment.t1] : times;
      if (times === null) next = 0;
      for (; next < due.length && (due[next] as number) <= segment.t1; next++) {
        const t = due[next] as number;
        await segment.interpolate(t, theta);
        await observe(t, theta, energy + segment.energy(t), segment.measure, segment.h, counts);
      }
      energy += segment.energy(segment.t1);
      last = {
        segment: { measure: segment.measure, t1: segment.t1, h: segment.h },
        theta: segment.theta1,
        counts,
      };
    },
    async finish() {
      const latest = observations[observations.length - 1] as Observation;
      if (last === null || latest.t === last.segment.t1) return latest;
      return observe(last.segment.t1, last.theta, energy, last.segment.measure, last.segment.h, last.counts);
    },
  };
}
