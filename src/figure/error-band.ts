/**
 * The band round the loss of a flow under flow.errorCheck: to either side as far as the loss of the second run, at tighter tolerances, is
 * off. It measures the error of the first run as well as the second run attained its own tolerance, and the words below it say whether it did.
 */
import { formatNumber } from "./axis.js";
import type { Point } from "./curves.js";
import { interpolate } from "./interpolate.js";

export interface Ends {
  readonly low: number;
  readonly high: number;
}

/** The losses of the second run as points, from the columns of `error-check.csv`. */
export function tighterPoints({
  t,
  tighterLoss,
}: {
  readonly t: Float64Array;
  readonly tighterLoss: Float64Array;
}): Point[] {
  return Array.from(t, (time, k) => ({ t: time, value: tighterLoss[k]! }));
}

/** The band at a point: of no width where the second run has no loss. On a log axis it reaches equal factors up and down. */
export function bandAt({ t, value }: Point, tighter: readonly Point[], isLog: boolean): Ends {
  const other = interpolate({ points: tighter }, t, isLog);
  const off = Math.abs(value - (other?.value ?? value));
  if (!Number.isFinite(off)) return { low: value, high: value };
  if (!isLog || !(value > 0)) return { low: value - off, high: value + off };
  const factor = 1 + off / value;
  return { low: value / factor, high: value * factor };
}

/** What a caption says of the second runs. */
export interface SecondRun {
  readonly tighterRtol: number;
  readonly forcedSteps?: number | undefined;
}

/** What the band is. */
export function describeBand(seconds: readonly SecondRun[]): string {
  const rtols = [...new Set(seconds.map(({ tighterRtol }) => formatNumber(tighterRtol)))];
  return `The shade reaches above and below the flow by the difference between its loss and that of a second run, at rtol ${rtols.join(" or ")}. Where no shade is seen, the difference is smaller than half the width of the line.`;
}

/** Where it is no measure of the error; empty where all second runs attained their tolerances. */
export function bandDoubts(seconds: readonly SecondRun[]): string[] {
  const missed = seconds.filter(({ forcedSteps = 0 }) => forcedSteps > 0).length;
  if (missed === 0) return [];
  return [
    seconds.length === 1
      ? "the second run missed its own tolerance: the shade is no measure of the error"
      : `${missed} of ${seconds.length} second runs missed their own tolerance: their shade is no measure of the error`,
  ];
}
