/** Curves of all runs of a sweep in one picture: a colour per group, flow broad and pale, descents thin on it, bands over seeds. */
import { join } from "node:path";
import type { TopLevelSpec } from "vega-lite";
import { type Fact, lookUp } from "../record/facts.js";
import { inTurn } from "../record/in-turn.js";
import type { CurvesFigureSpec } from "../record/sweep.js";
import { type JobState, unresolvedRuns } from "../record/sweep-states.js";
import { readTable, type Table } from "../record/table.js";
import { formatNumber, placeOn, planLinearAxis, planLogAxis } from "./axis.js";
import { TIME_TITLE, wrap } from "./caption.js";
import { axesOf, legendColumns, valueChannel } from "./chart.js";
import { type Point, thinOn } from "./curves.js";
import { explainMarks, laneLayers, markLayer, traceCurve } from "./marks.js";
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
  /** `atMost` of an upper bound, `diverged` of the last point before all runs diverged. */
  readonly mark: string;
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
  /** A descent that diverged: infinite from its last point on. */
  readonly diverged: boolean;
}

/** The axis reaches, for descents, up to this multiple of what the flows reach: a diverging one would flatten the rest. */
const DIVERGENCE_SHOWN = 10;

/** What marks mean where curves and points stand for several runs. */
export const SWEEP_MARKS = { infinite: "lane ∞: diverged or not finite" } as const;

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
  const drawn = await inTurn(groups, async (group) => ({ group, lines: await mergeLines(group, figure) }), 1);
  const shown = drawn
    .map(({ group, lines }) => ({ label: legendLabel(group), lines }))
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

/** What the broad curves are: gradient flow only where energy identity and decisions at kinks say so. */
function broadLine({ states }: Sweep): string {
  const { count, largest, unsettled } = unresolvedRuns(states);
  if (count === 0) return "broad: gradient flow";
  const why = [
    largest === null
      ? ""
      : `${largest.integral} is off by up to ${formatNumber(largest.defect, 2)} times the fall of ${largest.loss}`,
    unsettled === 0 ? "" : `decisions at kinks did not settle in ${unsettled}`,
  ].filter((reason) => reason !== "");
  return `broad: gradient flow, unresolved in ${count} of ${states.length} runs (${why.join("; ")})`;
}

const FLOW = "flow";

function legendLabel(group: Group): string {
  return [group.label || "all runs", describeSize(group)].filter((text) => text !== "").join(", ");
}

type MergedRow = Omit<CurveRow, "curve" | "line">;

/** The lines of the runs of a group, one on another: on the times of the longest, the others interpolated. */
async function mergeLines(
  group: Group,
  figure: CurvesFigureSpec,
): Promise<{ name: string; rows: MergedRow[] }[]> {
  const runs = await inTurn(group.states, (state) => readLines(state, figure));
  const names = [...new Set(runs.flat().map(({ name }) => name))];
  return names.map((name) => {
    const members = runs.flatMap((lines) => lines.filter((line) => line.name === name));
    const lastTime = ({ points }: Line) => points.at(-1)?.t ?? 0;
    const grid = members.reduce((a, b) => (lastTime(b) > lastTime(a) ? b : a)).points;
    const log = figure.yScale === "log";
    const rows = grid.flatMap(({ t }, k) => {
      const found = members.flatMap((line) => interpolate(line, t, log));
      if (found.length === 0) return [];
      const { middle, low, high } = spread(
        found.map(({ value }) => value),
        figure.middle,
      );
      const bounded = found.some(({ value, atMost }) => atMost && value === middle);
      const ends = k === grid.length - 1 && members.every(({ diverged }) => diverged);
      return [{ t, value: middle, low, high, mark: bounded ? "atMost" : ends ? "diverged" : "" }];
    });
    return { name, rows };
  });
}

async function readLines(state: JobState, figure: CurvesFigureSpec): Promise<Line[]> {
  const tables = await Promise.all(
    figure.tables.map((name) =>
      /^[A-Za-z0-9_-]+$/.test(name)
        ? readTable(join(state.directory, `${name}.csv`), { thinned: true })
        : null,
    ),
  );
  const rates = lookUp(state.facts ?? new Map(), "descent.*.learningRate");
  const diverged = rates.filter((_, k) => state.facts?.get(`descent.${k}.diverged`) === true);
  return tables.flatMap((table) => (table === null ? [] : linesOf(table, figure, diverged)));
}

/** A table with learning rates has a line for each, `diverged` ones without a row among them; any other is one line. */
function linesOf(table: Table, figure: CurvesFigureSpec, diverged: readonly Fact[]): Line[] {
  const { [figure.y]: values, learningRate, lambdaMinUpper } = table.values;
  const t = figure.y === "sharpness" ? table.values["sharpnessTime"] : table.values["t"];
  if (t === undefined || values === undefined) return [];
  const from = figure.from ?? 0;
  const bounded = (row: number): boolean =>
    figure.y === "lambdaMin" && table.words["lambdaMinKind"]?.[row] === "upper-bound";
  const pointOf = (row: number): Point =>
    bounded(row)
      ? { t: t[row]!, value: lambdaMinUpper?.[row] ?? values[row]!, atMost: true }
      : { t: t[row]!, value: values[row]! };
  const lineOf = (rate: number | null): Line => {
    const rows = Array.from(t.keys()).filter((row) => rate === null || learningRate![row] === rate);
    const points = rows.map(pointOf).filter(({ t: time, value }) => !Number.isNaN(value) && time >= from);
    return {
      name: rate === null ? FLOW : `η = ${formatNumber(rate, 6)}`,
      points: thinOn(points, figure.xScale === "log"),
      diverged: rate !== null && diverged.includes(rate),
    };
  };
  if (learningRate === undefined) return [lineOf(null)];
  return [...new Set([...learningRate, ...(diverged as number[])])].map(lineOf);
}

