/** Reads a record back, finished or not: whatever a kill left is enough. */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { readNpy } from "../data/npy.js";
import { ConfigError } from "../errors.js";
import {
  type DescentColumn,
  ERROR_CHECK_COLUMNS,
  type ErrorCheckColumn,
  FLOW_COLUMNS,
  type FlowColumn,
  GAP_COLUMNS,
  type GapColumn,
  NTK_COLUMNS,
  NTK_DENSITY_COLUMNS,
  NTK_MODE_COLUMNS,
  NTK_SPECTRUM_COLUMNS,
  type NtkColumn,
  type NtkDensityColumn,
  type NtkModeColumn,
  type NtkSpectrumColumn,
  type SeriesColumn,
} from "./columns.js";
import { readJsonObject } from "./files.js";
import { contentFolder, MANIFEST, type Manifest, readManifest, runColumns } from "./manifest.js";
import type { RunResult } from "./result.js";
import { completeResult, resultShape } from "./result-shape.js";
import { visitRows } from "./rows.js";
import { requireShape } from "./shape.js";
import { type ReadOptions, readTable, type Table } from "./table.js";

/** Equally long arrays, NaN where a cell is blank. */
type Columns<Name extends string> = Readonly<Record<Name, Float64Array>>;

const EVENT_KINDS = ["crossing", "entersSliding", "leavesSliding"] as const;
const SIDES = ["below", "above"] as const;

/** One row of `events.csv`: one pre-activation entry at one of its breakpoints. */
export interface RecordedEvent {
  readonly t: number;
  readonly kind: (typeof EVENT_KINDS)[number];
  /** From 1, over the activated layers; sample, unit and breakpoint from 0. */
  readonly layer: number;
  readonly sample: number;
  readonly unit: number;
  readonly breakpoint: number;
  /** Where a crossing or leaving entry goes to, where an entering entry comes from. */
  readonly side: (typeof SIDES)[number];
  /** Entries that slide just after this instant. */
  readonly sliding: number;
}

export interface RunRecord {
  readonly directory: string;
  readonly manifest: Manifest;
  /** Null while the run goes on, and where it was killed or failed. */
  readonly result: RunResult | null;
  /** The resolved config as JSON; empty where the run was killed before it was written. */
  readonly config: Readonly<Record<string, unknown>>;
  /** With the columns of the measures that the manifest names, as in `descent`. */
  readonly series: Columns<SeriesColumn> & Columns<string>;
  readonly descent: Columns<DescentColumn> & Columns<string>;
  /** The losses of the second run; empty without flow.errorCheck. */
  readonly errorCheck: Columns<ErrorCheckColumn>;
  /** Gradient flow and the flows beside descent with whatever columns they have, and the kind of each row; empty where there are none. */
  readonly flows: Columns<FlowColumn> & Columns<string>;
  readonly flowKinds: readonly string[];
  /** The leading gap and its bounds; empty where nobody asked for them. */
  readonly gaps: Columns<GapColumn>;
  /** The tangent kernel along the run, its columns of words NaN; all empty where it was not measured. */
  readonly ntk: Columns<NtkColumn>;
  /** What λ_min is worth in each of these rows: exact-zero, certified or upper-bound. */
  readonly lambdaMinKind: readonly string[];
  readonly ntkSpectrum: Columns<NtkSpectrumColumn>;
  readonly ntkModes: Columns<NtkModeColumn>;
  readonly ntkDensity: Columns<NtkDensityColumn>;
  /** Null where the run did not watch piece boundaries. */
  readonly events: readonly RecordedEvent[] | null;
  /** Piece index of every pre-activation entry at t = 0, layer by layer, [sample, unit]; k + w slides at breakpoint k. Null where not recorded. */
  readonly pieces0: Float64Array | null;
}

/**
 * Manifest and result of a record, without its tables; the result is null where the run has none yet.
 * @throws ConfigError where the folder is not a record
 */
export async function readOutcome(directory: string): Promise<Pick<RunRecord, "manifest" | "result">> {
  const manifest = await readManifest(directory);
  if (manifest === null)
    throw new ConfigError(`${directory}: is not a record (it has no ${MANIFEST}); name the folder of a run.`);
  return { manifest, result: await readResult(contentFolder(directory, manifest)) };
}

/** `result.json`, null where there is none. @throws ConfigError where it is damaged */
export async function readResult(folder: string): Promise<RunResult | null> {
  const path = join(folder, "result.json");
  const value = await readJsonObject(path);
  return value === null ? null : requireShape(path, completeResult(value), resultShape);
}

