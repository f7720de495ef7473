/** Curves of all runs of a sweep in one picture: a colour per group, flow broad and pale, descents thin on it, bands over seeds. */
import { join } from "node:path";
import type { TopLevelSpec } from "vega-lite";
import { type CurvesFigureSpec, type JobState, unresolvedDefects } from "../record/sweep.js";
import { readTable, type Table } from "../record/table.js";
import { formatNumber, planLinearAxis, planLogAxis } from "./axis.js";
import { TIME_TITLE, wrap } from "./caption.js";
import { legendColumns, valueChannel } from "./chart.js";
import { type Point, thin } from "./curves.js";
import {
  describeSize,
  type Group,
  groupStates,
  mergedFields,
  type Sweep,
  spread,
  sweepFacts,
} from "./sweep-groups.js";
import { descentStyle, PLOT_HEIGHT, PLOT_WIDTH, THEME } from "./theme.js";

/** A row of the figure's data file. */
export type CurveRow = {
  readonly curve: string;
  readonly line: string;
  readonly t: number;
  readonly value: number;
  readonly low: number;
  readonly high: number;
};

export interface SweepDrawing<Row> {
  readonly spec: TopLevelSpec;
  readonly rows: readonly Row[];
}

/** One line of one run. */
interface Line {
  /** `flow`, or the learning rate of a descent. */
  readonly name: string;
  readonly points: readonly Point[];
}

/** A descent is drawn up to this multiple of what the flows reach: a diverging one would flatten the rest. */
const DIVERGENCE_SHOWN = 10;

/** Vega overestimates the width of a line and would cut it; `wrap` has measured it. */
export const UNLIMITED = 3000;

/** Null where no run has the column. */
export async function drawSweepCurves(
  sweep: Sweep,
  figure: CurvesFigureSpec,
): Promise<SweepDrawing<CurveRow> | null> {
  const merged = mergedFields(sweep, figure.merge);
  const fields = sweep.manifest.fields.filter((field) => !merged.includes(field));
  const groups = groupStates(sweep.states, fields);
  const drawn = await Promise.all(
    groups.map(async (group) => ({ group, lines: await mergeLines(group, figure) })),
  );
  const cap =
    DIVERGENCE_SHOWN *
    Math.max(
      ...drawn.flatMap(({ lines }) =>
        lines.filter(isFlow).flatMap(({ rows }) => rows.map(({ value }) => value)),
      ),
    );
  const shown = drawn
    .map(({ group, lines }) => ({ label: legendLabel(group), lines: lines.map((line) => cut(line, cap)) }))
    .filter(({ lines }) => lines.some(({ rows }) => rows.length > 0));
  if (shown.length === 0) return null;
  const rows = shown.flatMap(({ label, lines }) =>
    lines.flatMap((line) => line.rows.map((row) => ({ curve: label, line: line.name, ...row }))),
  );
  const labels = shown.map(({ label }) => label);
  const names = [...new Set(rows.map(({ line }) => line))];
  const both = names.includes(FLOW) && names.length > 1;
  const explained = both
    ? [
        broadLine(sweep),
        ...names
          .filter((name) => name !== FLOW)
          .map((name, k) => `${k === 0 ? "thin" : "dashed"}: descent, ${name}`),
      ]
    : names.filter((name) => name !== FLOW).map((name) => `descent, ${name}`);
  return { rows, spec: specOf(rows, labels, names, { sweep, figure, merged, explained }) };
}

/** What the broad curves are: gradient flow only where the energy identity says so. */
function broadLine({ states }: Sweep): string {
  const defects = unresolvedDefects(states);
  return defects.length === 0
    ? "broad: gradient flow"
    : `broad: gradient flow, unresolved in ${defects.length} of ${states.length} runs (∫‖∇L‖² ds is off by up to ${formatNumber(Math.max(...defects), 2)} times the fall of L)`;
}

const FLOW = "flow";
const isFlow = (line: { readonly name: string }) => line.name === FLOW;

function legendLabel(group: Group): string {
  return [group.label || "all runs", describeSize(group)].filter((text) => text !== "").join(", ");
}

type MergedRow = Pick<CurveRow, "t" | "value" | "low" | "high">;

/** The lines of the runs of a group, one on another: on the times of the first run, the others interpolated. */
async function mergeLines(
  group: Group,
  figure: CurvesFigureSpec,
): Promise<{ name: string; rows: MergedRow[] }[]> {
  const runs = await Promise.all(group.states.map((state) => readLines(state, figure)));
  const names = [...new Set(runs.flat().map(({ name }) => name))];
  return names.map((name) => {
    const members = runs.flatMap((lines) => lines.filter((line) => line.name === name));
    const grid = members[0]!.points;
    const log = figure.yScale === "log";
    const rows = grid.flatMap(({ t }) => {
      const values = members.flatMap(({ points }) => interpolate(points, t, log));
      if (values.length === 0) return [];
      const { median, low, high } = spread(values);
      return [{ t, value: median, low, high }];
    });
    return { name, rows };
  });
}

async function readLines(state: JobState, figure: CurvesFigureSpec): Promise<Line[]> {
  const tables = await Promise.all(
    figure.tables.map((name) =>
      /^[A-Za-z0-9_-]+$/.test(name) ? readTable(join(state.directory, `${name}.csv`)) : null,
    ),
  );
  return tables.flatMap((table) => (table === null ? [] : linesOf(table, figure)));
}

