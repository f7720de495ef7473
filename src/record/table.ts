/** CSV tables that grow row by row and survive a kill: a row is one write ending in a newline, so only the last line can be torn. */
import {
  appendFileSync,
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
} from "node:fs";
import { ConfigError } from "../errors.js";
import { WORD_COLUMNS } from "./columns.js";
import { writeFault } from "./files.js";
import { detach, type Visit, visitRows } from "./rows.js";
import { readThinned } from "./thin.js";

/** `null`, `undefined` and an omitted key are a missing value: an empty cell. */
type Cell = number | string | boolean | null | undefined;
export type Row<Column extends string> = { readonly [K in Column]?: Cell };

export interface TableWriter<Column extends string> {
  readonly path: string;
  readonly columns: readonly Column[];
  /** Writes one row at once. Throws ConfigError where the disk refuses, TypeError for a column the table has not. */
  append(row: Row<Column>): void;
  /** Brings what is appended to the disk and returns the length of the file in bytes. */
  sync(): number;
  /** Ends the table; a second call does nothing. */
  close(): void;
}

/**
 * Starts a new CSV file with its header, or goes on with its first `length` bytes. Throws ConfigError where `path` exists, is shorter
 * or cannot be written.
 */
export function createTable<const Column extends string>(
  path: string,
  columns: readonly Column[],
  length: number | null = null,
): TableWriter<Column> {
  // Going on with a table that is a link would cut off and fill somebody else's file.
  const { O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_WRONLY } = constants;
  let file: number | null = attempt(() =>
    openSync(path, length === null ? "ax" : O_APPEND | O_CREAT | O_NOFOLLOW | O_WRONLY),
  );
  const descriptor = file;
  if (length === null) attempt(() => appendFileSync(descriptor, formatLine(columns)));
  else {
    if (fstatSync(descriptor).size < length) {
      closeSync(descriptor);
      throw new ConfigError(
        `${path}: is shorter than its checkpoint says; it was changed, so start the run anew with gradflow run --force.`,
      );
    }
    attempt(() => ftruncateSync(descriptor, length));
  }
  return {
    path,
    columns,
    append(row) {
      if (file === null) throw new TypeError(`${path}: a row was appended after the table was closed.`);
      const line = formatRow(columns, row);
      const open = file;
      attempt(() => appendFileSync(open, line));
    },
    sync() {
      if (file === null) throw new TypeError(`${path}: the table is closed.`);
      const open = file;
      attempt(() => fdatasyncSync(open));
      return fstatSync(open).size;
    },
    close() {
      if (file !== null) closeSync(file);
      file = null;
    },
  };

  function attempt<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw writeFault(path, error);
    }
  }
}

/** A whole table as CSV text. */
export function formatTable<const Column extends string>(
  columns: readonly Column[],
  rows: readonly Row<Column>[],
): string {
  return `${formatLine(columns)}${rows.map((row) => formatRow(columns, row)).join("")}`;
}

/** One line of a table: its header, or a row with a cell for every column. */
export function formatLine(cells: readonly Cell[]): string {
  return `${cells.map(formatCell).join(",")}\n`;
}

function formatRow<Column extends string>(columns: readonly Column[], row: Row<Column>): string {
  for (const key of Object.keys(row))
    if (!(columns as readonly string[]).includes(key))
      throw new TypeError(`A table with the columns ${columns.join(", ")} has no column ${key}.`);
  return formatLine(columns.map((column) => row[column]));
}

/** JavaScript's own number text is the shortest that reads back to the same float64; it loses only the sign of −0. */
function formatCell(value: Cell): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  const line = String(value).replace(/\s*[\r\n]+\s*/g, " "); // a newline inside a cell would defeat the repair of torn files
  // A spreadsheet would take it for a formula: the apostrophe says that it is text.
  const text = /^[=+\-@\t]/.test(line) && Number.isNaN(Number(line)) ? `'${line}` : line;
  return /[",]/.test(text) || text !== line ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A table read back: one array per column, NaN where a cell is blank or no number. */
export interface Table {
  readonly columns: readonly string[];
  readonly length: number;
  readonly values: Readonly<Record<string, Float64Array>>;
  /** The cells of the columns that hold words: those meant to, and any with a cell that is neither blank nor a number. */
  readonly words: Readonly<Record<string, readonly string[]>>;
}

/** The cells of a table as text, one array per row; null where there is no such file. A torn last line is dropped. */
export async function readCells(
  path: string,
): Promise<{ columns: readonly string[]; rows: string[][] } | null> {
  const rows: string[][] = [];
  const columns = await visitRows(path, (cells) => rows.push([...cells]));
  return columns === null ? null : { columns, rows };
}

export interface ReadOptions {
  /** Of a long table only what a picture can show. */
  readonly thinned?: boolean;
}

/**
 * Reads a table, eight bytes a number; a missing file is an empty one. `names`: these columns alone.
 * Throws ConfigError where the file is damaged before its last line.
 */
export async function readTable(
  path: string,
  { thinned = false, names }: ReadOptions & { readonly names?: readonly string[] } = {},
): Promise<Table> {
  const source = thinned ? await readThinned(path) : null;
  const visit = async (each: Visit): Promise<readonly string[]> => {
    if (!thinned) return (await visitRows(path, each)) ?? [];
    const { rows, columns } = source ?? { rows: [], columns: [] };
    rows.forEach((cells, row) => {
      each(cells, row, columns);
    });
    return columns;
  };
  const isWanted = (column: string) => names === undefined || names.includes(column);
  const read: NumberColumn[] = [];
  let length = 0;
  const header = await visit((cells, row, columns) => {
    length = row + 1;
    for (let k = 0; k < columns.length; k++) {
      if (!isWanted(columns[k]!)) continue;
      read[k] ??= new NumberColumn();
      read[k]!.push(cells[k]!);
    }
  });
  const values: Record<string, Float64Array> = {};
  const words: Record<string, string[]> = {};
  for (const [k, column] of header.entries()) {
    if (!isWanted(column)) continue;
    values[column] = read[k]?.numbers() ?? new Float64Array(0);
    if (WORD_COLUMNS.includes(column) || read[k]?.hasWords === true) words[column] = [];
  }
  // Whether a column is one of words shows only at its first word: such files, which are few, are read again.
  if (Object.keys(words).length > 0 && length > 0)
    await visit((cells, row, columns) => {
      // A run may be writing it.
      if (row >= length) return;
      for (const [name, column] of Object.entries(words))
        column.push(detach(cells[columns.lastIndexOf(name)]!));
    });
  return { columns: header.filter(isWanted), length, values, words };
}

/** Numbers that come one by one. */
class NumberColumn {
  /** Whether a cell is neither blank nor a number. */
  hasWords = false;
  private data = new Float64Array(64);
  private length = 0;

  push(cell: string): void {
    if (this.length === this.data.length) {
      const larger = new Float64Array(2 * this.length);
      larger.set(this.data);
      this.data = larger;
    }
    const value = cell === "" ? Number.NaN : Number(cell);
    this.data[this.length++] = value;
    if (Number.isNaN(value) && cell !== "" && cell !== "NaN") this.hasWords = true;
  }

  numbers(): Float64Array {
    return this.data.slice(0, this.length);
  }
}
