/** The exponential rate of ‖r(t)‖², fitted over a window, beside what the gradient itself says. */
import type { Observation } from "./observer.js";

export interface DecayFit {
  readonly window: readonly [from: number, to: number];
  /** ‖r‖² ∝ e^{−rate·t} */
  readonly rate: number;
  readonly rSquared: number;
  /** Mean of 4cλ_eff over the window: equals the mean of −d ln‖r‖²/dt exactly, so it checks the fit. */
  readonly meanRateFromLambdaEff: number;
  /** The mean rate of each third of the window, between rows: as many as the rows tell apart. */
  readonly rates: readonly number[];
  /** By how much ln‖r‖² falls over the window. */
  readonly logFall: number;
  readonly law: DecayLaw;
}

/**
 * Whether one rate holds over the window: `exponential` and `nearly` say so, `varying` that it does not. `untold` where too few rows or too small a
 * fall tell an exponential from a power of t.
 */
export type DecayLaw = "exponential" | "nearly" | "varying" | "untold";

/** The thirds' rates may differ by this part of their mean, and 1 − R² be this large, where the decay counts as exponential or nearly so. */
const EXPONENTIAL = { change: 0.05, off: 0.01 };
const NEARLY = { change: 0.25, off: 0.1 };
/** A fall by less proves less, in proportion: over a short stretch every curve is straight. */
const TENFOLD = Math.log(10);

/**
 * A law t^−p has rate p/t: over a fall by ln F its rate changes by about ln F/p, in thirds' means by two thirds of that. So `exponential` admits no
 * power below 30 and `nearly` none below 6, whatever the window.
 */
function judgeLaw(rates: readonly number[], logFall: number, rSquared: number): DecayLaw {
  if (!(logFall > 0)) return "varying";
  if (rates.length < 3) return "untold";
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
  const change = (Math.max(...rates) - Math.min(...rates)) / mean;
  const weight = Math.min(1, logFall / TENFOLD);
  const meets = (limit: typeof NEARLY) => change <= weight * limit.change && 1 - rSquared <= limit.off;
  if (meets(EXPONENTIAL)) return "exponential";
  if (meets(NEARLY)) return "nearly";
  return mean > 0 && change <= NEARLY.change ? "untold" : "varying";
}

/** What the fit needs of an observation. */
type DecayRow = Pick<Observation, "t" | "loss" | "lambdaEff">;

/**
 * Up to when the rows of a flow resolve its residual: until ‖r‖ comes within what the error of one step makes by itself, ‖J‖·`stepError`, or
 * what rounding does. λ_eff = rᵀGr/‖r‖² is never above ‖J‖²; its largest value so far stands for it, since r begins with a part in every mode.
 * @param stepError ‖atol + rtol|θ|‖; 0 for fixed steps, which nothing controls
 * @param rounding by how much rounding may move a loss of this size
 */
export function collectResolved(factor: number, stepError: number, rounding: (loss: number) => number) {
  let steepest = 0;
  let last = 0;
  let isCut = false;
  return {
    add({ t, loss, lambdaEff }: DecayRow): void {
      if (isCut) return;
      steepest = Math.max(steepest, lambdaEff ?? 0);
      isCut = loss <= factor * steepest * stepError ** 2 || loss <= rounding(loss);
      if (!isCut) last = t;
    },
    /** The last time of a row before the first that is not resolved; null where all rows are. */
    result: (): number | null => (isCut ? last : null),
  };
}

/** `collectDecay` over rows at hand. */
export function fitDecay(
  observations: Iterable<DecayRow>,
  factor: number,
  window: readonly [number, number],
): DecayFit | null {
  const { add, result } = collectDecay(factor, window);
  for (const row of observations) add(row);
  return result();
}

/**
 * Least squares of ln‖r‖² against t over the recorded times in the window, each weighted with the time it stands for
 * (trapezoid), so that logarithmic recording does not favour early times. Takes the rows one by one, in order of time, and keeps
 * moments alone, updated about the running mean (D. H. D. West, Comm. ACM 22 (1979) 532). Null with fewer than three usable times.
 */
export function collectDecay(factor: number, [from, to]: readonly [number, number]) {
  let count = 0;
  let first = 0;
  /** The first row of each third. */
  const starts: DecayRow[] = [];
  /** The row whose weight is not known before the next, and the time before it. */
  let pending: DecayRow | null = null;
  let before = 0;
  let weight = 0;
  let [meanT, meanY, meanRate, varT, varY, covariance] = [0, 0, 0, 0, 0, 0];

  const settle = ({ t, loss, lambdaEff }: DecayRow, after: number): void => {
    const w = (after - before) / 2;
    before = t;
    if (w === 0) return;
    weight += w;
    const y = Math.log(loss) - Math.log(factor);
    const [dT, dY] = [t - meanT, y - meanY];
    meanT += (w / weight) * dT;
    meanY += (w / weight) * dY;
    meanRate += (w / weight) * (4 * factor * (lambdaEff as number) - meanRate);
    varT += w * dT * (t - meanT);
    varY += w * dY * (y - meanY);
    covariance += w * dT * (y - meanY);
  };
  return {
    add(row: DecayRow): void {
      if (!(row.t >= from && row.t <= to && row.loss > 0)) return;
      if (pending === null) {
        first = row.t;
        before = row.t;
      } else settle(pending, row.t);
      if (row.t >= first + (starts.length * (to - first)) / 3) starts.push(row);
      pending = row;
      count++;
    },
    /** To be asked once, after the last row. */
    result(): DecayFit | null {
      if (pending === null || count < 3) return null;
      settle(pending, pending.t);
      if (!(varT > 0)) return null;
      // At most 1 by Cauchy and Schwarz; where the loss moves by its rounding alone the moments do not know that.
      const rSquared = varY === 0 ? 1 : Math.min(1, covariance ** 2 / (varT * varY));
      const ends = [...starts.slice(0, 3).filter(({ t }) => t < pending!.t), pending];
      const rates = ends.slice(1).map((row, k) => Math.log(ends[k]!.loss / row.loss) / (row.t - ends[k]!.t));
      const logFall = Math.log(ends[0]!.loss / pending.loss);
      return {
        window: [first, pending.t],
        rate: -covariance / varT,
        rSquared,
        meanRateFromLambdaEff: meanRate,
        rates,
        logFall,
        law: judgeLaw(rates, logFall, rSquared),
      };
    },
  };
}
