/** The folder of a sweep: `sweep.json` (what runs, and how far it is), one record per run, the table of all results, figures. */
import { appendFile, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ConfigError } from "../errors.js";
import { type Fact, type Facts, readFacts, readResultFacts } from "./facts.js";
import {
  errorCode,
  makeFolder,
  makeFoldersTo,
  readIfPresent,
  readJsonObject,
  removeTemporaries,
  stands,
  writeFault,
  writeJson,
  writeWhole,
} from "./files.js";
import { inTurn } from "./in-turn.js";
import { LOCKS, type Lock, lockFolder, thisProcess, type Writer, whileListed, writerShape } from "./lock.js";
import { contentFolder, MANIFEST, type Manifest, readManifest } from "./manifest.js";
import { readResult } from "./reader.js";
import { MOST_ENERGY_DEFECT } from "./result.js";
import {
  anything,
  fields,
  folderName,
  list,
  nullable,
  number,
  optional,
  record,
  requireShape,
  type Shape,
  text,
} from "./shape.js";
import { formatTable } from "./table.js";

/** What stands where others have the name of a study's file, of sweeps and studies from code. */
export const CODE = "(code)";

const SWEEP = "sweep.json";
const FORMAT = "gradflow-sweep";
/** Runs that have ended since `sweep.json` was written, a line `hash name` each: in a large sweep that file is long. */
const JOURNAL = "sweep.ended";
/** Names of the files that were added to it, a line each. Sweeps of older versions have no such list. */
const LISTING = "sweep.files";
/** Files that a sweep writes beside its runs; a folder that holds one and no sweep is somebody else's. */
const OWN_FILES = ["sweep.yaml", "results.csv", "report.html", "figures", "slurm", JOURNAL, LISTING];

/** One run of a sweep as `sweep.json` lists it. */
export interface SweepJobRecord {
  /** The folder of its record, below the sweep's. */
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** `--set` arguments that repeat it alone. */
  readonly set: readonly string[];
  /** Of its config, number of threads as written. */
  readonly hash: string;
}

export interface SweepManifest {
  readonly format: typeof FORMAT;
  readonly formatVersion: 1;
  readonly name: string;
  /** As typed, and the folder it was typed in. */
  readonly study: string;
  readonly folder: string;
  /** Arguments of --set and -m. */
  readonly set: readonly string[];
  readonly multiply: readonly string[];
  readonly command: readonly string[];
  readonly gradflow: string;
  readonly node: string;
  readonly platform: string;
  readonly process: Writer;
  readonly started: string;
  readonly finished: string | null;
  /** `running`, then `done`, `failed` (some runs are not done) or `interrupted`. A killed sweep stays `running`. */
  readonly status: string;
  readonly fields: readonly string[];
  /** As the study has them. */
  readonly figures: readonly SweepFigureSpec[];
  readonly jobs: readonly SweepJobRecord[];
  /** The hash that each run had when it was last ended, by name: what tells a record of this study from one of an older version. */
  readonly ended: Readonly<Record<string, string>>;
}

/** A picture of all runs, as the study asks for it (docs/config.md, sweep.figures). */
export type SweepFigureSpec = CurvesFigureSpec | PointsFigureSpec;

export interface CurvesFigureSpec {
  readonly kind: "curves";
  readonly name: string;
  readonly y: string;
  readonly tables: readonly string[];
  readonly xScale: "log" | "linear";
  readonly yScale: "log" | "linear";
  readonly from?: number;
  readonly merge?: readonly string[];
}

export interface PointsFigureSpec {
  readonly kind: "points";
  readonly name: string;
  readonly x: string;
  readonly y: string;
  readonly xScale: "log" | "linear";
  readonly yScale: "log" | "linear";
  readonly group: readonly string[];
  readonly merge?: readonly string[];
}

