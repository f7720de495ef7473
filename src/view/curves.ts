/**
 * What a column of a record is drawn as: the flow's curve from `series.csv` or `ntk.csv`, one of each descent from `descent.csv`, one of each
 * other flow beside a descent from `flows.csv`, or from `gaps.csv` where no other table has it, over the clock that was asked for.
 */
import { join } from "node:path";
import { ConfigError } from "../errors.js";
import { type BlockIndex, createBlockIndex } from "./block-index.js";
import { readWindow } from "./window.js";

/** The table that stands for the flow comes first: `loss` and `t` are in several. */
export const TABLES = ["series", "ntk", "descent", "flows", "gaps"] as const;
export type TableName = (typeof TABLES)[number];

/** What each clock is called in each table; null where the table does not have it. */
const CLOCKS: Readonly<Record<string, Readonly<Record<TableName, string | null>>>> = {
  t: { series: "t", ntk: "t", descent: "t", flows: "t", gaps: "t" },
  /** τ = 2ct; of a descent by the factor that the flow's own rows show. */
  tau: { series: "canonicalTime", ntk: "canonicalTime", descent: "t", flows: "t", gaps: "t" },
  /** Steps: k of a descent, accepted steps of the flow. */
  k: { series: "acceptedSteps", ntk: null, descent: "step", flows: "step", gaps: "step" },
  /** Gradients: full batches, so one a step of a descent; of another flow its work in gradients. */
  evaluations: {
    ...{ series: "gradientEvaluations", ntk: null, descent: "step" },
    ...{ flows: "gradientEquivalents", gaps: "step" },
  },
};

/** Columns that are clocks or names of curves, not values. */
const NO_VALUES = ["kind", "learningRate", "step"];

export interface Curve {
  readonly table: TableName;
  /** Of a flow beside descent its kind; empty otherwise. */
  readonly kind: string;
  /** η as it stands in the table; empty for the flow. */
  readonly learningRate: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** Where y is ±∞ or NaN, one x for each column of pixels. */
  readonly lost: readonly number[];
  /** Rows of the table, and how many of the curve have no place on a scale: they are ±∞ or NaN, or 0 or less. */
  readonly rows: number;
  readonly notFinite: number;
  readonly notPositive: number;
  /** Of all the curve's x; `leastPositive` where a logarithmic axis begins. */
  readonly extent: { readonly least: number; readonly greatest: number; readonly leastPositive: number };
}

export interface CurveRequest {
  readonly x: string;
  readonly y: string;
  readonly from: number | null;
  readonly to: number | null;
  readonly pixels: number;
  readonly log: boolean;
}

/** How far a table was read, so that a follower can tell what is new. */
export interface Reading {
  readonly generation: number;
  readonly bytes: number;
}

export interface CurveAnswer {
  readonly curves: readonly Curve[];
  readonly reading: Readonly<Partial<Record<TableName, Reading>>>;
}

export interface NewRows {
  readonly table: TableName;
  readonly kind: string;
  readonly learningRate: string;
  readonly x: number[];
  readonly y: number[];
  readonly lost: number[];
}

