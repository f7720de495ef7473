/** The parts that all line charts here share, as pieces of a Vega-Lite spec. */
import type { TopLevelSpec } from "vega-lite";
import type { RunRecord } from "../record/reader.js";
import { type AxisPlan, planLinearAxis, planLogAxis } from "./axis.js";
import { TIME_TITLE } from "./caption.js";
import { type Curve, hasLogTime } from "./curves.js";
import { explainMarks, laneLayers, type Mark, markLayer, traceCurve } from "./marks.js";
import { measureText } from "./render.js";
import { LEGEND_SIZE, PLOT_WIDTH } from "./theme.js";

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

/** One time axis for all panels of a figure. */
export function planTimeAxis(record: RunRecord, curves: readonly Curve[]): AxisPlan {
  const times = curves.flatMap((curve) => curve.points.map((point) => point.t));
  return hasLogTime(record) ? planLogAxis(times, 0) : planLinearAxis(times, true);
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

/** What the script beside the figures needs to know of each panel's axes (matplotlib.ts), in the order of the rows. */
export function axesOf(...panels: readonly { time: AxisPlan; up: AxisPlan }[]) {
  const told = ({ scale, ticks, lanes }: AxisPlan) => ({ ...scale, ticks, lanes });
  return { usermeta: { panels: panels.map(({ time, up }) => ({ x: told(time), y: told(up) })) } };
}

/** Curves on two axes: lanes, lines, marks, and what to say of the marks in the caption. */
export function curvePanel(
  curves: readonly Curve[],
  time: AxisPlan,
  up: AxisPlan,
  {
    title,
    labelled = true,
    legend = true,
  }: { title: string | string[]; labelled?: boolean; legend?: boolean },
) {
  const x = timeChannel(time, labelled);
  const y = valueChannel(up, title);
  const traced = curves.map((curve) => ({ curve, ...traceCurve(curve, time, up) }));
  const marks: Mark[] = traced.flatMap((one) => one.marks);
  const lines = traced.flatMap(({ curve, stretches }) =>
    stretches.flatMap((points, stretch) =>
      points.map(({ t, value }) => ({ curve: curve.label, t, value, stretch })),
    ),
  );
  return {
    facts: explainMarks(marks),
    layer: [
      ...laneLayers(time, x, "x"),
      ...laneLayers(up, y, "y"),
      {
        data: { values: lines },
        mark: { type: "line" as const, clip: true, strokeCap: "butt" as const },
        encoding: { x, y, ...curveStyle(curves, legend), detail: { field: "stretch" } },
      },
      markLayer(marks, x, y),
    ],
  };
}

/** Vega's guess of a letter's width, by which it sets the columns of a legend; and the room of symbol and padding. */
const LEGEND_LETTER = 0.8 * LEGEND_SIZE;
const LEGEND_SYMBOL = 45;

/** Encodings of colour, dash and width that merge into one legend, in as many columns as fit below the plot. */
export function curveStyle(curves: readonly Curve[], shown: boolean) {
  const domain = curves.map((curve) => curve.label);
  const legend = shown ? { columns: legendColumns(domain), title: null } : null;
  const channel = <T>(range: T[]) => ({
    field: "curve",
    type: "nominal" as const,
    scale: { type: "ordinal" as const, domain, range },
    sort: null,
    legend,
  });
  return {
    color: channel(curves.map((curve) => curve.colour)),
    strokeDash: channel(curves.map((curve) => curve.dash)),
    strokeWidth: channel(curves.map((curve) => curve.width)),
  };
}

/** As many columns as end above the right margin of the plot; only the last is as narrow as its letters. `symbol` is the room of a symbol. */
export function legendColumns(labels: readonly string[], symbol = LEGEND_SYMBOL): number {
  const step = symbol + LEGEND_LETTER * Math.max(...labels.map((label) => label.length));
  const last = symbol + Math.max(...labels.map((label) => measureText(label, LEGEND_SIZE)));
  return Math.min(labels.length, 1 + Math.max(0, Math.floor((PLOT_WIDTH - last) / step)));
}

/** The time channel; a panel above another shows no labels. */
export function timeChannel(plan: AxisPlan, labelled = true) {
  const axis = labelled ? { ...plan.axis, title: TIME_TITLE } : { ...plan.axis, title: null, labels: false };
  return { field: "t", type: "quantitative" as const, scale: plan.scale, axis };
}

export function valueChannel(plan: Pick<AxisPlan, "scale" | "axis">, title: string | string[]) {
  return { field: "value", type: "quantitative" as const, scale: plan.scale, axis: { ...plan.axis, title } };
}
