/** Any columns of any records in one picture: a panel for each column, a colour for each record, a dash for each learning rate. */
import { basename, join, resolve } from "node:path";
import type { TopLevelSpec } from "vega-lite";
import { ConfigError } from "../errors.js";
import { type RunRecord, readRecord } from "../record/reader.js";
import { readSweep } from "../record/sweep.js";
import { readTable, type Table } from "../record/table.js";
import { type AxisPlan, formatNumber, planLinearAxis, planLogAxis } from "./axis.js";
import { curvePanel, type PlottedRow, plottedRows, sheet, stack } from "./chart.js";
import { type Curve, hasLogTime, type Point, thinOn } from "./curves.js";
import { BELOW, type Named, namesBelow } from "./key.js";
import { titleOf } from "./quantities.js";
import { descentDash, descentStyle, FLOW_COLOUR, modeColour, PLOT_HEIGHT, PLOT_WIDTH } from "./theme.js";

export interface ColumnsRequest {
  /** Folders of runs and of sweeps, which stand for their runs. */
  readonly directories: readonly string[];
  /** The column across. */
  readonly x: string;
  /** The columns upwards, each with a panel. */
  readonly y: readonly string[];
  /** Where left out: as the records have their times, and by what the values are. */
  readonly xScale?: "log" | "linear";
  readonly yScale?: "log" | "linear";
  /** The part of x that is shown. */
  readonly from?: number;
  readonly to?: number;
  readonly title?: string;
}

export interface ColumnsDrawing {
  readonly spec: TopLevelSpec;
  readonly rows: readonly PlottedRow[];
  /** One sentence for each record that lacks a column. */
  readonly notes: readonly string[];
}

/** One line of one record: the flow, a descent, an eigenvalue. */
interface Line {
  readonly record: number;
  readonly name: string;
  readonly points: readonly Point[];
}

interface Source {
  readonly name: string;
  readonly directory: string;
  readonly record: RunRecord;
  readonly tables: ReadonlyMap<string, Table>;
}

/** Columns that make a table one of several lines, and what a line of them is called. */
const KEYS: Readonly<Record<string, (value: number) => string>> = {
  learningRate: (value) => `GD η = ${formatNumber(value, 6)}`,
  rank: (value) => `rank ${value}`,
};
const FLOW = "gradient flow";
/** Panels beyond this are no picture any more. */
const MOST_PANELS = 6;
/** Positive values that span more than this are drawn on a log axis. */
const LOG_SPAN = 30;

/** @throws ConfigError where a folder is neither a record nor a sweep, or no table of any record has both columns */
export async function drawColumns(request: ColumnsRequest): Promise<ColumnsDrawing> {
  const { directories, x, y, title } = request;
  if (y.length > MOST_PANELS)
    throw new ConfigError(
      `--y: at most ${MOST_PANELS} columns fit into one picture, got ${y.length}; draw several.`,
    );
  const sources = await readSources(directories);
  const notes: string[] = [];
  const panels = y.map((column) => {
    const lines = sources.flatMap((source, k) => {
      const found = linesOf(source, k, x, column);
      if (found.length === 0) notes.push(`${source.directory}: has no ${column} against ${x}.`);
      return found;
    });
    return { column, lines };
  });
  for (const { column, lines } of panels)
    if (lines.length === 0) throw new ConfigError(missing(sources, x, column));
  const lookUp = looksOf(
    sources,
    panels.flatMap(({ lines }) => lines),
  );
  const isLog =
    request.xScale === undefined
      ? sources.every(({ record }) => hasLogTime(record))
      : request.xScale === "log";
  const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = request;
  const across = planAcross(
    panels
      .flatMap(({ lines }) => lines.flatMap(({ points }) => points.map(({ t }) => t)))
      .filter((t) => t >= from && t <= to),
    isLog,
    request,
  );
  const height = y.length === 1 ? PLOT_HEIGHT : Math.max(110, (PLOT_HEIGHT * 1.4) / y.length);
  const size = { width: PLOT_WIDTH, height };
  const several = sources.length > 1;
  const drawn = panels.map(({ column, lines }, k) => {
    const curves = lines.map((line) => ({
      ...lookUp(line),
      points: thinOn(line.points, isLog),
      diverged: false,
    }));
    const inside = curves.flatMap(({ points }) =>
      points.filter(({ t }) => t >= from && t <= to).map(({ value }) => value),
    );
    const up = planUp(inside, request.yScale ?? scaleOf(sources, column, inside));
    const panel = curvePanel(curves, across, up, {
      ...size,
      ...{ title: measureTitle(sources, column) ?? titleOf(column), across: titleOf(x) },
      ...{ labelled: k === panels.length - 1, names: k === 0 },
    });
    return { ...panel, rows: plottedRows(column, curves) };
  });
  const meanings: readonly Named[] = several ? lineMeanings(panels.flatMap(({ lines }) => lines)) : [];
  const last = drawn.length - 1;
  const key = drawn[0]!.key;
  const below = namesBelow(meanings, PLOT_WIDTH, height + BELOW + (last === 0 ? key.bottom : 0));
  const views = drawn.map(({ view }, k) =>
    k === last ? { ...view, layer: [...view.layer, ...below.layers] } : view,
  );
  const words = {
    title: title ?? `${y.map((column) => titleOf(column)).join(", ")} against ${titleOf(x)}`,
    subtitle: several ? [`${sources.length} records`] : [sources[0]!.name],
    look: "",
    facts: [...new Set(drawn.flatMap(({ facts }) => facts)), ...notes],
  };
  return {
    rows: drawn.flatMap(({ rows }) => rows),
    notes,
    spec: sheet(
      words,
      drawn.map(({ plan }) => plan),
      stack(views),
      { right: Math.max(...drawn.map((one) => one.key.right)), bottom: key.bottom + below.bottom },
    ),
  };
}