/** Throws ConfigError where the folder is not a record or a file in it is damaged. `thinned`: long tables reduced to what a picture shows. */
export async function readRecord(directory: string, options: ReadOptions = {}): Promise<RunRecord> {
  const { manifest, result } = await readOutcome(directory);
  const folder = contentFolder(directory, manifest);
  const columns = runColumns(manifest);
  const [
    config,
    series,
    descent,
    errorCheck,
    flows,
    gaps,
    ntk,
    ntkSpectrum,
    ntkModes,
    ntkDensity,
    events,
    pieces0,
  ] = await Promise.all([
    readJsonObject(join(folder, "config.resolved.json")),
    readColumns<string>(join(folder, "series.csv"), columns.series, options),
    readColumns<string>(join(folder, "descent.csv"), columns.descent, options),
    readColumns(join(folder, "error-check.csv"), ERROR_CHECK_COLUMNS),
    readTable(join(folder, "flows.csv")),
    readColumns(join(folder, "gaps.csv"), GAP_COLUMNS),
    readTable(join(folder, "ntk.csv")),
    readColumns(join(folder, "ntk-spectrum.csv"), NTK_SPECTRUM_COLUMNS),
    readColumns(join(folder, "ntk-modes.csv"), NTK_MODE_COLUMNS),
    readColumns(join(folder, "ntk-density.csv"), NTK_DENSITY_COLUMNS),
    readEvents(join(folder, "events.csv")),
    readArray(join(folder, "pieces0.npy")),
  ]);
  return {
    directory,
    manifest,
    result,
    config: config ?? {},
    series: series as RunRecord["series"],
    descent: descent as RunRecord["descent"],
    errorCheck,
    flows: { ...flows.values, ...columnsOf(flows, FLOW_COLUMNS) },
    flowKinds: flows.words["kind"] ?? new Array<string>(flows.length).fill(""),
    gaps,
    ntk: columnsOf(ntk, NTK_COLUMNS),
    lambdaMinKind: ntk.words["lambdaMinKind"] ?? new Array<string>(ntk.length).fill(""),
    ntkSpectrum,
    ntkModes,
    ntkDensity,
    events,
    pieces0,
  };
}

/** A column that the file lacks reads as blank. */
export async function readColumns<Name extends string>(
  path: string,
  names: readonly Name[],
  options: ReadOptions = {},
): Promise<Columns<Name>> {
  return columnsOf(await readTable(path, { ...options, names }), names);
}

function columnsOf<Name extends string>(table: Table, names: readonly Name[]): Columns<Name> {
  const entries = names.map((name) => [
    name,
    table.values[name] ?? new Float64Array(table.length).fill(Number.NaN),
  ]);
  return Object.fromEntries(entries) as Columns<Name>;
}

async function readEvents(path: string): Promise<RecordedEvent[] | null> {
  const events: RecordedEvent[] = [];
  const columns = await visitRows(path, (row, index, names) => {
    const text = (name: string) => row[names.lastIndexOf(name)] ?? "";
    const damaged = (name: string, wanted: string) =>
      new ConfigError(
        `${path}: ${name} in row ${index + 1} must be ${wanted}, got ${JSON.stringify(text(name))}; restore it or run again.`,
      );
    const number = (name: string, from: number) => {
      const value = text(name) === "" ? Number.NaN : Number(text(name));
      if (!(value >= from && (name === "t" || Number.isInteger(value))))
        throw damaged(name, name === "t" ? "a time" : `an integer from ${from}`);
      return value;
    };
    const word = <Word extends string>(name: string, words: readonly Word[]): Word => {
      const found = words.find((candidate) => candidate === text(name));
      if (found === undefined) throw damaged(name, words.join(" or "));
      return found;
    };
    events.push({
      t: number("t", 0),
      kind: word("kind", EVENT_KINDS),
      layer: number("layer", 1),
      sample: number("sample", 0),
      unit: number("unit", 0),
      breakpoint: number("breakpoint", 0),
      side: word("side", SIDES),
      sliding: number("sliding", 0),
    });
  });
  return columns === null || columns.length === 0 ? null : events; // killed before its header was written
}

/** Null where there is no such file. */
async function readArray(path: string): Promise<Float64Array | null> {
  const present = await access(path).then(
    () => true,
    () => false,
  );
  return present ? (await readNpy(path)).data : null;
}
