/** The parts that all line charts here share, as pieces of a Vega-Lite spec. */
import type { TopLevelSpec } from "vega-lite";
import type { RunRecord } from "../record/reader.js";
import { type AxisPlan, formatNumber, placeOn, planLinearAxis, planLogAxis } from "./axis.js";
import { TIME_TITLE, type Words } from "./caption.js";
import { type Curve, hasLogTime, type Point } from "./curves.js";
import { type Layer, NO_KEY, nameCurves } from "./key.js";
import { latexOf } from "./latex.js";
import { explainMarks, laneLayers, type Mark, markLayer, traceCurve } from "./marks.js";
import { breakWords, measureText } from "./render.js";
import { settingsOf } from "./settings.js";
import { FLOW_COLOUR, LEGEND_SIZE, PLOT_HEIGHT, PLOT_WIDTH, SUBTITLE_SIZE, THEME } from "./theme.js";

/** A pure function from a record to a picture. */
export interface Figure<Row extends DataRow = PlottedRow> {
  /** Its files' name. */
  readonly name: string;
  /** The spec and the rows it plots, at least one; null where the record has nothing to show. */
  build(record: RunRecord): { readonly spec: TopLevelSpec; readonly rows: readonly Row[] } | null;
}

/** A row of a figure's data file; all rows of one figure have the same keys, its columns. */
export type DataRow = Readonly<Record<string, string | number>>;

/** What charts of curves plot; `mark` says `atMost` of an upper bound, `diverged` of the last point before divergence. */
export type PlottedRow = {
  readonly panel: string;
  readonly curve: string;
  readonly t: number;
  readonly value: number;
  readonly mark: string;
};

/** One time axis for all panels of a figure. A long stretch of a log axis on which nothing moves is left out, unless `figure.from` says otherwise. */
export function planTimeAxis(
  record: RunRecord,
  curves: readonly Pick<Curve, "points">[],
  hasLog = hasLogTime(record),
): AxisPlan {
  const { from, to, xScale } = settingsOf(record.config);
  const isLog = xScale === null ? hasLog : xScale === "log";
  const all = curves.flatMap((curve) => curve.points.map((point) => point.t));
  const times = all.filter((t) => t <= (to ?? t) && (t >= (from ?? t) || (t === 0 && from === null)));
  if (to !== null) times.push(to);
  if (from !== null && (from > 0 || !isLog)) times.push(from);
  if (!isLog) return planLinearAxis(times, from === null, from !== null || to !== null);
  if (from !== null) return planLogAxis(times, 0);
  const start = startOfMotion(curves);
  return planLogAxis(start === null ? times : [start, ...times.filter((t) => t === 0 || t >= start)], 0);
}

/** Of its range; below it a curve is taken to rest. */
const MOTION = 0.01;
/** A plateau is shortened where it is more than this share of a log axis; half a decade of it stays. */
const LONG_PLATEAU = 0.3;

/** From when on a log axis is worth its room; null where that is from its beginning on. */
function startOfMotion(curves: readonly Pick<Curve, "points">[]): number | null {
  const moved = curves.map(({ points }) => {
    const positive = points.filter(({ t, value }) => t > 0 && Number.isFinite(value));
    const isLog = positive.every(({ value }) => value > 0);
    const place = ({ value }: { readonly value: number }) => (isLog ? Math.log(value) : value);
    const places = positive.map(place);
    const [low, high] = [
      places.reduce((p, q) => Math.min(p, q), Infinity),
      places.reduce((p, q) => Math.max(p, q), -Infinity),
    ];
    return (
      positive.find((point) => Math.abs(place(point) - places[0]!) > MOTION * (high - low))?.t ?? Infinity
    );
  });
  const times = curves.flatMap(({ points }) => points.map(({ t }) => t)).filter((t) => t > 0);
  const [first, last] = [
    times.reduce((p, q) => Math.min(p, q), Infinity),
    times.reduce((p, q) => Math.max(p, q), 0),
  ];
  const start = Math.min(...moved) / Math.sqrt(10);
  return start > first && start < last && Math.log(start / first) > LONG_PLATEAU * Math.log(last / first)
    ? start
    : null;
}

export function plottedRows(
  panel: string,
  curves: readonly Pick<Curve, "label" | "points" | "diverged">[],
): PlottedRow[] {
  return curves.flatMap(({ label, points, diverged }) =>
    points.map(({ t, value, atMost }, k) => {
      const mark = atMost ? "atMost" : diverged && k === points.length - 1 ? "diverged" : "";
      return { panel, curve: label, t, value, mark };
    }),
  );
}

/** Of the band round a flow in grey. */
const BAND_OPACITY = 0.4;

/** A point of a band. */
export type BandRow = { readonly t: number; readonly low: number; readonly high: number };

