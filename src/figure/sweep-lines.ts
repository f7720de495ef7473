/** The lines that a sweep's curves are made of: read from its records, and those of a group's runs merged into one. */
import { join } from "node:path";
import { ERROR_CHECK_COLUMNS } from "../record/columns.js";
import { type Fact, lookUp } from "../record/facts.js";
import { inTurn } from "../record/in-turn.js";
import { readColumns } from "../record/reader.js";
import type { CurvesFigureSpec } from "../record/sweep.js";
import type { JobState } from "../record/sweep-states.js";
import { readTable, type Table } from "../record/table.js";
import { formatNumber } from "./axis.js";
import { type Point, thinOn } from "./curves.js";
import { bandAt, tighterPoints } from "./error-band.js";
import { createReader } from "./interpolate.js";
import { type Group, spread } from "./sweep-groups.js";

/** The name of the flow's line; descents are named after their learning rates. */
export const FLOW = "flow";

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

/** One line of one run. */
export interface Line {
  /** `flow`, or the learning rate of a descent. */
  readonly name: string;
  readonly points: readonly Point[];
  /** A descent that diverged: infinite from its last point on. */
  readonly diverged: boolean;
  /** Of a flow's loss, what a second run had (flow.errorCheck). */
  readonly tighter?: readonly Point[];
}

/** Where lines come from that are no columns of a table, and what there is to say of them. */
export interface LineSource {
  read(state: JobState): Promise<Line[]>;
  readonly explained: readonly string[];
}

type MergedRow = Omit<CurveRow, "curve" | "line">;

/**
 * The lines of the runs of a group, one on another: on the times of the longest, the others interpolated. Their ends are those of the runs, or
 * where nothing is merged those of the error that a second run found.
 */
export async function mergeLines(
  group: Group,
  figure: CurvesFigureSpec,
  isMerged: boolean,
  source: LineSource | null,
): Promise<{ name: string; rows: MergedRow[]; fewerFrom: number | null }[]> {
  const runs = await inTurn(group.states, (state) =>
    source === null ? readLines(state, figure) : source.read(state),
  );
  const names = [...new Set(runs.flat().map(({ name }) => name))];
  return names.map((name) => {
    const members = runs.flatMap((lines) => lines.filter((line) => line.name === name));
    const lastTime = ({ points }: Line) => points.at(-1)?.t ?? 0;
    const grid = members.reduce((a, b) => (lastTime(b) > lastTime(a) ? b : a)).points;
    const log = figure.yScale === "log";
    const readers = members.map((line) => createReader(line, log));
    const rows = grid.flatMap(({ t }, k) => {
      const found: number[] = [];
      const bounds: number[] = [];
      for (const read of readers) {
        const point = read(t);
        if (point === null) continue;
        found.push(point.value);
        if (point.atMost) bounds.push(point.value);
      }
      if (found.length === 0) return [];
      const { middle, ...range } = spread(found, figure.middle);
      const { tighter } = members[0]!;
      const { low, high } =
        isMerged || tighter === undefined ? range : bandAt({ t, value: middle }, tighter, log);
      const bounded = bounds.includes(middle);
      const ends = k === grid.length - 1 && members.every(({ diverged }) => diverged);
      return [{ t, value: middle, low, high, mark: bounded ? "atMost" : ends ? "diverged" : "" }];
    });
    const firstEnd = Math.min(...members.map(lastTime));
    const goesOn = firstEnd < (grid.at(-1)?.t ?? 0) * (1 - SAME_END);
    return { name, rows, fewerFrom: isMerged && goesOn ? firstEnd : null };
  });
}

/** Ends of runs that differ by less, relatively, are one. */
const SAME_END = 1e-9;

async function readLines(state: JobState, figure: CurvesFigureSpec): Promise<Line[]> {
  const tables = await Promise.all(
    figure.tables.map((name) =>
      /^[A-Za-z0-9_-]+$/.test(name)
        ? readTable(join(state.directory, `${name}.csv`), { thinned: true, names: columnsOf(figure) })
        : null,
    ),
  );
  const rates = lookUp(state.facts ?? new Map(), "descent.*.learningRate");
  const diverged = rates.filter((_, k) => state.facts?.get(`descent.${k}.diverged`) === true);
  const tighter =
    figure.y === "loss"
      ? tighterPoints(await readColumns(join(state.directory, "error-check.csv"), ERROR_CHECK_COLUMNS))
      : [];
  const lines = tables
    .flatMap((table) => (table === null ? [] : linesOf(table, figure, diverged)))
    .map((line) => (line.name === FLOW && tighter.length > 0 ? { ...line, tighter } : line));
  // Descents start where the flow does, at θ₀.
  const start = lines.find(({ name }) => name === FLOW)?.points[0];
  return lines.map((line) =>
    start?.t === 0 && line.name !== FLOW && line.points[0] !== undefined && line.points[0].t > 0
      ? { ...line, points: [start, ...line.points] }
      : line,
  );
}

/** What `linesOf` looks at. */
const columnsOf = ({ y }: CurvesFigureSpec): string[] => [
  ...new Set([y, "t", "kind", "sharpnessTime", "learningRate", "lambdaMinUpper", "lambdaMinKind"]),
];

/**
 * A table with learning rates has a line for each, `diverged` ones without a row among them, and of flows beside descent one for each of these; any other
 * is one line.
 */
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
  const kinds = table.words["kind"];
  const lineOf = (rate: number | null, kind?: string): Line => {
    const rows = Array.from(t.keys()).filter(
      (row) => (rate === null || learningRate![row] === rate) && (kind === undefined || kinds![row] === kind),
    );
    const points = rows.map(pointOf).filter(({ t: time, value }) => !Number.isNaN(value) && time >= from);
    return {
      name: rate === null ? FLOW : nameOf(rate, kind),
      points: thinOn(points, figure.xScale === "log"),
      diverged: rate !== null && diverged.includes(rate),
    };
  };
  if (learningRate === undefined) return [lineOf(null)];
  const rates = [...new Set([...learningRate, ...(diverged as number[])])];
  const nameOf = (rate: number, kind?: string): string => {
    const own = `η = ${formatNumber(rate, 6)}`;
    if (kind === undefined) return own;
    const flow = kind === "gradient" ? FLOW : `${kind} flow`;
    return rates.length === 1 ? flow : `${flow}, ${own}`;
  };
  if (kinds === undefined) return rates.map((rate) => lineOf(rate));
  return rates.flatMap((rate) => [...new Set(kinds)].map((kind) => lineOf(rate, kind)));
}
