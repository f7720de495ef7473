/**
 * A table of any length as a picture needs it: where every block of rows begins in the file and, for the columns asked for, what lies in it.
 * A window of the picture then takes whole blocks from here and reads only those that are wider than a pixel.
 */
import { type FileHandle, open } from "node:fs/promises";
import { splitLine } from "../record/rows.js";
import { stampOf, statInside } from "./inside.js";

/** Rows of a block: of a table of a million rows there are sixteen thousand. */
export const BLOCK_ROWS = 64;
const CHUNK = 1 << 20;
/** As much of the end of what was read as tells whether the file is still the same. */
const TAIL = 256;

/** Numbers that come block by block; NaN where a block has none. */
class Numbers {
  private data = new Float64Array(16).fill(Number.NaN);

  get(block: number): number {
    return this.data[block] ?? Number.NaN;
  }

  set(block: number, value: number): void {
    if (block >= this.data.length) {
      const larger = new Float64Array(Math.max(2 * this.data.length, block + 1)).fill(Number.NaN);
      larger.set(this.data);
      this.data = larger;
    }
    this.data[block] = value;
  }

  get bytes(): number {
    return this.data.byteLength;
  }
}

/** One column of one lane. Blocks that hold no finite number of it have NaN in the first four. */
export interface ColumnBlocks {
  readonly first: Numbers;
  readonly last: Numbers;
  readonly low: Numbers;
  readonly high: Numbers;
  /** How many of the block's values are ±∞ or NaN in words; NaN where none is. */
  readonly lost: Numbers;
  /** Rows whose cell is ±∞ or NaN in words; a blank cell is no value and counts nowhere. */
  notFinite: number;
  /** Rows whose value is 0 or less: no place on a logarithmic axis. */
  notPositive: number;
  /** The least positive value, infinity where there is none. */
  leastPositive: number;
  least: number;
  greatest: number;
}

/** Columns that part the rows of a table into curves. */
const GROUPS = ["kind", "learningRate"];

/** The rows of one learning rate, of one kind of flow where the table has kinds, parted by a space; of tables without them all rows, under the empty name. */
type Lane = Map<string, ColumnBlocks>;

export interface BlockIndex {
  readonly columns: readonly string[];
  /** Whole rows that were read, and the byte behind the last of them. */
  readonly rows: number;
  readonly bytes: number;
  readonly blocks: number;
  /** Goes up when the file turned out to be another than before. */
  readonly generation: number;
  lanes(): readonly string[];
  column(lane: string, column: string): ColumnBlocks | undefined;
  /** Reads on to the end of the file, columns not asked for before from its start. False where there is no such file. */
  update(columns: readonly string[]): Promise<boolean>;
  /** The cells of these columns in the whole rows between two bytes, in order. */
  visit(from: number, to: number, columns: readonly string[], each: RowVisit): Promise<void>;
  /** The byte at which a block begins; the end for the one behind the last. */
  startOf(block: number): number;
  /** Bytes of memory. */
  size(): number;
}

/** Values as numbers; undefined for a blank cell. */
export type RowVisit = (lane: string, values: readonly (number | undefined)[]) => void;

