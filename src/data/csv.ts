/**
 * Numeric CSV: comma-separated, an optional header row, `#` comments as numpy.savetxt writes them.
 * csv-parse splits the text; this file insists on numbers and equal rows, and names the line that fails.
 */
import { readFile } from "node:fs/promises";
import { CsvError, parse } from "csv-parse/sync";
import { ConfigError } from "../errors.js";
import type { NumericArray } from "./npy.js";

/** A decimal number as C, Python and JavaScript print it; `nan` and `inf` are numbers here and refused by the dataset. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(nan|inf|infinity)$/i;

interface Row {
  readonly record: readonly string[];
  /** `lines` is the line of the file on which the row ends. */
  readonly info: { readonly lines: number };
}

/** A table of numbers; `lines[i]` is the line of the file that row i stands on. */
export interface CsvTable extends NumericArray {
  readonly lines: readonly number[];
}

/**
 * Reads a CSV of numbers as a matrix. A first row in which no cell is a number is the header and is dropped.
 * @throws ConfigError with the line number: a ragged row, a cell that is not a number, a broken quote.
 */
export async function readCsv(path: string): Promise<CsvTable> {
  const rows = splitRows(path, await readText(path));
  if (rows[0]?.record.every((cell) => !NUMBER.test(cell))) rows.shift();
  const columns = rows[0]?.record.length ?? 0;
  const data = new Float64Array(rows.length * columns);
  rows.forEach(({ record, info }, row) => {
    if (record.length !== columns) {
      fail(
        path,
        info.lines,
        `ragged row: expected ${columns} cells as in the first row, got ${record.length}.`,
      );
    }
    record.forEach((cell, column) => {
      if (!NUMBER.test(cell)) {
        const remedy = /[;\t]/.test(cell) ? " Separate the cells by commas." : "";
        fail(
          path,
          info.lines,
          `column ${column + 1}: expected a number, got ${JSON.stringify(cell)}.${remedy}`,
        );
      }
      data[row * columns + column] = toNumber(cell);
    });
  });
  return { shape: [rows.length, columns], data, lines: rows.map((row) => row.info.lines) };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new ConfigError([
      { path: "", message: code === "ENOENT" ? "no such file." : `cannot be read (${code}).`, file: path },
    ]);
  }
}

function splitRows(path: string, text: string): Row[] {
  try {
    return parse(text, {
      bom: true,
      comment: "#",
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as Row[];
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return fail(path, Number(error["lines"]), `malformed CSV: ${error.message}`);
  }
}

function toNumber(cell: string): number {
  if (/nan/i.test(cell)) return Number.NaN;
  if (/inf/i.test(cell)) return cell.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(cell);
}

function fail(path: string, line: number, message: string): never {
  throw new ConfigError([{ path: "", message, file: path, line }]);
}