/** A run's outcome as its record tells it: null where no record stands. */
export interface JobState {
  readonly job: SweepJobRecord;
  readonly directory: string;
  readonly manifest: Manifest | null;
  readonly facts: Facts | null;
  /** Those of its result alone; empty where it has none. */
  readonly results: Facts;
}

export type SweepFacts = Pick<
  SweepManifest,
  "name" | "study" | "folder" | "set" | "multiply" | "command" | "gradflow" | "fields" | "figures" | "jobs"
>;

export interface OpenSweep {
  readonly manifest: SweepManifest;
  /** Held until the sweep has ended. */
  readonly lock: Lock;
}

/**
 * Makes `directory` the folder of this sweep, or takes it up again where it is.
 * @param force take it from an owner of whom nobody here can know whether it lives
 * @throws ConfigError where the folder holds another sweep, a record or files of other origin, or another process runs the sweep
 */
export async function openSweep(
  directory: string,
  facts: SweepFacts,
  source: string,
  force = false,
): Promise<OpenSweep> {
  refuseOther(directory, await readSweep(directory), facts);
  await makeFolder(directory);
  const lock = await lockFolder(directory, { force });
  try {
    const old = await readSweep(directory);
    refuseOther(directory, old, facts);
    if (old === null) await refuseForeignFiles(directory, facts);
    await removeTemporaries(directory, [SWEEP, ...OWN_FILES, ...LOCKS]);
    const manifest: SweepManifest = {
      format: FORMAT,
      formatVersion: 1,
      ...facts,
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      process: thisProcess(),
      started: new Date().toISOString(),
      finished: null,
      status: "running",
      ended: old?.ended ?? {},
    };
    await writeManifest(directory, manifest);
    if (old === null) await writeWhole(join(directory, LISTING), "");
    await writeWhole(join(directory, "sweep.yaml"), source);
    return { manifest, lock };
  } catch (error) {
    await lock.release();
    throw writeFault(directory, error);
  }
}

function refuseOther(directory: string, old: SweepManifest | null, facts: SweepFacts): void {
  if (old === null) return;
  const known = new Set(old.jobs.map(({ name }) => name));
  if (old.name !== facts.name || !facts.jobs.some(({ name }) => known.has(name)))
    throw new ConfigError(
      `${directory}: holds the sweep ${old.name} of other runs; choose another folder with --out.`,
    );
}

async function refuseForeignFiles(directory: string, facts: SweepFacts): Promise<void> {
  if ((await readManifest(directory)) !== null)
    throw new ConfigError(`${directory}: holds the record of one run; choose another folder with --out.`);
  const own = new Set([...OWN_FILES, ...facts.jobs.map(({ name }) => name)]);
  const foreign = (await readdir(directory)).filter((name) => own.has(name));
  if (foreign.length > 0)
    throw new ConfigError(
      `${directory}: holds ${foreign.slice(0, 5).join(", ")}${foreign.length > 5 ? ", …" : ""} as a sweep does, but no ${SWEEP}; choose another folder with --out.`,
    );
}

/** `sweep.json` with all that the journal held. */
async function writeManifest(directory: string, manifest: SweepManifest): Promise<void> {
  await writeJson(join(directory, SWEEP), manifest);
  await rm(join(directory, JOURNAL), { force: true });
}

/** Null where the folder is no sweep's. @throws ConfigError where `sweep.json` is damaged or not gradflow's. */
export async function readSweep(directory: string): Promise<SweepManifest | null> {
  const path = join(directory, SWEEP);
  const value = await readJsonObject(path);
  if (value === null) return null;
  if (value["format"] !== FORMAT || value["formatVersion"] !== 1 || !Array.isArray(value["jobs"]))
    throw new ConfigError(`${path}: is not a sweep of this version of gradflow; choose another folder.`);
  const manifest = requireShape(path, value, sweepShape);
  return { ...manifest, ended: { ...manifest.ended, ...(await readJournal(directory)) } };
}