/** @param root no link leads out of it */
export function createBlockIndex(root: string, path: string): BlockIndex {
  let columns: string[] = [];
  let header = 0;
  let rows = 0;
  let bytes = 0;
  let generation = 0;
  let inode = 0;
  let stamp = "";
  let tail: Buffer = Buffer.alloc(0);
  let starts = new Numbers();
  let lanes = new Map<string, Lane>();
  let known = new Set<string>();
  let queue: Promise<unknown> = Promise.resolve();

  function reset(): void {
    columns = [];
    header = rows = bytes = 0;
    stamp = "";
    tail = Buffer.alloc(0);
    starts = new Numbers();
    lanes = new Map();
    known = new Set();
    generation++;
  }

  /** Of this file, opened where it is one that may be read. */
  async function withFile<T>(action: (file: FileHandle, size: number) => Promise<T>): Promise<T | null> {
    const stats = await statInside(root, path);
    if (stats === null) return null;
    const file = await open(path, "r");
    try {
      return await action(file, stats.size);
    } finally {
      await file.close();
    }
  }

  async function update(wanted: readonly string[]): Promise<boolean> {
    const stats = await statInside(root, path);
    if (stats === null) {
      if (bytes > 0) reset();
      return false;
    }
    if (stampOf(stats) === stamp && wanted.every((name) => known.has(name))) return true;
    await withFile(async (file, size) => {
      if (bytes > 0 && (size < bytes || stats.ino !== inode || !(await sameTail(file)))) reset();
      inode = stats.ino;
      if (bytes === 0 && !(await readHeader(file, size))) return;
      const added = wanted.filter((name) => columns.includes(name) && !known.has(name));
      if (added.length > 0 && rows > 0) await scan(file, header, bytes, added, 0);
      for (const name of wanted) known.add(name);
      const before = bytes;
      const read = await scan(
        file,
        bytes,
        size,
        [...known].filter((name) => columns.includes(name)),
        rows,
        true,
      );
      rows += read.rows;
      bytes = read.end;
      if (bytes > before) tail = await readAt(file, Math.max(0, bytes - TAIL), Math.min(TAIL, bytes));
      stamp = stampOf(stats);
    });
    return true;
  }

  async function sameTail(file: FileHandle): Promise<boolean> {
    return (await readAt(file, bytes - tail.length, tail.length)).equals(tail);
  }

  async function readHeader(file: FileHandle, size: number): Promise<boolean> {
    const head = await readAt(file, 0, Math.min(size, CHUNK));
    const end = head.indexOf(10);
    if (end < 0) return false;
    columns = splitLine(path, head.toString("utf8", 0, end).replace(/\r$/, ""));
    header = bytes = end + 1;
    return true;
  }

  /** Takes rows into the index. `isNew`: they also begin blocks. */
  async function scan(
    file: FileHandle,
    from: number,
    to: number,
    names: readonly string[],
    row: number,
    isNew = false,
  ) {
    const first = row;
    const end = await visitLines(file, path, from, to, columns, names, (lane, values, at) => {
      const block = Math.floor(row / BLOCK_ROWS);
      if (isNew && row % BLOCK_ROWS === 0) starts.set(block, at);
      row++;
      const own = lanes.get(lane) ?? new Map<string, ColumnBlocks>();
      lanes.set(lane, own);
      for (let k = 0; k < names.length; k++) {
        const value = values[k];
        if (value !== undefined) note(own, names[k]!, block, value);
      }
    });
    return { rows: row - first, end };
  }

  /** One use of the file at a time, so that no row is counted twice. */
  function inLine<T>(action: () => Promise<T>): Promise<T> {
    const next = queue.then(action, action);
    queue = next.catch(() => undefined);
    return next;
  }

  return {
    get columns() {
      return columns;
    },
    get rows() {
      return rows;
    },
    get bytes() {
      return bytes;
    },
    get blocks() {
      return Math.ceil(rows / BLOCK_ROWS);
    },
    get generation() {
      return generation;
    },
    lanes: () => [...lanes.keys()],
    column: (lane, column) => lanes.get(lane)?.get(column),
    update: (wanted) => inLine(() => update(wanted)),
    visit: (from, to, names, each) =>
      inLine(async () => {
        await withFile((file, size) =>
          visitLines(file, path, from, Math.min(to, size), columns, names, each),
        );
      }),
    startOf: (block) => (block * BLOCK_ROWS >= rows ? bytes : starts.get(block)),
    size() {
      let total = starts.bytes;
      for (const lane of lanes.values())
        for (const { first, last, low, high, lost } of lane.values())
          total += first.bytes + last.bytes + low.bytes + high.bytes + lost.bytes;
      return total;
    },
  };
}

