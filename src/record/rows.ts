/** Rows of a CSV table, one at a time: a table of a million rows passes through a fixed amount of memory. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { parse } from "csv-parse/sync";
import { ConfigError } from "../errors.js";
import { errorCode, readText } from "./files.js";

/** Longer tables are read in parts of this length. */
const PART = 1 << 20;

/** Called with the cells of each row and its number from 0. Cells that are kept want `detach`. */
export type Visit = (cells: readonly string[], row: number, columns: readonly string[]) => void;

/**
 * Visits every whole row. A line without its newline was cut off by a kill and is left out, even where it parses: 0.12 may have been 0.123.
 * @returns the columns, empty where the header was cut off; null where there is no such file
 * @throws ConfigError where a row has another number of cells than the header, or the file cannot be read
 */
export async function visitRows(path: string, visit: Visit): Promise<readonly string[] | null> {
  let columns: string[] | null = null;
  let row = 0;
  const take = (line: string): void => {
    const cells = splitLine(path, line);
    if (columns === null) {
      columns = cells;
      return;
    }
    if (cells.length !== columns.length)
      throw unreadable(path, `row ${row + 1} has ${cells.length} cells, the header ${columns.length}`);
    visit(cells, row++, columns);
  };
  try {
    let rest = "";
    const { size } = await stat(path);
    // A stream for each of thousands of short tables takes longer than reading them.
    const parts =
      size < PART
        ? [await readText(path)]
        : createReadStream(path, { encoding: "utf8", highWaterMark: PART });
    for await (const chunk of parts) {
      const text = rest + (chunk as string);
      let from = 0;
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", from)) {
        take(text.slice(from, text[end - 1] === "\r" ? end - 1 : end));
        from = end + 1;
      }
      rest = text.slice(from);
    }
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errorCode(error))) return null;
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`${path}: cannot be read (${(error as Error).message}); check its permissions.`);
  }
  return columns ?? [];
}

/** A cell is a view of the block of text that it was read with: kept as it is it keeps that block, a megabyte, in memory. */
export const detach = (cell: string): string => Buffer.from(cell).toString();

/** The cells of a line. Quotes are rare, and a parser is many times slower. @throws ConfigError naming the file */
export function splitLine(path: string, line: string): string[] {
  if (!line.includes('"')) return line.split(",");
  try {
    return (parse(line) as string[][])[0] ?? [""];
  } catch (error) {
    throw unreadable(path, (error as Error).message);
  }
}

function unreadable(path: string, reason: string): ConfigError {
  return new ConfigError(`${path}: is not a readable table (${reason}); restore it or run again.`);
}
