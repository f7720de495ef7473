/** Rows of the flow's series at chosen times, with the free identities: energy balance and effective rate. */

import { distance } from "../linalg/norm.js";
import { Memory } from "../memory.js";
import type { Problem } from "./problem.js";
import { type Rise, type RiseState, seeLoss } from "./rise.js";
import type { FlowCounts, FlowEnd, Measured, Segment } from "./segment.js";

/** The state of the flow at one recorded time. */
export interface Observation {
  readonly t: number;
  /** τ = 2ct, the time of the `half-sum` loss. Null, as `residualNorm` and `lambdaEff`, unless L = c‖r‖². */
  readonly canonicalTime: number | null;
  /** With what weight decay adds. */
  readonly loss: number;
  /** ln t (null at t = 0) and ln L; only in the clock of ln L. */
  readonly logTime?: number | null;
  readonly logLoss?: number;
  /** Without it; absent where there is none. */
  readonly dataLoss?: number;
  /** ‖r‖ = √(L/c) */
  readonly residualNorm: number | null;
  /** ‖θ'‖, which is ‖∇L‖ where the flow does not slide. */
  readonly gradientNorm: number;
  /** λ_eff = ‖θ'‖²/(4cL); null where the loss is zero. */
  readonly lambdaEff: number | null;
  /**
   * |L(0) − L(t) − ∫‖θ'‖²| relative to what the loss fell by; where it did not fall, to the larger of its rise and ∫‖θ'‖², and so at
   * least 1. Null where all of these are within the rounding of the loss.
   */
  readonly energyDefect: number | null;
  readonly stepSize: number | null;
  readonly gradientEvaluations: number;
  readonly acceptedSteps: number;
  /** ‖θ(t) − θ(0)‖ */
  readonly parameterDistance: number;
  /** λ_max(∇²L) as measured at sharpnessTime ≤ t, the last since the row before; null where nobody measured. Never above λ_max. */
  readonly sharpness: number | null;
  readonly sharpnessTime: number | null;
}

export interface Observer {
  /** At t = 0, and the latest; null before. What lies between is handed on and not kept. */
  readonly first: Observation | null;
  readonly last: Observation | null;
  /** The largest rise of the loss, by more than rounding and the tolerance. */
  readonly rise: Rise | null;
  /** Records t = 0; null, and no row, where loss or ‖∇L‖² is not finite. */
  start(): Promise<Observation | null>;
  /** Goes on from its memory, with what the flow measures by where it is. */
  resume(measure: Segment["measure"]): void;
  /** The last good time, as the end of the run, where loss, ‖θ'‖² or its integral stop being finite; else null. */
  follow(segment: Segment, counts: FlowCounts): Promise<FlowEnd | null>;
  /** Records the end of the run where it fell short of a planned time. */
  finish(): Promise<Observation | null>;
}

const NO_COUNTS: FlowCounts = { gradients: 0, accepted: 0, rejected: 0 };

/** No loss is negative, but with pieces held on its kink a hinge may come out below zero by the distance of contact. */
const nonNegative = (measured: Measured): Measured =>
  measured.loss < 0 ? { ...measured, loss: 0 } : measured;