/** One plotting area, as the script beside the figures draws it too. */
export interface PanelPlan {
  readonly time: AxisPlan;
  readonly up: AxisPlan;
  readonly titles: readonly [across: string, up: string];
  readonly curves: readonly (Pick<Curve, "label" | "colour" | "dash" | "width"> & {
    readonly opacity?: number;
    /** A value holds until the next one. */
    readonly steps?: true;
  })[];
  /** Parts of the curves' names that stand alone in a legend. */
  readonly names?: readonly string[];
}

/**
 * What every figure is framed by: title, one line below it, and in `usermeta` the caption, which render.ts sets below the picture and reports
 * beside it, and what the script needs of each panel (matplotlib.ts), in the order of the rows.
 */
export function sheet(
  { title, subtitle, look, facts, latex = false }: Words,
  panels: readonly PanelPlan[],
  body: object,
  room: { readonly right: number; readonly bottom: number } = NO_KEY,
): TopLevelSpec {
  const [line = "", ...rest] = fitLine(subtitle);
  const told = ({ scale, ticks, lanes }: AxisPlan) => ({ ...scale, ticks, lanes });
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: { text: title, subtitle: line },
    config: THEME,
    padding: { left: 5, top: 5, right: 5 + room.right, bottom: 5 + room.bottom },
    usermeta: {
      caption: [look, [...rest, ...facts].join(" · ")].filter((text) => text !== ""),
      panels: panels.map(({ time, up, titles, curves }) => ({
        x: { ...told(time), title: titles[0] },
        y: { ...told(up), title: titles[1] },
        curves: curves.map(({ label, colour, dash, width, opacity = 1, steps = false }) => ({
          ...{ label, colour, dash, width, opacity, steps },
        })),
      })),
      ...(latex ? { latex: mathematicsOf(panels) } : {}),
    },
    ...body,
  } as unknown as TopLevelSpec;
}

/** The texts of panels that are, or hold, mathematics, as LaTeX. */
function mathematicsOf(panels: readonly PanelPlan[]): Readonly<Record<string, string>> {
  const texts = panels.flatMap(({ time, up, titles, curves, names = [] }) => [
    ...[...titles, ...names, ...curves.map(({ label }) => label)],
    ...[time, up].flatMap(({ ticks }) => ticks.map(([, label]) => label)),
  ]);
  return Object.fromEntries(
    texts.map((text) => [text, latexOf(text)] as const).filter(([text, latex]) => text !== latex),
  );
}

/** As many facts as one line over the plot holds, joined, and those that are left. */
function fitLine(facts: readonly string[]): string[] {
  let count = facts.length;
  while (count > 1 && measureText(facts.slice(0, count).join(SEPARATOR), SUBTITLE_SIZE) > PLOT_WIDTH) count--;
  return [facts.slice(0, count).join(SEPARATOR), ...facts.slice(count)];
}

const SEPARATOR = " · ";

/** Curves on two axes: lanes, lines, marks, names, what to say of the marks in the caption, and the panel for the sheet. */
export function curvePanel(
  curves: readonly Curve[],
  time: AxisPlan,
  up: AxisPlan,
  {
    title,
    width = PLOT_WIDTH,
    height = PLOT_HEIGHT,
    across = TIME_TITLE,
    labelled = true,
    names = true,
    band = [],
  }: {
    title: string;
    across?: string;
    width?: number;
    height?: number;
    labelled?: boolean;
    names?: boolean;
    /** Round the flow, below the lines. */
    band?: readonly BandRow[];
  },
) {
  const x = timeChannel(time, labelled, across);
  const y = valueChannel(up, breakTitle(title, height));
  const shown = curves.map((curve) => ({ ...curve, points: within(curve.points, time) }));
  const traced = shown.map((curve) => ({ curve, ...traceCurve(curve, time, up) }));
  const marks: Mark[] = traced.flatMap((one) => one.marks);
  const lines = traced.flatMap(({ curve, stretches }) =>
    stretches.flatMap((points, stretch) =>
      points.map(({ t, value }) => ({ curve: curve.label, t, value, stretch })),
    ),
  );
  const key = names ? nameCurves(shown, time, up, { width, height }) : NO_KEY;
  return {
    facts: [...explainMarks(marks), ...cutFact(curves, time)],
    key,
    plan: { time, up, titles: [across, title] as const, curves },
    view: {
      width,
      height,
      layer: [
        ...laneLayers(time, x, "x"),
        ...laneLayers(up, y, "y"),
        ...(band.length === 0
          ? []
          : [bandLayer(band, [time, up], { x, y }, { color: FLOW_COLOUR, opacity: BAND_OPACITY })]),
        {
          data: { values: lines },
          mark: { type: "line" as const, clip: true, strokeCap: "butt" as const },
          encoding: { x, y, ...curveStyle(curves), detail: { field: "stretch" } },
        },
        markLayer(marks, x, y),
        ...key.layers,
      ] as readonly Layer[],
    },
  };
}

