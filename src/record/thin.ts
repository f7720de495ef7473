/** A long table reduced to what a picture of it can show, whatever column is drawn, over time or over its logarithm. */
import { detach, visitRows } from "./rows.js";

/** Tables up to this length are read as they are. */
const WHOLE_ROWS = 20_000;
/** Spans that each axis of time is divided into: more than a picture has columns of pixels. */
const SPANS = 1500;

/** Chosen rows of a table with their numbers, in order. */
export interface ThinRows {
  readonly columns: readonly string[];
  readonly rows: string[][];
}

/**
 * Reads a table with a column `t`. Of a long one remain, in every span of time and for every learning rate, the first and the last
 * row, those where a column is least and greatest, and the first where it is no finite number. Null where there is no such file.
 */
export async function readThinned(path: string): Promise<ThinRows | null> {
  let count = 0;
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  const rows: string[][] = [];
  const columns = await visitRows(path, (cells, row, names) => {
    count = row + 1;
    if (count <= WHOLE_ROWS) rows.push([...cells]);
    const t = Number(cells[names.indexOf("t")]);
    if (t > 0 && t < first) first = t;
    if (t > last) last = t;
  });
  if (columns === null) return null;
  if (count <= WHOLE_ROWS || !columns.includes("t"))
    return count <= rows.length ? { columns, rows } : readWhole(path);
  return { columns, rows: await choose(path, columns, first, last) };
}

async function readWhole(path: string): Promise<ThinRows | null> {
  const rows: string[][] = [];
  const columns = await visitRows(path, (cells) => rows.push([...cells]));
  return columns === null ? null : { columns, rows };
}

/** The rows of one span that may have to be kept. */
interface Span {
  readonly place: string;
  readonly first: Numbered;
  last: Numbered;
  readonly low: Extreme[];
  readonly high: Extreme[];
  readonly odd: Numbered[];
}

type Numbered = readonly [row: number, cells: readonly string[]];
type Extreme = { value: number; at: Numbered } | undefined;

async function choose(
  path: string,
  columns: readonly string[],
  first: number,
  last: number,
): Promise<string[][]> {
  const [time, group] = [columns.indexOf("t"), columns.indexOf("learningRate")];
  const decades = Math.log(last / first);
  const placeOf = (t: number): string =>
    `${Math.floor((SPANS * t) / last)} ${t > 0 ? Math.floor((SPANS * Math.log(t / first)) / decades) : ""}`;
  const chosen = new Map<number, string[]>();
  const spans = new Map<string, Span>();
  const close = (span: Span): void => {
    const extremes = [...span.low, ...span.high].flatMap((extreme) => (extreme ? [extreme.at] : []));
    for (const [row, cells] of [span.first, span.last, ...span.odd.filter(Boolean), ...extremes])
      if (!chosen.has(row)) chosen.set(row, cells.map(detach));
  };
  await visitRows(path, (line, row) => {
    const cells = [...line];
    const key = group < 0 ? "" : cells[group]!;
    const place = placeOf(Number(cells[time]));
    const at: Numbered = [row, cells];
    let span = spans.get(key);
    if (span?.place !== place) {
      if (span !== undefined) close(span);
      span = { place, first: at, last: at, low: [], high: [], odd: [] };
      spans.set(key, span);
    }
    span.last = at;
    for (let k = 0; k < cells.length; k++) {
      const cell = cells[k]!;
      if (cell === "") continue;
      const value = Number(cell);
      if (!Number.isFinite(value)) span.odd[k] ??= at;
      else {
        if (!(span.low[k] !== undefined && span.low[k]!.value <= value)) span.low[k] = { value, at };
        if (!(span.high[k] !== undefined && span.high[k]!.value >= value)) span.high[k] = { value, at };
      }
    }
  });
  for (const span of spans.values()) close(span);
  return [...chosen].sort(([a], [b]) => a - b).map(([, cells]) => cells);
}