/** Gradients spent on looking: one per recorded time inside a step. Kept apart from the solver's. */
export function createObserver(options: {
  readonly problem: Problem;
  readonly theta0: Float64Array;
  /** Times to record, increasing; null records the end of every step. */
  readonly times: readonly number[] | null;
  readonly measure: Segment["measure"];
  /** Relative tolerance of the flow: rises of the loss within it are no finding. Default 0. */
  readonly tolerance?: number;
  /**
   * @param theta the state there, valid during the call, which is awaited
   * @param gradient −θ' there, where the flow may slide
   */
  readonly onObservation: (observation: Observation, theta: Float64Array, gradient?: Float64Array) => unknown;
  readonly memory?: Memory;
}): Observer {
  const { problem, theta0, times, onObservation, tolerance = 0 } = options;
  const { factor, criterion } = problem.family;
  const theta = theta0.slice();
  const state = (options.memory ?? new Memory()).keep("observer", {
    first: null as Observation | null,
    last: null as Observation | null,
    /** ∫‖θ'‖² to the end of the last segment. */
    energy: 0,
    /** Times observed. */
    next: 0,
    initialLoss: 0,
    initialLogLoss: null as number | null,
    /** Of the last measurement of the sharpness that a row holds. */
    sharpnessTime: Number.NEGATIVE_INFINITY,
    rise: { least: null, largest: null } as RiseState,
    /** The end of the last segment. */
    reached: null as { t: number; theta: Float64Array; h: number; counts: FlowCounts } | null,
  });
  let { measure } = options;

  // On a kink of its own a loss follows an error of the outputs at first order, the tolerated one too.
  const rounding =
    criterion.site === null
      ? problem.lossRounding
      : (loss: number) => Math.max(problem.lossRounding(loss), problem.lossRounding(loss, tolerance));
  const see = (t: number, measured: Measured): void =>
    seeLoss(state.rise, t, nonNegative(measured), { rounding, tolerance });

  const takeSharpness = (t: number, { sharpness }: FlowCounts) => {
    if (!sharpness || sharpness.t > t || sharpness.t <= state.sharpnessTime) return NO_SHARPNESS;
    state.sharpnessTime = sharpness.t;
    return { sharpness: sharpness.value, sharpnessTime: sharpness.t };
  };

  /** Null, and no row, where the numbers have failed. */
  const observe = async (
    t: number,
    point: Float64Array,
    spent: number,
    h: number | null,
    counts: FlowCounts,
  ): Promise<Observation | null> => {
    const measured = nonNegative(await measure(point));
    if (!(isSound(measured) && Number.isFinite(spent))) return null;
    const { loss, speed, logLoss } = measured;
    if (t === 0) {
      state.initialLoss = loss;
      state.initialLogLoss = logLoss ?? null;
    }
    see(t, measured);
    const observation: Observation = {
      t,
      canonicalTime: factor === null ? null : 2 * factor * t,
      loss,
      ...(criterion.regularisation !== null && { dataLoss: await problem.dataLoss(point) }),
      residualNorm: factor === null ? null : Math.sqrt(loss) / Math.sqrt(factor),
      gradientNorm: speed,
      lambdaEff:
        factor !== null && loss > 0 ? (speed / (2 * Math.sqrt(factor) * Math.sqrt(loss))) ** 2 : null,
      energyDefect:
        logLoss === undefined
          ? energyDefect(problem, state.initialLoss, loss, spent)
          : logEnergyDefect(state.initialLogLoss as number, logLoss, spent),
      stepSize: h,
      gradientEvaluations: counts.gradients,
      acceptedSteps: counts.accepted,
      parameterDistance: distance(point, theta0),
      ...(logLoss !== undefined && { logTime: t > 0 ? Math.log(t) : null, logLoss }),
      ...takeSharpness(t, counts),
    };
    state.first ??= observation;
    state.last = observation;
    await onObservation(observation, point, measured.gradient);
    return observation;
  };

  const failure = (t: number, beyond: number): FlowEnd => ({
    t,
    status: "nonFinite",
    message: `loss or ‖∇L‖² is no longer a finite number at t = ${beyond}; the last good state is that at t = ${t}.`,
  });

  return {
    get first() {
      return state.first;
    },
    get last() {
      return state.last;
    },
    get rise() {
      return state.rise.largest;
    },
    start: () => observe(0, theta0, 0, null, NO_COUNTS),
    resume(measureThere) {
      measure = measureThere;
    },
    async follow(segment, counts) {
      const { t0, t1, h, known } = segment;
      if (known !== null && !isSound(known)) return failure(t0, t1);
      measure = segment.measure;
      const due = times === null ? [t1] : times;
      if (times === null) state.next = 0;
      let good = t0;
      for (; state.next < due.length && (due[state.next] as number) <= t1; state.next++) {
        const t = due[state.next] as number;
        await segment.interpolate(t, theta);
        const energy = state.energy + segment.energy(t);
        if ((await observe(t, theta, energy, h, counts)) === null) {
          if (good > t0) {
            await segment.interpolate(good, theta);
            state.reached = { t: good, theta, h, counts };
          }
          return failure(good, t);
        }
        good = t;
      }
      if (known !== null) see(t1, known);
      state.energy += segment.energy(t1);
      if (!Number.isFinite(state.energy)) return failure(good, t1);
      state.reached = {
        t: t1,
        // Of a resident flow it travels only if it is looked at.
        get theta() {
          return segment.theta1;
        },
        h,
        counts,
      };
      return null;
    },
    async finish() {
      const latest = state.last;
      const { reached, energy } = state;
      if (reached === null || latest?.t === reached.t) return latest;
      return (await observe(reached.t, reached.theta, energy, reached.h, reached.counts)) ?? latest;
    },
  };
}

/** |L(0) − L(t) − ∫‖θ'‖²| as an observation has it. @param spent ∫‖θ'‖² */
export function energyDefect(
  problem: Problem,
  initialLoss: number,
  loss: number,
  spent: number,
): number | null {
  const drop = initialLoss - loss;
  const rounding = problem.lossRounding(Math.max(initialLoss, loss));
  if (Math.max(Math.abs(drop), spent) <= rounding) return null;
  const defect = Math.abs(drop - spent) / (drop > 0 ? drop : Math.max(spent, -drop));
  return Math.min(defect, Number.MAX_VALUE);
}

/** The same of a flow of ln L, whose energy is ∫‖∇ln L‖² dτ; ln L is a number near its rounding where it moves by less than that. */
function logEnergyDefect(initial: number, logLoss: number, spent: number): number | null {
  const drop = initial - logLoss;
  if (Math.max(Math.abs(drop), spent) <= LOG_ROUNDING * (1 + Math.abs(logLoss))) return null;
  return Math.min(Math.abs(drop - spent) / (drop > 0 ? drop : Math.max(spent, -drop)), Number.MAX_VALUE);
}

/** Part of the logits by which rounding moves ln L: some fifty roundings. */
const LOG_ROUNDING = 2 ** -46;

const NO_SHARPNESS = { sharpness: null, sharpnessTime: null };

/** ‖θ'‖² is the rate of the loss: where it overflows the numbers have failed as much as where the loss does. */
function isSound({ loss, speed }: Measured): boolean {
  return Number.isFinite(loss) && Number.isFinite(speed ** 2);
}