function note(lane: Lane, name: string, block: number, value: number): void {
  let column = lane.get(name);
  if (column === undefined) {
    column = {
      ...{ first: new Numbers(), last: new Numbers(), low: new Numbers(), high: new Numbers() },
      lost: new Numbers(),
      ...{ notFinite: 0, notPositive: 0, leastPositive: Number.POSITIVE_INFINITY },
      ...{ least: Number.POSITIVE_INFINITY, greatest: Number.NEGATIVE_INFINITY },
    };
    lane.set(name, column);
  }
  if (!Number.isFinite(value)) {
    column.notFinite++;
    column.lost.set(block, (column.lost.get(block) || 0) + 1);
    return;
  }
  if (value <= 0) column.notPositive++;
  else if (value < column.leastPositive) column.leastPositive = value;
  if (value < column.least) column.least = value;
  if (value > column.greatest) column.greatest = value;
  const { first, last, low, high } = column;
  if (Number.isNaN(first.get(block))) {
    first.set(block, value);
    low.set(block, value);
    high.set(block, value);
  } else {
    if (value < low.get(block)) low.set(block, value);
    if (value > high.get(block)) high.set(block, value);
  }
  last.set(block, value);
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/**
 * Visits the whole lines between two bytes; of each only the named cells become text.
 * @returns the byte behind the last whole line
 */
async function visitLines(
  file: FileHandle,
  path: string,
  from: number,
  to: number,
  columns: readonly string[],
  names: readonly string[],
  each: (lane: string, values: readonly (number | undefined)[], at: number) => void,
): Promise<number> {
  const places = names.map((name) => columns.indexOf(name));
  const groups = GROUPS.map((name) => columns.indexOf(name)).filter((place) => place >= 0);
  const values = new Array<number | undefined>(names.length);
  /** Which of `values` a cell fills; several columns of one name count as the last. */
  const slot = new Int32Array(columns.length).fill(-1);
  for (const [k, place] of places.entries()) if (place >= 0) slot[place] = k;
  const lastWanted = Math.max(...groups, ...places);
  const laneNames = new Map<string, string>();
  const laneOf = (text: string): string => {
    const kept = laneNames.get(text);
    if (kept !== undefined) return kept;
    laneNames.set(text, text);
    return text;
  };
  let position = from;
  let end = from;
  let rest: Buffer = Buffer.alloc(0);
  while (position < to) {
    const part = await readAt(file, position, Math.min(CHUNK, to - position));
    if (part.length === 0) break;
    position += part.length;
    const text = rest.length === 0 ? part : Buffer.concat([rest, part]);
    let start = 0;
    let quote = text.indexOf(34);
    for (let stop = text.indexOf(10); stop >= 0; stop = text.indexOf(10, start)) {
      if (quote >= 0 && quote < start) quote = text.indexOf(34, start);
      takeLine(text, start, stop, end + start, quote >= 0 && quote < stop);
      start = stop + 1;
    }
    end += start;
    rest = text.subarray(start);
  }
  return end;

  function takeLine(text: Buffer, start: number, stop: number, at: number, quoted: boolean): void {
    let lane = "";
    values.fill(undefined);
    if (quoted) {
      const cells = splitLine(path, text.toString("utf8", start, stop));
      lane = laneOf(groups.map((place) => cells[place] ?? "").join(" "));
      for (const [k, place] of places.entries()) values[k] = numberOf(cells[place] ?? "");
    } else {
      let cell = 0;
      let from = start;
      for (let i = start; i <= stop && cell <= lastWanted; i++) {
        if (i < stop && text[i] !== 44) continue;
        if (groups.includes(cell)) {
          const part = text.toString("latin1", from, i).trimEnd();
          lane = laneOf(lane === "" ? part : `${lane} ${part}`);
        }
        const k = slot[cell] ?? -1;
        if (k >= 0) values[k] = numberOf(text.toString("latin1", from, i));
        cell++;
        from = i + 1;
      }
    }
    each(lane, values, at);
  }
}

/** A word that is no number reads as no value, the words NaN and Infinity as what they say. */
function numberOf(cell: string): number | undefined {
  if (cell === "" || cell === "\r") return undefined;
  const value = Number(cell);
  return Number.isNaN(value) && cell.trim() !== "NaN" ? undefined : value;
}
