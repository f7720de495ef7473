/**
 * Numeric CSV: comma-separated, an optional header row, `#` comments as numpy.savetxt writes them.
 * csv-parse splits the text as it streams in; this file insists on numbers and equal rows, names the line that fails,
 * and says what it took for a header or for row labels.
 */
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { CsvError, parse } from "csv-parse";
import { ConfigError } from "../errors.js";
import type { NumericArray } from "./npy.js";

const FORM = "Separate the cells by commas, and write a decimal point.";

/** A decimal number as C, Python and JavaScript print it; `nan` and `inf` are numbers here and refused by the dataset. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(nan|inf|infinity)$/i;
/** A number that was certainly printed as a float. */
const FLOAT = /[.en]/i;
/** What stands where a number is missing; a row of these is no header. */
const MISSING = /^(n\/?a|null|none|missing|-|\?)?$/i;

interface Row {
  readonly record: readonly string[];
  /** `lines` is the line of the file on which the row ends. */
  readonly info: { readonly lines: number };
}

export interface CsvOptions {
  /** Whether the first row is a header. Absent: it is where none of its cells is a number. */
  readonly header?: boolean | undefined;
  /** Whether the first column numbers or names the rows and is left out. Absent: where the header leaves it without a name. */
  readonly index?: boolean | undefined;
  /** Called now and then; what it throws ends the reading. */
  readonly pause?: (() => Promise<void> | undefined) | undefined;
}

/** A first row that reads 0, 1, …, N − 1: pandas' header of columns without names, or a sample. */
export interface NumberedRow {
  /** Every number below was printed as a float, as pandas does with columns of floats, and the row is not. */
  readonly isPrintedOtherwise: boolean;
  /** There are two columns or more and the next row goes on N, N + 1, …: then it rather is a sample. */
  readonly goesOn: boolean;
}

/** A table of numbers; `lines[i]` is the line of the file that row i stands on. */
export interface CsvTable extends NumericArray {
  readonly lines: readonly number[];
  /** Row 0 where it may be a header of numbers: it is among the rows, and whoever has a second file can tell. */
  readonly numbered: NumberedRow | null;
  /** What was taken for a header or for row labels. */
  readonly notes: readonly string[];
}

/**
 * Reads a CSV of numbers as a matrix.
 * @throws ConfigError with the line number: a ragged row, a cell that is not a number, a broken quote.
 */
export async function readCsv(path: string, options: CsvOptions = {}): Promise<CsvTable> {
  const reader = createTable(path, options);
  const rows = parse({
    bom: true,
    comment: "#",
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
  });
  const file = createReadStream(path);
  file.on("error", (error) => rows.destroy(error));
  try {
    for await (const row of file.pipe(rows)) {
      reader.take(row as Row);
      await options.pause?.();
    }
  } catch (error) {
    file.destroy();
    if (error instanceof CsvError)
      fail(path, Number(error["lines"]), `malformed CSV: ${error.message}. ${FORM}`);
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    throw new ConfigError([
      { path: "", message: code === "ENOENT" ? "no such file." : `cannot be read (${code}).`, file: path },
    ]);
  }
  return reader.finish();
}

function createTable(path: string, options: CsvOptions) {
  const name = basename(path);
  const values: number[] = [];
  const lines: number[] = [];
  const notes: string[] = [];
  let columns: number | null = null;
  /** Whether the first column is left out, and whether that was concluded from the header. */
  let index = options.index === true;
  let concluded = false;
  let numbered = false;
  let floatsBelow = true;
  let goesOn = true;
  /** Whether the first column kept reads 0, 1, 2, … */
  let counts = true;

  const take = (record: readonly string[], line: number) => {
    for (let column = index ? 1 : 0; column < record.length; column++) {
      const cell = record[column] as string;
      if (!NUMBER.test(cell)) fail(path, line, describeCell(cell, column));
      if (lines.length > 0 && numbered && !FLOAT.test(cell)) floatsBelow = false;
      values.push(toNumber(cell));
    }
    if (concluded && NUMBER.test(record[0] as string) && !Number.isInteger(toNumber(record[0] as string)))
      fail(
        path,
        line,
        `the header gives the first column no name, as for row numbers, but here stands ${record[0]}; name the column, or set dataset.index: true to leave it out, false to keep it.`,
      );
    const width = record.length - (index ? 1 : 0);
    const row = values.length - width;
    if (lines.length === 1) goesOn &&= values.slice(row).every((value, k) => value === width + k);
    counts &&= values[row] === lines.length;
    lines.push(line);
  };

  const first = (record: readonly string[], line: number) => {
    columns = record.length;
    const unnamed = columns > 1 && /^(Unnamed: 0)?$/.test(record[0] as string);
    const cells = index || unnamed ? record.slice(1) : record;
    const ascending = cells.every((cell, k) => cell === String(k));
    const names = cells.every((cell) => !NUMBER.test(cell)) && !cells.every((cell) => MISSING.test(cell));
    if (options.header ?? (names || (unnamed && ascending))) {
      notes.push(`${name}: row 1 (${shorten(record)}) is taken for a header.`);
      if (unnamed && options.index === undefined) {
        index = true;
        concluded = true;
        notes.push(
          `${name}: the first column has no name in the header; it is taken for row numbers and left out. dataset.index: false keeps it.`,
        );
      }
      return;
    }
    numbered = ascending && options.header === undefined;
    take(record, line);
  };

  return {
    take({ record, info }: Row) {
      if (columns === null) return first(record, info.lines);
      if (record.length !== columns)
        fail(
          path,
          info.lines,
          `ragged row: expected ${columns} cells as in the first row, got ${record.length}.`,
        );
      take(record, info.lines);
    },
    finish(): CsvTable {
      const width = Math.max(0, (columns ?? 0) - (index ? 1 : 0));
      const rows = lines.length;
      if (counts && width > 1 && rows > 2 && options.index === undefined)
        notes.push(
          `${name}: its first column reads 0, 1, …, ${rows - 1} and is used like the others; if it numbers the rows, set dataset.index: true.`,
        );
      return {
        shape: [rows, width],
        data: Float64Array.from(values),
        lines,
        numbered:
          numbered && rows > 1 ? { isPrintedOtherwise: floatsBelow, goesOn: goesOn && width > 1 } : null,
        notes,
      };
    },
  };
}

function describeCell(cell: string, column: number): string {
  const remedy = /[;\t ]/.test(cell)
    ? ` ${FORM}`
    : /[−–]/.test(cell)
      ? " Write the minus sign of the keyboard, -."
      : "";
  return `column ${column + 1}: expected a number, got ${JSON.stringify(cell)}.${remedy}`;
}

/** The first cells of a row, as a reader would say them. */
export function shorten(cells: readonly (string | number)[]): string {
  const shown = cells.slice(0, 4).map((cell) => {
    const text = cell === "" ? '""' : String(cell);
    return text.length > 24 ? `${text.slice(0, 23)}…` : text;
  });
  return [...shown, ...(cells.length > 4 ? ["…"] : [])].join(", ");
}

function toNumber(cell: string): number {
  if (/nan/i.test(cell)) return Number.NaN;
  if (/inf/i.test(cell)) return cell.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(cell);
}

function fail(path: string, line: number, message: string): never {
  throw new ConfigError([{ path: "", message, file: path, line }]);
}
