/**
 * When a flow ends before its time: its loss has fallen far enough, or it hardly moves. The instant is located on the dense output,
 * so that it depends on the tolerance and not on where steps happen to end.
 */
import { nextTrial } from "../ode/index.js";
import type { Problem } from "./problem.js";
import type { FlowEnd, FlowStatus, Measured, Segment } from "./segment.js";

/** Each absent condition is never met. */
export interface StopWhen {
  /** L(t) ≤ L(0)/lossFactor */
  readonly lossFactor?: number;
  /** ‖θ'‖ ≤ gradientNorm */
  readonly gradientNorm?: number;
  /** ‖θ'(t)‖ ≤ ‖θ'(0)‖/gradientFactor */
  readonly gradientFactor?: number;
}

export interface StopRule {
  /** The end at t = 0 where a condition holds there already. */
  atStart(): FlowEnd | null;
  /** The first end inside a segment, by what holds at its end: one gradient there if unknown, and one for each trial. */
  find(segment: Segment): Promise<FlowEnd | null>;
}

/** A time and ln(value/limit) there. */
type Trial = readonly [t: number, excess: number];

interface Condition {
  readonly status: FlowStatus;
  readonly of: (measured: Measured) => number;
  readonly limit: number;
  readonly sentence: string;
}

/** The value at the end found lies below the limit by at most this part of it: some hundred roundings. */
const CLOSE = 1e-13;
/** Trials by which bisection alone exhausts the digits of t. */
const MAX_TRIALS = 80;

/** @param first loss and ‖θ'‖ at t = 0 */
export function createStopRule(problem: Problem, when: StopWhen, first: Measured): StopRule {
  const conditions = conditionsOf(when, first);
  const end = ({ status, sentence }: Condition, t: number): FlowEnd => ({
    status,
    t,
    message: `${sentence} at t = ${t}.`,
  });
  return {
    atStart() {
      const met = conditions.find(({ of, limit }) => of(first) <= limit);
      return met === undefined ? null : end(met, 0);
    },
    async find(segment) {
      if (conditions.length === 0) return null;
      const last = segment.known ?? (await segment.measure(segment.theta1));
      let earliest: FlowEnd | null = null;
      for (const condition of conditions) {
        if (!(condition.of(last) <= condition.limit)) continue;
        const t = await locate(problem, segment, condition, last);
        if (earliest === null || t < earliest.t) earliest = end(condition, t);
      }
      return earliest;
    },
  };
}

function conditionsOf({ lossFactor, gradientNorm, gradientFactor }: StopWhen, first: Measured): Condition[] {
  const conditions: Condition[] = [];
  if (lossFactor !== undefined)
    conditions.push({
      status: "lossReached",
      of: ({ loss }) => loss,
      limit: first.loss / lossFactor,
      sentence: `the loss has fallen by the factor ${lossFactor}`,
    });
  const slow = (limit: number, sentence: string): Condition => ({
    status: "stationary",
    of: ({ speed }) => speed,
    limit,
    sentence,
  });
  if (gradientNorm !== undefined) conditions.push(slow(gradientNorm, `‖∇L‖ has fallen to ${gradientNorm}`));
  if (gradientFactor !== undefined)
    conditions.push(slow(first.speed / gradientFactor, `‖∇L‖ has fallen by the factor ${gradientFactor}`));
  return conditions;
}

/** The first time found in (t0, t1] at which the value is at its limit, or so little below that it could be no closer. */
async function locate(
  problem: Problem,
  segment: Segment,
  { of, limit }: Condition,
  last: Measured,
): Promise<number> {
  const theta = new Float64Array(problem.family.layout.size);
  const excess = (measured: Measured) => Math.log(of(measured) / limit);
  const at = async (t: number): Promise<number> => {
    await segment.interpolate(t, theta);
    return excess(await segment.measure(theta));
  };
  const start = [segment.t0, await at(segment.t0)] as const;
  if (start[1] <= 0) return segment.t0;
  let newest: Trial = [segment.t1, excess(last)];
  let other: Trial = start;
  let third: Trial | null = null;
  const isBelow = ([, value]: Trial) => value <= 0;
  const below = () => (isBelow(newest) ? newest : other);
  for (let k = 0; k < MAX_TRIALS && below()[1] < -CLOSE; k++) {
    const t = nextTrial(newest, other, third, Number.EPSILON * segment.t1);
    if (!((t - newest[0]) * (t - other[0]) < 0)) break;
    const trial = [t, await at(t)] as const;
    if (isBelow(trial) === isBelow(newest)) third = newest;
    else [third, other] = [other, newest];
    newest = trial;
  }
  return below()[0];
}
