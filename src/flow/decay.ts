/** The exponential rate of ‖r(t)‖², fitted over a window, beside what the gradient itself says. */
import type { Observation } from "./observer.js";

export interface DecayFit {
  readonly window: readonly [from: number, to: number];
  /** ‖r‖² ∝ e^{−rate·t} */
  readonly rate: number;
  readonly rSquared: number;
  /** Mean of 4cλ_eff over the window: equals the mean of −d ln‖r‖²/dt exactly, so it checks the fit. */
  readonly meanRateFromLambdaEff: number;
}

/**
 * Least squares of ln‖r‖² against t over the recorded times in the window, each weighted with the time it stands for
 * (trapezoid), so that logarithmic recording does not favour early times. Null with fewer than three usable times.
 */
export function fitDecay(
  observations: readonly Observation[],
  factor: number,
  window: readonly [number, number],
): DecayFit | null {
  const points = observations
    .filter(({ t, loss }) => t >= window[0] && t <= window[1] && loss > 0)
    .map(({ t, loss, lambdaEff }) => ({
      t,
      y: Math.log(loss) - Math.log(factor),
      rate: 4 * factor * (lambdaEff as number),
    }));
  if (points.length < 3) return null;
  const weights = points.map(({ t }, i) => ((points[i + 1]?.t ?? t) - (points[i - 1]?.t ?? t)) / 2);
  const mean = (value: (point: (typeof points)[number]) => number): number =>
    points.reduce((sum, point, i) => sum + (weights[i] as number) * value(point), 0) /
    weights.reduce((p, q) => p + q, 0);
  const meanT = mean(({ t }) => t);
  const meanY = mean(({ y }) => y);
  const varianceT = mean(({ t }) => (t - meanT) ** 2);
  const varianceY = mean(({ y }) => (y - meanY) ** 2);
  const covariance = mean(({ t, y }) => (t - meanT) * (y - meanY));
  if (!(varianceT > 0)) return null;
  return {
    window: [points[0]!.t, points[points.length - 1]!.t],
    rate: -covariance / varianceT,
    rSquared: varianceY === 0 ? 1 : covariance ** 2 / (varianceT * varianceY),
    meanRateFromLambdaEff: mean(({ rate }) => rate),
  };
}