async function readSources(directories: readonly string[]): Promise<Source[]> {
  const folders: { name: string; directory: string }[] = [];
  for (const directory of directories) {
    const sweep = await readSweep(directory);
    if (sweep === null) folders.push({ name: basename(resolve(directory)), directory });
    else for (const { name } of sweep.jobs) folders.push({ name, directory: join(directory, name) });
  }
  const sources: Source[] = [];
  for (const { name, directory } of folders) {
    const record = await readRecord(directory, { thinned: true });
    const names = record.manifest.files.filter((file) => /^[A-Za-z0-9_-]+\.csv$/.test(file));
    const tables = new Map<string, Table>();
    for (const file of names)
      tables.set(file.slice(0, -4), await readTable(join(directory, file), { thinned: true }));
    sources.push({ name, directory, record, tables });
  }
  return sources;
}

/** The lines of every table of a record that has both columns. */
function linesOf({ record, tables }: Source, index: number, x: string, y: string): Line[] {
  const factor = clockFactor(record);
  const start = tables.get("series");
  return [...tables]
    .flatMap(([, table]) => {
      const values = table.values[y];
      const xs =
        table.values[x] ??
        (x === "canonicalTime" && factor !== null ? table.values["t"]?.map((t) => factor * t) : undefined);
      if (values === undefined || xs === undefined || values === xs) return [];
      const key = Object.keys(KEYS).find(
        (name) => table.values[name] !== undefined && name !== x && name !== y,
      );
      const keys = key === undefined ? null : table.values[key]!;
      const groups = keys === null ? [null] : [...new Set(keys)].filter((value) => !Number.isNaN(value));
      return groups.map((group): Line => {
        const rows = Array.from(values.keys()).filter((row) => group === null || keys![row] === group);
        const points = rows.map((row) => ({ t: xs[row]!, value: values[row]! }));
        const first = key === "learningRate" && isTime(x) ? start?.values[y]?.[0] : undefined;
        return {
          record: index,
          name: group === null ? FLOW : KEYS[key!]!(group),
          // Descents start where the flow does, at θ₀.
          points: [...(first === undefined ? [] : [{ t: 0, value: first }]), ...points].filter(
            ({ t, value }) => !Number.isNaN(t) && !Number.isNaN(value),
          ),
        };
      });
    })
    .filter(({ points }) => points.length > 0);
}

function isTime(x: string): boolean {
  return x === "t" || x === "canonicalTime" || x === "step";
}

/** τ/t, of runs that have it. */
function clockFactor({ series: { t, canonicalTime } }: RunRecord): number | null {
  const row = t.findLastIndex((time) => time > 0);
  const factor = row < 0 ? Number.NaN : canonicalTime[row]! / t[row]!;
  return Number.isFinite(factor) ? factor : null;
}