/** A table with learning rates has a line for each; any other is one line. */
function linesOf(table: Table, figure: CurvesFigureSpec): Line[] {
  const { t, [figure.y]: values, learningRate } = table.values;
  if (t === undefined || values === undefined) return [];
  const from = figure.from ?? 0;
  const rates = learningRate === undefined ? [null] : [...new Set(learningRate)];
  return rates.map((rate) => {
    const rows = Array.from(t.keys()).filter((row) => rate === null || learningRate![row] === rate);
    const points = rows
      .map((row) => ({ t: t[row]!, value: values[row]! }))
      .filter(
        ({ t: time, value }) =>
          Number.isFinite(value) &&
          time >= from &&
          (figure.yScale === "linear" || value > 0) &&
          (figure.xScale === "linear" || time > 0),
      );
    const thinned = thin(points, figure.xScale === "log" ? Math.log : (time) => time);
    return { name: rate === null ? FLOW : `η = ${formatNumber(rate, 6)}`, points: thinned };
  });
}

/** The value at t between two points, on a log scale where asked; nothing outside of them. */
function interpolate(points: readonly Point[], t: number, log: boolean): number[] {
  const after = points.findIndex((point) => point.t >= t);
  if (after < 0) return [];
  const right = points[after]!;
  if (right.t === t) return [right.value];
  const left = points[after - 1];
  if (left === undefined) return [];
  const share = (t - left.t) / (right.t - left.t);
  return [
    log ? left.value * (right.value / left.value) ** share : left.value + share * (right.value - left.value),
  ];
}

function cut<L extends { name: string; rows: MergedRow[] }>(line: L, cap: number): L {
  const end = isFlow(line) || !Number.isFinite(cap) ? -1 : line.rows.findIndex(({ value }) => value > cap);
  return end < 0 ? line : { ...line, rows: line.rows.slice(0, end) };
}

interface Look {
  readonly sweep: Sweep;
  readonly figure: CurvesFigureSpec;
  readonly merged: readonly string[];
  readonly explained: readonly string[];
}

function specOf(
  rows: readonly CurveRow[],
  labels: readonly string[],
  names: readonly string[],
  { sweep, figure, merged, explained }: Look,
): TopLevelSpec {
  const times = rows.map(({ t }) => t);
  const values = rows.flatMap(({ low, high }) => [low, high]);
  const plan =
    figure.xScale === "log" ? planLogAxis(times, 0) : planLinearAxis(times, (figure.from ?? 0) === 0);
  const height = figure.yScale === "log" ? planLogAxis(values) : planLinearAxis(values);
  const x = {
    field: "t",
    type: "quantitative" as const,
    scale: plan.scale,
    axis: { ...plan.axis, title: TIME_TITLE },
  };
  const y = valueChannel(height, titleOf(figure.y));
  const color = {
    field: "curve",
    type: "nominal" as const,
    sort: null,
    scale: { domain: [...labels], range: labels.map((_, k) => descentStyle(k).colour) },
    legend: { columns: legendColumns(labels), title: null, symbolOpacity: 1, symbolStrokeWidth: 3 },
  };
  const both = names.includes(FLOW) && names.length > 1;
  const dashes = names.map((name, k) => (name === FLOW ? [1, 0] : k <= 1 ? [1, 0] : [3 + 2 * k, 3]));
  const widths = names.map((name) => (both && name === FLOW ? 5 : 1.5));
  const opacities = names.map((name) => (both && name === FLOW ? 0.35 : 1));
  const channel = (range: unknown[]) => ({
    field: "line",
    type: "nominal" as const,
    sort: null,
    scale: { domain: [...names], range },
    legend: null,
  });
  // Where descents lie on the flow a second band of the same colour would say nothing.
  const bands = rows.filter(({ line }) => !both || line === FLOW);
  const banded = bands.some(({ low, high }) => high > low);
  const band = {
    data: { values: bands },
    mark: { type: "area" as const, opacity: 0.15, clip: true },
    encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color, detail: { field: "line" } },
  };
  const lines = {
    data: { values: [...rows] },
    mark: { type: "line" as const, clip: true },
    encoding: {
      x,
      y,
      color,
      detail: { field: "line" },
      strokeDash: channel(dashes),
      strokeWidth: channel(widths),
      strokeOpacity: channel(opacities),
    },
  };
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: {
      text: sweep.manifest.name.replace(/\p{Cc}/gu, " "),
      subtitle: [sweepFacts(sweep, merged), explained].flatMap(wrap),
      limit: UNLIMITED,
    },
    width: PLOT_WIDTH,
    height: PLOT_HEIGHT,
    config: THEME,
    layer: banded ? [band, lines] : [lines],
  } as unknown as TopLevelSpec;
}

const TITLES: Readonly<Record<string, string>> = {
  loss: "loss L",
  residualNorm: "residual ‖r‖",
  gradientNorm: "‖∇L‖",
  lambdaEff: "λ_eff",
  parameterGap: "parameter gap ‖θ(t) − θₖ‖",
  functionGap: "function gap ‖F(t) − Fₖ‖",
  parameterDistance: "‖θ − θ₀‖",
};

/** The axis title of a column or fact: in words where it is a common one. */
export function titleOf(name: string): string {
  return TITLES[name] ?? TITLES[name.slice(name.lastIndexOf(".") + 1)] ?? name;
}
