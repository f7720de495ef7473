/**
 * Stepwise stability: descents at single learning rates, judged by what their losses did over the steps taken, and the search for the largest rate that
 * passes. A verdict is about those steps, never about later ones. Knows nothing of curvature.
 */
import { Memory } from "../memory.js";
import { DIVERGENCE_FACTOR } from "./descent.js";
import type { DescentLaw } from "./descent-law.js";
import { createIterate } from "./iterate.js";
import type { Problem } from "./problem.js";

/** A descent at one learning rate. */
export interface Trial {
  readonly learningRate: number;
  /** L(θ_0) … L(θ_K), as far as it went. */
  readonly losses: readonly number[];
  /** θ_K */
  readonly theta: Float64Array;
  /** The first k with L(θ_k) > L(θ_{k−1}) by more than rounding; null where the loss never rose. */
  readonly risesAt: number | null;
  /** Not finite, or a million times the first loss. */
  readonly divergedAt: number | null;
}

/** How L − L* falls over the last three quarters of the steps. */
export interface LinearFall {
  /** First and last step looked at: the last is that at which L − L* comes to its rounding, or the last of all. */
  readonly window: readonly [from: number, to: number];
  /** ρ: the mean over the window's three thirds of the least-squares slope of −ln(L − L*) per step. */
  readonly rate: number;
  /** The slope of the last third over ρ: 1 where the fall is linear, 0.62 of every power law k^−p; null where L − L* vanished in too few steps to tell. */
  readonly steadiness: number | null;
  readonly holds: boolean;
}

export interface TrialOptions {
  readonly problem: Problem;
  readonly theta0: Float64Array;
  readonly law: DescentLaw;
  readonly steps: number;
  /** End at the first rise. */
  readonly untilRise?: boolean;
  /** Awaited between steps. */
  readonly pause?: () => Promise<void> | undefined;
  /** At θ_k, before the next step. */
  readonly onStep?: (step: number, theta: Float64Array) => Promise<void>;
}

export async function tryLearningRate(
  { problem, theta0, law, steps, untilRise = false, pause, onStep }: TrialOptions,
  learningRate: number,
): Promise<Trial> {
  const theta = theta0.slice();
  const iterate = createIterate(
    problem,
    { theta, gradient: new Float64Array(theta.length) },
    new Memory(),
    law,
  );
  /** Nesterov's law evaluates its gradients elsewhere. */
  const lossHere = async (evaluated: number): Promise<number> =>
    law.kind === "nesterov" ? problem.loss(iterate.read()) : evaluated;
  const losses: number[] = [];
  let [risesAt, divergedAt] = [null as number | null, null as number | null];
  for (let k = 0; ; k++) {
    await pause?.();
    const loss = await lossHere(await iterate.evaluate(k));
    losses.push(loss);
    const [first, before] = [losses[0]!, losses[k - 1] ?? Number.POSITIVE_INFINITY];
    if (!(loss <= DIVERGENCE_FACTOR * first)) divergedAt = k;
    if (risesAt === null && !(loss <= before + problem.lossRounding(Math.min(before, loss)))) risesAt = k;
    if (k === steps || divergedAt !== null || (untilRise && risesAt !== null)) break;
    await onStep?.(k, iterate.read());
    iterate.descend(learningRate);
  }
  return { learningRate, losses, theta: iterate.read(), risesAt, divergedAt };
}

/** Below this many steps of window its thirds say nothing. */
const LEAST_WINDOW = 12;
/** A power law has 0.62 in place of 1. */
const LEAST_STEADINESS = 0.75;

/** @param rounding by how much rounding may move a loss of this size */
export function judgeLinearFall(
  { losses, divergedAt }: Pick<Trial, "losses" | "divergedAt">,
  leastLoss: number,
  rounding: (loss: number) => number,
): LinearFall | null {
  if (divergedAt !== null) return null;
  const above = losses.map((loss) => loss - leastLoss);
  const floor = losses.findIndex((loss, k) => (above[k] as number) <= rounding(loss));
  const to = floor < 0 ? losses.length - 1 : floor;
  const from = Math.floor(to / 4);
  if (to - from < LEAST_WINDOW) {
    const last = Math.max(above[to] as number, rounding(losses[to] as number));
    const rate = Math.log((above[0] as number) / last) / to;
    return { window: [0, to], rate, steadiness: null, holds: floor > 0 };
  }
  const third = (to - from) / 3;
  const slopes = [0, 1, 2].map((part) =>
    slopeOfLogarithm(above, Math.round(from + part * third), Math.round(from + (part + 1) * third)),
  );
  const rate = (slopes[0]! + slopes[1]! + slopes[2]!) / 3;
  const steadiness = slopes[2]! / rate;
  // What falls by less than its rounding stands still.
  const noise = rounding(losses[to] as number) / (above[to] as number);
  const holds = slopes.every((slope) => slope * third > noise) && steadiness >= LEAST_STEADINESS;
  return { window: [from, to], rate, steadiness, holds };
}

/** Least-squares slope of −ln above over the steps from … to; the last may be an exact zero, which has no logarithm. */
function slopeOfLogarithm(above: readonly number[], from: number, to: number): number {
  const middle = (from + to) / 2;
  let [product, square] = [0, 0];
  for (let k = from; k <= to; k++) {
    const value = above[k] as number;
    if (!(value > 0)) continue;
    product += (k - middle) * -Math.log(value);
    square += (k - middle) ** 2;
  }
  return product / square;
}

/** Where the search ended: `holds` at `rate`, and not at `above`, the next rate tried. */
export interface Edge {
  /** Null where no rate passed. */
  readonly rate: number | null;
  /** Null where every rate above passed as well, up to the highest tried. */
  readonly above: number | null;
  /** The lowest rate tried below `rate`, or at all, that failed: passing is then no matter of being small enough. */
  readonly failedBelow: number | null;
}

/** Factor between neighbours of the coarse search, its range about `scale`, and doublings beyond where even its top passes. */
const COARSE = Math.SQRT2;
const TOP = 16;
const MOST_DOUBLINGS = 40;

/**
 * The largest rate that passes: from 16·scale down by factors of √2 to the first that does, then bisection towards the one above, up to a quotient of
 * 1 + tolerance. Rates between those tried may behave otherwise.
 * @param lowest part of `scale` below which nothing is tried
 */
export async function findLargest(
  passes: (rate: number) => Promise<boolean>,
  {
    scale,
    tolerance,
    lowest,
  }: { readonly scale: number; readonly tolerance: number; readonly lowest: number },
): Promise<Edge> {
  let rate = TOP * scale;
  let above: number | null = null;
  let failedBelow: number | null = null;
  if (await passes(rate)) {
    for (let k = 0; k < MOST_DOUBLINGS && above === null; k++)
      if (await passes(2 * rate)) rate *= 2;
      else above = 2 * rate;
  } else {
    do {
      above = rate;
      rate /= COARSE;
      if (rate < lowest * scale) return { rate: null, above, failedBelow: above };
    } while (!(await passes(rate)));
  }
  while (above !== null && above > rate * (1 + tolerance)) {
    const middle: number = Math.sqrt(rate) * Math.sqrt(above);
    if (middle <= rate || middle >= above) break;
    if (await passes(middle)) rate = middle;
    else above = middle;
  }
  // One look well below: nothing says that what passes here passes everywhere under it.
  for (const part of [0.5, 0.125])
    if (rate * part >= lowest * scale && !(await passes(rate * part))) failedBelow = rate * part;
  return { rate, above, failedBelow };
}