/** Of either kind; the name is that of a file. */
const figureShape = fields<
  Pick<CurvesFigureSpec & PointsFigureSpec, Exclude<keyof (CurvesFigureSpec & PointsFigureSpec), "kind">>
>({
  name: folderName,
  y: text,
  xScale: text,
  yScale: text,
  x: optional(text),
  tables: optional(list(folderName)),
  group: optional(list(text)),
  from: optional(number),
  merge: optional(list(text)),
});

const sweepShape: Shape<SweepManifest> = {
  format: text,
  formatVersion: number,
  name: text,
  study: text,
  folder: text,
  set: list(text),
  multiply: list(text),
  command: list(text),
  gradflow: text,
  node: text,
  platform: text,
  process: writerShape,
  started: text,
  finished: nullable(text),
  status: text,
  fields: list(text),
  figures: list(figureShape),
  jobs: list(
    fields<SweepJobRecord>({ name: folderName, values: record(anything), set: list(text), hash: text }),
  ),
  ended: record(text),
};

async function readJournal(directory: string): Promise<Record<string, string>> {
  const text = (await readIfPresent(join(directory, JOURNAL))) ?? "";
  // A line without its end was cut off by a kill.
  const lines = text.split("\n").slice(0, -1);
  return Object.fromEntries(lines.map((line) => [line.slice(line.indexOf(" ") + 1), line.split(" ", 1)[0]!]));
}

/** What stands on disk of every run. @param known what was read of a run before and holds, null where it is to be read */
export async function readJobs(
  directory: string,
  manifest: SweepManifest,
  known: (job: SweepJobRecord, index: number) => JobState | null = () => null,
): Promise<JobState[]> {
  return inTurn(manifest.jobs, async (job, index): Promise<JobState> => {
    const before = known(job, index);
    if (before !== null) return before;
    const folder = join(directory, job.name);
    const found = await readRunFacts(folder);
    const { manifest: own = null, facts = null, results = new Map<string, Fact>() } = found ?? {};
    return { job, directory: folder, manifest: own, facts, results };
  });
}

/** Manifest and facts of one record without its tables; null where the folder holds none. */
export async function readRunFacts(
  directory: string,
): Promise<{ manifest: Manifest; facts: Facts; results: Facts } | null> {
  const manifest = await readManifest(directory);
  if (manifest === null) return null;
  const folder = contentFolder(directory, manifest);
  const result = await readResult(folder);
  const config = (await readJsonObject(join(folder, "config.resolved.json"))) ?? {};
  return { manifest, facts: readFacts({ manifest, result, config }), results: readResultFacts(result) };
}

/** Notes that a run has ended with this config. */
export async function markEnded(
  directory: string,
  lock: Lock,
  { name, hash }: Pick<SweepJobRecord, "name" | "hash">,
): Promise<void> {
  await lock.check();
  await appendFile(join(directory, JOURNAL), `${hash} ${name}\n`).catch((error: unknown) => {
    throw writeFault(join(directory, JOURNAL), error);
  });
}

/**
 * Adds files to a sweep's folder, or replaces them: `figures/loss.svg` → its content.
 * @param force replace files and links that are not the sweep's
 * @throws ConfigError where such a one stands in the way, or the folder cannot be written
 */
export function attachSweepFiles(
  directory: string,
  contents: Readonly<Record<string, string | Uint8Array>>,
  force = false,
): Promise<void> {
  return whileListed(directory, async () => {
    const listing = join(directory, LISTING);
    const listed = (await readIfPresent(listing))?.split("\n") ?? null;
    const names = Object.keys(contents);
    for (const name of names) {
      await makeFoldersTo(directory, name, force);
      if (!force && listed?.includes(name) === false && (await stands(join(directory, name))))
        throw new ConfigError(
          `${join(directory, name)}: is not the sweep's; move it away, or replace it with --force.`,
        );
    }
    const all = new Set([...(listed ?? []).filter((name) => name !== ""), ...names]);
    await writeWhole(listing, `${[...all].join("\n")}\n`);
    for (const [name, content] of Object.entries(contents)) await writeWhole(join(directory, name), content);
  });
}