/** The point at t between two others, on a log scale where asked; none outside of them, but infinity after divergence. */
function interpolate({ points, diverged }: Line, t: number, log: boolean): Point[] {
  const after = points.findIndex((point) => point.t >= t);
  if (after < 0) return diverged ? [{ t, value: Number.POSITIVE_INFINITY }] : [];
  const right = points[after]!;
  if (right.t === t) return [right];
  const left = points[after - 1];
  if (left === undefined) return [];
  const share = (t - left.t) / (right.t - left.t);
  const [a, b] = [left.value, right.value];
  const joined = [left, right].every(
    ({ value, atMost }) => Number.isFinite(value) && (value > 0 || !log) && !atMost,
  );
  // Nothing lies between a number and one that the scale does not have: the nearer counts.
  if (!joined) return [share < 0.5 ? left : right];
  return [{ t, value: log ? a * (b / a) ** share : a + share * (b - a) }];
}

/** The values that the axis reaches: those of the flows, and what descents have up to a multiple of the largest. */
function valuesToReach(rows: readonly CurveRow[], banded: (row: CurveRow) => boolean): number[] {
  const flows = rows.filter(({ line, value }) => line === FLOW && Number.isFinite(value));
  const cap =
    flows.length === 0
      ? Number.POSITIVE_INFINITY
      : DIVERGENCE_SHOWN * Math.max(...flows.map(({ value }) => value));
  return rows.flatMap((row) =>
    (banded(row) ? [row.low, row.value, row.high] : [row.value]).filter(
      (value) => row.line === FLOW || value <= cap || value === Number.POSITIVE_INFINITY,
    ),
  );
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
  // Where descents lie on the flow a second band of the same colour would say nothing, unless it is that of their batches.
  const both = names.includes(FLOW) && names.length > 1;
  const drawn = sweep.states.some(({ facts }) => facts?.get("descent.batch") !== undefined);
  const isBanded = ({ line }: CurveRow) => !both || drawn || line === FLOW;
  const values = valuesToReach(rows, isBanded);
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
  const bands = rows
    .filter(isBanded)
    .filter(({ t }) => placeOn(plan, t).off === null)
    .map((row) => ({ ...row, low: placeOn(height, row.low).at, high: placeOn(height, row.high).at }));
  const banded = bands.some(({ low, high }) => high > low);
  const traced = labels.flatMap((label, k) =>
    names.map((name) => {
      const own = rows.filter(({ curve, line }) => curve === label && line === name);
      const points = own.map(({ t, value, mark }) => ({ t, value, atMost: mark === "atMost" }));
      const diverged = own.at(-1)?.mark === "diverged";
      const width = both && name === FLOW ? 5 : 1.5;
      const colour = descentStyle(k).colour;
      return { label, name, ...traceCurve({ label, colour, width, points, diverged }, plan, height) };
    }),
  );
  const stretches = traced.flatMap(({ label, name, stretches: found }) =>
    found.flatMap((points, stretch) =>
      points.map(({ t, value }) => ({ curve: label, line: name, t, value, stretch })),
    ),
  );
  const marks = traced.flatMap((one) => one.marks);
  const band = {
    data: { values: bands },
    mark: { type: "area" as const, opacity: 0.15, clip: true },
    encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color, detail: { field: "line" } },
  };
  const lines = {
    data: { values: stretches },
    mark: { type: "line" as const, clip: true },
    encoding: {
      x,
      y,
      color,
      detail: [{ field: "line" }, { field: "stretch" }],
      strokeDash: channel(dashes),
      strokeWidth: channel(widths),
      strokeOpacity: channel(opacities),
    },
  };
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    ...axesOf({ time: plan, up: height }),
    title: {
      text: sweep.manifest.name.replace(/\p{Cc}/gu, " "),
      subtitle: [
        sweepFacts(sweep, merged, figure.middle),
        explained,
        explainMarks(marks, SWEEP_MARKS),
      ].flatMap(wrap),
      limit: UNLIMITED,
    },
    width: PLOT_WIDTH,
    height: PLOT_HEIGHT,
    config: THEME,
    layer: [
      ...laneLayers(plan, x, "x"),
      ...laneLayers(height, y, "y"),
      ...(banded ? [band] : []),
      lines,
      markLayer(marks, x, y),
    ],
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
  polyakLojasiewicz: "μ = ‖∇L‖²/(L − L*)",
};

/** The axis title of a column or fact: in words where it is a common one. */
export function titleOf(name: string): string {
  return TITLES[name] ?? TITLES[name.slice(name.lastIndexOf(".") + 1)] ?? name;
}