/** A band below lines: what of it lies within the axes, in the colours of `color`. */
export function bandLayer(
  rows: readonly BandRow[],
  [time, up]: readonly [AxisPlan, AxisPlan],
  { x, y, ...encoding }: { readonly x: object; readonly y: object; readonly [channel: string]: object },
  look: { readonly opacity: number; readonly color?: string },
): Layer {
  const inside = rows
    .filter(({ t }) => placeOn(time, t).off === null)
    .map((row) => ({ ...row, low: placeOn(up, row.low).at, high: placeOn(up, row.high).at }));
  return {
    data: { values: inside },
    mark: { type: "area", clip: true, ...look },
    encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, ...encoding },
  };
}

/** The title of an upright axis in lines that its height holds. */
export function breakTitle(title: string, height: number): string | string[] {
  const lines = breakWords(title, height, 12);
  return lines.length === 1 ? title : lines;
}

/** Says that a part of the times is not shown. */
export function cutFact(curves: readonly Pick<Curve, "points">[], time: AxisPlan): string[] {
  const [from, to] = time.reach;
  const times = curves.flatMap(({ points }) => points.map(({ t }) => t));
  const facts = [
    times.some((t) => t > 0 && t < from * (1 - 1e-9)) ? `t < ${formatNumber(from)}` : "",
    times.some((t) => t > to * (1 + 1e-9)) ? `t > ${formatNumber(to)}` : "",
  ].filter((fact) => fact !== "");
  return facts.length === 0 ? [] : [`not shown: ${facts.join(" and ")}`];
}

/** Samples of a straight line from t = 0, which a log axis bends. */
const BENT = 40;

/**
 * The points within the times of an axis, with those on the lines that cross its ends. From a point in the lane of t = 0 the line to the next one is
 * followed, straight in t and value: so descents begin at θ₀.
 */
function within(points: readonly Point[], time: AxisPlan): Point[] {
  const [from, to] = time.reach;
  const isLog = time.scale.type === "log";
  const shown: Point[] = [];
  points.forEach((point, k) => {
    const before = points[k - 1];
    const joint = (t: number): Point => {
      const share = (t - before!.t) / (point.t - before!.t);
      return { t, value: before!.value + share * (point.value - before!.value) };
    };
    const joined =
      before !== undefined && [before, point].every(({ value, atMost }) => Number.isFinite(value) && !atMost);
    const enters = joined && before.t < from && point.t > from;
    if (enters && isLog && before.t === 0)
      for (let i = 0; i < BENT; i++) {
        const t = from * (Math.min(point.t, to) / from) ** (i / BENT);
        shown.push(joint(t));
      }
    else if (enters) shown.push(joint(from));
    if (point.t >= from ? point.t <= to : placeOn(time, point.t).off === "zero") shown.push(point);
    if (joined && before.t < to && point.t > to) shown.push(joint(to));
  });
  return shown;
}

/** Encodings of colour, dash and width. */
export function curveStyle(curves: readonly Pick<Curve, "label" | "colour" | "dash" | "width">[]) {
  const domain = curves.map((curve) => curve.label);
  const channel = <T>(range: T[]) => ({
    field: "curve",
    type: "nominal" as const,
    scale: { type: "ordinal" as const, domain, range },
    sort: null,
    legend: null,
  });
  return {
    color: channel(curves.map((curve) => curve.colour)),
    strokeDash: channel(curves.map((curve) => curve.dash)),
    strokeWidth: channel(curves.map((curve) => curve.width)),
  };
}

/** Panels one below the other whose scales are their own. */
export function stack(views: readonly object[]) {
  return {
    spacing: 18,
    vconcat: views,
    resolve: {
      scale: { color: "independent", strokeDash: "independent", strokeWidth: "independent" },
    } as const,
  };
}

const LEGEND_GAP = 14;

/** As many columns as end above the right margin of the plot. `symbol` is the room of a symbol. */
export function legendColumns(labels: readonly string[], symbol: number): number {
  const step = symbol + Math.max(...labels.map((label) => measureText(label, LEGEND_SIZE)));
  return Math.min(labels.length, Math.max(1, Math.floor((PLOT_WIDTH + LEGEND_GAP) / (step + LEGEND_GAP))));
}

/** The time channel; a panel above another shows no labels. */
export function timeChannel(plan: AxisPlan, labelled = true, title = TIME_TITLE) {
  const axis = labelled ? { ...plan.axis, title } : { ...plan.axis, title: null, labels: false };
  return { field: "t", type: "quantitative" as const, scale: plan.scale, axis };
}

export function valueChannel(plan: Pick<AxisPlan, "scale" | "axis">, title: string | string[]) {
  return { field: "value", type: "quantitative" as const, scale: plan.scale, axis: { ...plan.axis, title } };
}
