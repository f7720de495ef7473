/** Rows of the flow's series at chosen times, with the free identities: energy balance and effective rate. */
import { Memory } from "../memory.js";
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
  /** Goes on from its memory, with what the flow measures by where it is. */
  resume(measure: Segment["measure"]): void;
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
  readonly memory?: Memory;
}): Observer {
  const { problem, theta0, times, onObservation } = options;
  const { factor } = problem.family;
  const theta = theta0.slice();
  const state = (options.memory ?? new Memory()).keep("observer", {
    observations: [] as Observation[],
    /** ∫‖θ'‖² to the end of the last segment. */
    energy: 0,
    /** Times observed. */
    next: 0,
    initialLoss: 0,
    /** The end of the last segment. */
    reached: null as { t: number; theta: Float64Array; h: number; counts: FlowCounts } | null,
  });
  const { observations } = state;
  let { measure } = options;

  const observe = async (
    t: number,
    point: Float64Array,
    spent: number,
    h: number | null,
    counts: FlowCounts,
  ): Promise<Observation> => {
    const { loss, speed } = await measure(point);
    if (t === 0) state.initialLoss = loss;
    const drop = state.initialLoss - loss;
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
      parameterDistance: distance(point, theta0),
      sharpness: counts.sharpness ?? null,
    };
    observations.push(observation);
    onObservation(observation);
    return observation;
  };

  return {
    observations,
    start: () => observe(0, theta0, 0, null, { gradients: 0, accepted: 0, rejected: 0 }),
    resume(measureThere) {
      measure = measureThere;
    },
    async follow(segment, counts) {
      measure = segment.measure;
      const due = times === null ? [segment.t1] : times;
      if (times === null) state.next = 0;
      for (; state.next < due.length && (due[state.next] as number) <= segment.t1; state.next++) {
        const t = due[state.next] as number;
        await segment.interpolate(t, theta);
        await observe(t, theta, state.energy + segment.energy(t), segment.h, counts);
      }
      state.energy += segment.energy(segment.t1);
      state.reached = {
        t: segment.t1,
        // Of a resident flow it travels only if it is looked at.
        get theta() {
          return segment.theta1;
        },
        h: segment.h,
        counts,
      };
    },
    async finish() {
      const latest = observations[observations.length - 1] as Observation;
      const { reached, energy } = state;
      if (reached === null || latest.t === reached.t) return latest;
      return observe(reached.t, reached.theta, energy, reached.h, reached.counts);
    },
  };
}
