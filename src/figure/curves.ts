/** A record's tables as the curves that figures draw: grouped, cut off at divergence, thinned to what print can show. */
import type { DescentColumn, SeriesColumn } from "../record/columns.js";
import type { RunRecord } from "../record/reader.js";
import { formatNumber } from "./axis.js";
import { descentStyle, FLOW_COLOUR, PLOT_WIDTH } from "./theme.js";

export interface Point {
  readonly t: number;
  readonly value: number;
}

export interface Curve {
  /** Its text in the legend. */
  readonly label: string;
  readonly colour: string;
  readonly dash: number[];
  readonly width: number;
  readonly points: readonly Point[];
  /** Where a diverging curve was cut off; null for a curve drawn whole. */
  readonly cut: Point | null;
}

/** A diverging curve is drawn up to this multiple of all that did not diverge: further up it would only flatten them. */
const DIVERGENCE_SHOWN = 100;

/** Whether the record's times, and so the figures' time axes, are logarithmic. */
export function hasLogTime(record: RunRecord): boolean {
  const settings = record.config["record"];
  return typeof settings === "object" && settings !== null && "at" in settings && settings.at === "log";
}

/** The flow's points of one column. */
export function flowCurve(record: RunRecord, column: SeriesColumn): Curve {
  const { t, [column]: values } = record.series;
  const points = Array.from(t, (time, k) => ({ t: time, value: values[k]! }));
  return {
    label: "gradient flow (GF)",
    colour: FLOW_COLOUR,
    dash: [1, 0],
    width: 5,
    points: drawable(points, hasLogTime(record)),
    cut: null,
  };
}

/** One curve per learning rate, the largest first. Diverging ones end where they leave `others` and their like far below. */
export function descentCurves(
  record: RunRecord,
  column: DescentColumn,
  others: readonly Curve[] = [],
): Curve[] {
  const { learningRate, step, t, [column]: values } = record.descent;
  const rates = [...new Set(learningRate)].filter(Number.isFinite).sort((a, b) => b - a);
  const whole = rates.map((rate, k): Curve & { diverged: boolean } => {
    const rows = Array.from(learningRate.keys()).filter((row) => learningRate[row] === rate);
    const outcome = record.result?.descent.find((run) => run.learningRate === rate);
    const end = outcome?.divergedAtStep ?? firstNonFiniteStep(record, rows);
    const before = rows.filter((row) => end === null || step[row]! < end);
    const points = before.map((row) => ({ t: t[row]!, value: values[row]! }));
    const verdict = end === null ? "" : ` × diverged, step ${end}`;
    const label = `GD η = ${formatNumber(rate, 6)}${verdict}`;
    const shown = drawable(points, hasLogTime(record));
    return { label, ...descentStyle(k), width: 1.6, points: shown, cut: null, diverged: end !== null };
  });
  const cap = DIVERGENCE_SHOWN * scaleOf([...others, ...whole.filter((curve) => !curve.diverged)]);
  return whole.map(({ diverged, ...curve }) => (diverged ? cutAbove(curve, cap) : curve));
}

/** In a killed run no result says who diverged; a loss that is no number does. */
function firstNonFiniteStep(record: RunRecord, rows: readonly number[]): number | null {
  const row = rows.find((candidate) => !Number.isFinite(record.descent.loss[candidate]!));
  return row === undefined ? null : record.descent.step[row]!;
}

/** The largest value of the curves, infinite where there is none. */
function scaleOf(curves: readonly Curve[]): number {
  const largest = curves.flatMap(({ points }) => points).reduce((top, { value }) => Math.max(top, value), 0);
  return largest > 0 ? largest : Number.POSITIVE_INFINITY;
}

function cutAbove(curve: Curve, cap: number): Curve {
  const end = curve.points.findIndex((point) => point.value > cap);
  const points = end < 0 ? curve.points : curve.points.slice(0, end);
  return { ...curve, points, cut: points.at(-1) ?? null };
}

/** Drops what a log axis cannot show, then thins. */
function drawable(points: readonly Point[], logTime: boolean): Point[] {
  const shown = points.filter(
    ({ t, value }) => value > 0 && Number.isFinite(value) && (logTime ? t > 0 : t >= 0),
  );
  return thin(shown, logTime ? Math.log : (t) => t);
}

/** Keeps the first, lowest, highest and last point of every column of pixels: the drawn line stays the same, the file small. */
export function thin(points: readonly Point[], position: (t: number) => number): Point[] {
  if (points.length <= 4 * PLOT_WIDTH) return [...points];
  const start = position(points[0]!.t);
  const width = position(points.at(-1)!.t) - start;
  const kept: Point[] = [];
  for (let from = 0; from < points.length; ) {
    const column = (k: number) => Math.floor((PLOT_WIDTH * (position(points[k]!.t) - start)) / width);
    let [to, low, high] = [from, from, from];
    for (; to < points.length && column(to) === column(from); to++) {
      if (points[to]!.value < points[low]!.value) low = to;
      if (points[to]!.value > points[high]!.value) high = to;
    }
    const chosen = new Set([from, low, high, to - 1].sort((a, b) => a - b));
    for (const k of chosen) kept.push(points[k]!);
    from = to;
  }
  return kept;
}
