/** A record's tables as the curves that figures draw: grouped, ended at divergence, thinned to what print can show. */
import type { RunRecord } from "../record/reader.js";
import { formatNumber } from "./axis.js";
import { lawOf } from "./law.js";
import { descentStyle, FLOW_COLOUR, PLOT_WIDTH } from "./theme.js";

export interface Point {
  readonly t: number;
  readonly value: number;
  /** The value is only known not to be larger: an upper bound. */
  readonly atMost?: boolean;
}

export interface Curve {
  /** Its text in the legend. */
  readonly label: string;
  readonly colour: string;
  readonly dash: number[];
  readonly width: number;
  readonly points: readonly Point[];
  /** Its last point is the last before it diverged. */
  readonly diverged?: boolean;
  /** False of a curve whose look others explain: it gets no name of its own. */
  readonly named?: boolean;
}

/** A diverging curve is drawn up to this multiple of all that did not diverge: further up it would only flatten them. */
const DIVERGENCE_SHOWN = 100;

/** Whether the record's times, and so the figures' time axes, are logarithmic. */
export function hasLogTime(record: RunRecord): boolean {
  const settings = record.config["record"];
  return typeof settings === "object" && settings !== null && "at" in settings && settings.at === "log";
}

/** The flow's points of one column. */
export function flowCurve(record: RunRecord, column: string): Curve {
  const { t, [column]: values } = record.series;
  // Every row has a loss: one that is no number is not finite. Other cells may be blank.
  const blank = column === "loss" ? Number.POSITIVE_INFINITY : Number.NaN;
  const points = Array.from(t, (time, k) => ({
    t: time,
    value: Number.isNaN(values![k]) ? blank : values![k]!,
  }));
  return {
    label: "gradient flow (GF)",
    colour: FLOW_COLOUR,
    dash: [1, 0],
    width: 5,
    points: drawable(points, hasLogTime(record)),
  };
}

/** One curve per learning rate, the largest first. Those that diverged end at the last step that was compared before. */
export function descentCurves(record: RunRecord, column: string): Curve[] {
  const { learningRate } = record.descent;
  // One that diverged before the first comparison has no row, but its name in the legend.
  const diverged = record.result?.descent.filter((run) => run.diverged) ?? [];
  const known = [...learningRate, ...diverged.map((run) => run.learningRate)];
  const rates = [...new Set(known)].filter(Number.isFinite).sort((a, b) => b - a);
  return rates.map((rate, k) => ({ ...descentCurve(record, rate, column), ...descentStyle(k) }));
}

/** The curve of one learning rate. */
export function descentCurve(record: RunRecord, rate: number, column: string): Curve {
  const { learningRate, step, t, [column]: values } = record.descent;
  const rows = Array.from(learningRate.keys()).filter((row) => learningRate[row] === rate);
  const outcome = record.result?.descent.find((run) => run.learningRate === rate);
  const end = outcome?.divergedAtStep ?? firstNonFiniteStep(record, rows);
  const before = rows.filter((row) => end === null || step[row]! < end);
  const points = [...startOf(record, column), ...before.map((row) => ({ t: t[row]!, value: values![row]! }))];
  const verdict = end === null ? "" : `, diverged at step ${end}`;
  const label = `${lawOf(record).name} η = ${formatNumber(rate, 6)}${verdict}`;
  const shown = drawable(points, hasLogTime(record));
  return { label, ...descentStyle(0), width: 1.6, points: shown, diverged: end !== null };
}

/**
 * Descent starts where the flow does, at θ₀, and there it has what the flow has, unless it has gone on for a while (descent.settle). A gap starts at 0, of
 * which a log axis says nothing.
 */
function startOf({ series, config }: RunRecord, column: string): Point[] {
  const { settle = 0 } = (config["descent"] ?? {}) as { readonly settle?: unknown };
  if (settle !== 0) return [];
  const value = (series as Readonly<Record<string, Float64Array>>)[column]?.[0];
  return series.t[0] === 0 && value !== undefined ? [{ t: 0, value }] : [];
}

/**
 * The values that an axis is to reach: all, of diverging curves up to a multiple of the others. A single point of one, which makes no line, does
 * not stretch the axis: it stands at its edge.
 */
export function valuesToReach(curves: readonly Curve[]): number[] {
  const steady = curves.filter(({ diverged }) => !diverged).flatMap(({ points }) => points);
  const largest = steady.reduce((top, { value }) => (Number.isFinite(value) ? Math.max(top, value) : top), 0);
  const capOf = ({ points, diverged }: Curve): number =>
    diverged && largest > 0
      ? points.length > 1
        ? DIVERGENCE_SHOWN * largest
        : largest
      : Number.POSITIVE_INFINITY;
  return curves.flatMap((curve) =>
    curve.points.map(({ value }) => value).filter((value) => !curve.diverged || value <= capOf(curve)),
  );
}

/** In a killed run no result says who diverged; a loss that is no number does. */
function firstNonFiniteStep(record: RunRecord, rows: readonly number[]): number | null {
  const row = rows.find((candidate) => !Number.isFinite(record.descent.loss[candidate]!));
  return row === undefined ? null : record.descent.step[row]!;
}

/** Drops rows without a value, then thins. */
export function drawable(points: readonly Point[], logTime: boolean): Point[] {
  return thinOn(
    points.filter(({ t, value }) => t >= 0 && !Number.isNaN(value)),
    logTime,
  );
}

/** Thins by columns of a linear or a log axis, which keeps t = 0 in a lane of its own. */
export function thinOn(points: readonly Point[], logTime: boolean): Point[] {
  const first = points.findIndex(({ t }) => t > 0);
  if (!logTime || first < 0) return thin(points, (t) => t);
  return [...points.slice(0, first), ...thin(points.slice(first), Math.log)];
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