/** What is drawn how: of one record as in its own figures, of several a colour each and a dash for each line. */
function looksOf(sources: readonly Source[], lines: readonly Line[]): (line: Line) => Omit<Curve, "points"> {
  const names = [...new Set(lines.map(({ name }) => name))];
  const others = names.filter((name) => name !== FLOW);
  const firstOf = new Map<number, string>();
  for (const { record, name } of lines) if (!firstOf.has(record)) firstOf.set(record, name);
  return ({ record, name }) => {
    const rank = others.indexOf(name);
    if (sources.length === 1) {
      if (name !== FLOW) return { label: name, ...descentStyle(rank), width: 1.6 };
      return others.length === 0
        ? { label: name, ...descentStyle(0), width: 1.8 }
        : { label: name, colour: FLOW_COLOUR, dash: [1, 0], width: 5 };
    }
    const dash =
      name === FLOW || (!names.includes(FLOW) && rank === 0)
        ? [1, 0]
        : descentDash(names.includes(FLOW) ? rank : rank - 1);
    const isFirst = firstOf.get(record) === name;
    return {
      label: isFirst ? sources[record]!.name : `${sources[record]!.name}, ${name}`,
      ...{ colour: colourOf(record, sources.length), dash, width: name === FLOW ? 1.8 : 1.4, named: isFirst },
    };
  };
}

/** Few records have colours that are easily told apart, many an ordered palette. */
function colourOf(record: number, count: number): string {
  return count <= DISTINCT ? descentStyle(record).colour : modeColour(record, count);
}

/** Colours that are easily told apart. */
const DISTINCT = 6;

/** What the dashes mean, where there are several lines of a record. */
function lineMeanings(lines: readonly Line[]): Named[] {
  const names = [...new Set(lines.map(({ name }) => name))];
  if (names.length < 2) return [];
  const others = names.filter((name) => name !== FLOW);
  const solid = names.includes(FLOW) ? FLOW : others[0]!;
  return [solid, ...others.filter((name) => name !== solid)].map((label, k) => ({
    ...{ label, colour: "#555555", dash: k === 0 ? [1, 0] : descentDash(k - 1), width: k === 0 ? 1.8 : 1.4 },
  }));
}

function planAcross(xs: readonly number[], isLog: boolean, { from, to }: ColumnsRequest): AxisPlan {
  const ends = [...(from === undefined ? [] : [from]), ...(to === undefined ? [] : [to])];
  const reached = [...xs, ...(isLog ? ends.filter((end) => end > 0) : ends)];
  if (isLog) return planLogAxis(from === undefined ? reached : reached.filter((t) => t >= from), 0);
  const touchesZero = from === undefined && reached.every((t) => !(t < 0));
  return planLinearAxis(reached, touchesZero, true);
}

function planUp(values: readonly number[], scale: "log" | "linear"): AxisPlan {
  return scale === "log" ? planLogAxis(values) : planLinearAxis(values);
}

/** What the measure says, else log where all values are positive, or zero, and span much. */
function scaleOf(sources: readonly Source[], column: string, values: readonly number[]): "log" | "linear" {
  const said = measureColumn(sources, column)?.scale;
  if (said === "log" || said === "linear") return said;
  const positive = values.filter((value) => value > 0 && Number.isFinite(value));
  if (positive.length === 0 || values.some((value) => value < 0)) return "linear";
  const [least, most] = positive.reduce(
    ([p, q], value) => [Math.min(p, value), Math.max(q, value)],
    [Infinity, 0],
  );
  return most / least > LOG_SPAN || column === "loss" ? "log" : "linear";
}

function measureColumn(sources: readonly Source[], column: string) {
  const all = sources.flatMap(({ record }) =>
    (record.manifest.measures ?? []).flatMap(({ columns }) => columns),
  );
  return all.find(({ name }) => name === column);
}

function measureTitle(sources: readonly Source[], column: string): string | undefined {
  const found = measureColumn(sources, column);
  return found === undefined
    ? undefined
    : found.label === found.axis
      ? found.label
      : `${found.axis}: ${found.label}`;
}

function missing(sources: readonly Source[], x: string, y: string): string {
  const known = new Set(
    sources.flatMap(({ tables }) =>
      [...tables.values()]
        .filter(({ values }) => values[x] !== undefined || x === "canonicalTime")
        .flatMap(({ columns }) => columns),
    ),
  );
  const where = sources.length === 1 ? sources[0]!.directory : `any of ${sources.length} records`;
  if (known.size === 0) {
    const all = new Set(
      sources.flatMap(({ tables }) => [...tables.values()].flatMap(({ columns }) => columns)),
    );
    return `--x: no table of ${where} has a column ${x}; there are ${[...all].join(", ")}.`;
  }
  return `--y: no table of ${where} has both ${y} and ${x}; beside ${x} there are ${[...known].filter((name) => name !== x).join(", ")}.`;
}