/** Runs whose curves are not the gradient flow: by the energy identity (the largest defect), or by decisions at kinks that did not settle. */
export function unresolvedRuns(states: readonly JobState[]): {
  readonly count: number;
  readonly largestDefect: number | null;
  readonly unsettled: number;
} {
  const found = states.map(({ results }) => ({
    defect: Number(results.get("energyDefect") ?? 0),
    isUnsettled: Number(results.get("events.unsettled") ?? 0) > 0,
  }));
  const off = found.map(({ defect }) => defect).filter((defect) => defect > MOST_ENERGY_DEFECT);
  return {
    count: found.filter(({ defect, isUnsettled }) => defect > MOST_ENERGY_DEFECT || isUnsettled).length,
    largestDefect: off.length === 0 ? null : Math.max(...off),
    unsettled: found.filter(({ isUnsettled }) => isUnsettled).length,
  };
}

/** Factors by which the loss of runs rises that, along a gradient flow, never does. */
export function lossRises(states: readonly JobState[]): number[] {
  return states
    .map(({ results }) => Number(results.get("lossRise.to") ?? 0) / Number(results.get("lossRise.from") ?? 1))
    .filter((factor) => factor > 0);
}

/** Ends a sweep, or a part of it: status, and `results.csv` of the states that its runs have by now. */
export async function closeSweep(
  directory: string,
  lock: Lock,
  status: string,
  states: readonly JobState[],
): Promise<void> {
  await lock.check();
  const manifest = await readSweep(directory);
  if (manifest === null)
    throw new ConfigError(`${directory}: its ${SWEEP} has gone; the folder was removed while in use.`);
  await writeWhole(join(directory, "results.csv"), formatResults(manifest.fields, states));
  await writeManifest(directory, { ...manifest, finished: new Date().toISOString(), status });
}

/** Columns of results.csv that come first, where they are known; then the axes, then every number and word of the results. */
const FIRST = ["status", "parameters", "samples", "outputs", "parametersPerTarget"];

function formatResults(fields: readonly string[], states: readonly JobState[]): string {
  const names = new Set(FIRST);
  for (const { results } of states)
    for (const [name, value] of results) if (value !== null && value !== "") names.add(name);
  const columns = ["job", ...fields, ...[...names].filter((name) => !fields.includes(name))];
  const rows = states.map(({ job, facts }) => {
    const own = Object.fromEntries(fields.map((field) => [field, cell(job.values[field])]));
    const found = Object.fromEntries([...names].map((name) => [name, facts?.get(name) ?? null]));
    return { ...found, ...own, job: job.name };
  });
  return formatTable(columns, rows);
}

function cell(value: unknown): Fact {
  return typeof value === "number" || typeof value === "string" || typeof value === "boolean"
    ? value
    : JSON.stringify(value);
}

/**
 * The records below a folder, sweeps included, to a depth of three, by path.
 * @param tell why a folder was passed over that could not be read
 */
export async function findRecords(
  root: string,
  tell: (line: string) => void = () => undefined,
): Promise<string[]> {
  const found: string[] = [];
  const look = async (folder: string, depth: number): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true });
    if (entries.some(({ name }) => name === MANIFEST)) {
      found.push(resolve(folder));
      return;
    }
    if (depth === 0) return;
    const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
    for (const name of folders.map((entry) => entry.name).sort())
      await look(join(folder, name), depth - 1).catch((error: unknown) => {
        tell(`${join(folder, name)}: cannot be read (${error instanceof Error ? error.message : error}).`);
      });
  };
  await look(root, 3).catch((error: unknown) => {
    if (errorCode(error) !== "ENOENT" && errorCode(error) !== "ENOTDIR")
      tell(`${root}: cannot be read (${error instanceof Error ? error.message : error}).`);
  });
  return found;
}
