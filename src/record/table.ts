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
import { visitRows } from "./rows.js";
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
  if (length === null) attempt(() => appendFileSync(descriptor, `${columns.map(formatCell).join(",")}\n`));
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
  return `${columns.map(formatCell).join(",")}\n${rows.map((row) => formatRow(columns, row)).join("")}`;
}

function formatRow<Column extends string>(columns: readonly Column[], row: Row<Column>): string {
  for (const key of Object.keys(row))
    if (!(columns as readonly string[]).includes(key))
      throw new TypeError(`A table with the columns ${columns.join(", ")} has no column ${key}.`);
  return `${columns.map((column) => formatCell(row[column])).join(",")}\n`;
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

/** Reads a table; a missing file is an empty one. Throws ConfigError where the file is damaged before its last line. */
export async function readTable(path: string, { thinned = false }: ReadOptions = {}): Promise<Table> {
  const found = await (thinned ? readThinned(path) : readCells(path));
  const { columns, rows } = found ?? { columns: [], rows: [] };
  const values: Record<string, Float64Array> = {};
  const words: Record<string, string[]> = {};
  columns.forEach((column, index) => {
    values[column] = Float64Array.from(rows, (row) => (row[index] ? Number(row[index]) : Number.NaN));
    const isWord = (row: string[]) => Boolean(row[index]) && !isNumber(row[index] as string);
    if (WORD_COLUMNS.includes(column) || rows.some(isWord))
      words[column] = rows.map((row) => row[index] ?? "");
  });
  return { columns, length: rows.length, values, words };
}

function isNumber(cell: string): boolean {
  return cell === "NaN" || !Number.isNaN(Number(cell));
}
