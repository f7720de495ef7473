/** Reads a record back, finished or not: whatever a kill left is enough. */
import { join } from "node:path";
import { ConfigError } from "../errors.js";
import { DESCENT_COLUMNS, type DescentColumn, SERIES_COLUMNS, type SeriesColumn } from "./columns.js";
import { readJsonObject } from "./files.js";
import { MANIFEST, type Manifest, readManifest } from "./manifest.js";
import type { RunResult } from "./result.js";
import { readTable } from "./table.js";

/** Equally long arrays, NaN where a cell is blank. */
type Columns<Name extends string> = Readonly<Record<Name, Float64Array>>;

export interface RunRecord {
  readonly directory: string;
  readonly manifest: Manifest;
  /** Null while the run goes on, and where it was killed or failed. */
  readonly result: RunResult | null;
  /** The resolved config as JSON; empty where the run was killed before it was written. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly series: Columns<SeriesColumn>;
  readonly descent: Columns<DescentColumn>;
}

/** Throws ConfigError where the folder is not a record or a file in it is damaged. */
export async function readRecord(directory: string): Promise<RunRecord> {
  const manifest = await readManifest(directory);
  if (manifest === null)
    throw new ConfigError(`${directory}: is not a record (it has no ${MANIFEST}); name the folder of a run.`);
  const [result, config, series, descent] = await Promise.all([
    readJsonObject(join(directory, "result.json")),
    readJsonObject(join(directory, "config.resolved.json")),
    readColumns(join(directory, "series.csv"), SERIES_COLUMNS),
    readColumns(join(directory, "descent.csv"), DESCENT_COLUMNS),
  ]);
  return { directory, manifest, result: result as RunResult | null, config: config ?? {}, series, descent };
}

/** A column that the file lacks reads as blank. */
async function readColumns<Name extends string>(
  path: string,
  names: readonly Name[],
): Promise<Columns<Name>> {
  const table = await readTable(path);
  const entries = names.map((name) => [
    name,
    table.values[name] ?? new Float64Array(table.length).fill(Number.NaN),
  ]);
  return Object.fromEntries(entries) as Columns<Name>;
}