/** The indices of tables, kept as long as they fit. @param root no link leads out of it */
export function createTables(root: string, mostBytes = 96e6) {
  const indices = new Map<string, BlockIndex>();

  function indexOf(directory: string, table: TableName): BlockIndex {
    const path = join(directory, `${table}.csv`);
    const index = indices.get(path) ?? createBlockIndex(root, path);
    // The last used stands last.
    indices.delete(path);
    indices.set(path, index);
    return index;
  }

  function shrink(): void {
    let total = 0;
    for (const index of indices.values()) total += index.size() + 4096;
    for (const [path, index] of indices) {
      if (total <= mostBytes || indices.size === 1) return;
      total -= index.size() + 4096;
      indices.delete(path);
    }
  }

  /** The columns of values, by table. */
  async function columns(directory: string): Promise<Record<TableName, readonly string[]>> {
    const found = { series: [], ntk: [], descent: [], flows: [], gaps: [] } as Record<
      TableName,
      readonly string[]
    >;
    for (const table of TABLES) {
      const index = indexOf(directory, table);
      if (await index.update([])) found[table] = index.columns.filter((name) => !NO_VALUES.includes(name));
    }
    shrink();
    return found;
  }

  /** The tables that have a column: one for the flow, and that of the descents. */
  async function tablesOf(directory: string, y: string): Promise<TableName[]> {
    const found: TableName[] = [];
    for (const table of TABLES) {
      if (table === "ntk" && found.includes("series")) continue;
      // The λ of gaps.csv are of another matrix than those of ntk.csv.
      if (table === "gaps" && found.length > 0) continue;
      const index = indexOf(directory, table);
      if ((await index.update([])) && index.columns.includes(y)) found.push(table);
    }
    return found;
  }

  async function curves(directory: string, request: CurveRequest): Promise<CurveAnswer> {
    const clock = clockOf(request.x);
    const answer: Curve[] = [];
    const reading: Partial<Record<TableName, Reading>> = {};
    for (const table of await tablesOf(directory, request.y)) {
      const x = clock[table];
      if (x === null) continue;
      const index = indexOf(directory, table);
      await index.update([x, request.y]);
      const factor = await factorOf(directory, table, request.x);
      if (!Number.isFinite(factor)) continue;
      reading[table] = { generation: index.generation, bytes: index.bytes };
      for (const lane of index.lanes()) {
        const window = { from: scaled(request.from, 1 / factor), to: scaled(request.to, 1 / factor) };
        const points = await readWindow(index, { ...request, ...window, lane, x });
        if (points === null) continue;
        const [xs, ys] = [index.column(lane, x)!, index.column(lane, request.y)!];
        answer.push({
          ...{ table, ...nameOf(lane) },
          ...{ x: times(points.x, factor), y: points.y, lost: times(points.lost, factor) },
          ...{ rows: index.rows, notFinite: ys.notFinite, notPositive: ys.notPositive },
          extent: {
            least: xs.least * factor,
            greatest: xs.greatest * factor,
            leastPositive: xs.leastPositive * factor,
          },
        });
      }
    }
    shrink();
    return { curves: answer, reading };
  }

  /** The rows behind `since`, of one table; null where the file is another by now, or has more new rows than are worth sending. */
  async function newRows(
    directory: string,
    table: TableName,
    { x: clock, y }: { readonly x: string; readonly y: string },
    since: Reading,
    most: number,
  ): Promise<{ readonly rows: NewRows[]; readonly reading: Reading } | null> {
    const x = clockOf(clock)[table];
    if (x === null) return { rows: [], reading: since };
    const index = indexOf(directory, table);
    await index.update([x, y]);
    if (index.generation !== since.generation || index.bytes < since.bytes) return null;
    const reading = { generation: index.generation, bytes: index.bytes };
    const factor = await factorOf(directory, table, clock);
    const byLane = new Map<string, NewRows>();
    let count = 0;
    await index.visit(since.bytes, reading.bytes, [x, y], (lane, [atX, atY]) => {
      if (++count > most || atX === undefined || atY === undefined) return;
      if (!Number.isFinite(atX)) return;
      const own = byLane.get(lane) ?? { table, ...nameOf(lane), x: [], y: [], lost: [] };
      byLane.set(lane, own);
      if (!Number.isFinite(atY)) {
        own.lost.push(atX * factor);
        return;
      }
      own.x.push(atX * factor);
      own.y.push(atY);
    });
    return count > most ? null : { rows: [...byLane.values()], reading };
  }

  /** τ of a descent's t: the factor 2c, as the flow's last row has it; 1 elsewhere. NaN where there is no such clock. */
  async function factorOf(directory: string, table: TableName, clock: string): Promise<number> {
    if (clock !== "tau" || table === "series" || table === "ntk") return 1;
    const series = indexOf(directory, "series");
    await series.update(["t", "canonicalTime"]);
    return (
      (series.column("", "canonicalTime")?.greatest ?? Number.NaN) /
      (series.column("", "t")?.greatest ?? Number.NaN)
    );
  }

  return { columns, curves, newRows };
}

export type Tables = ReturnType<typeof createTables>;

function clockOf(name: string): Readonly<Record<TableName, string | null>> {
  const clock = Object.hasOwn(CLOCKS, name) ? CLOCKS[name] : undefined;
  if (clock === undefined)
    throw new ConfigError(`x must be ${Object.keys(CLOCKS).join(", ")}, got ${JSON.stringify(name)}.`);
  return clock;
}

/** A lane of flows.csv is of a kind and a learning rate; of other tables of the rate alone. */
function nameOf(lane: string): Pick<Curve, "kind" | "learningRate"> {
  const [learningRate = "", kind = ""] = lane.split(" ").reverse();
  return { kind, learningRate };
}

const times = (values: number[], factor: number): number[] =>
  factor === 1 ? values : values.map((value) => value * factor);

const scaled = (value: number | null, factor: number): number | null =>
  value === null ? null : value * factor;
