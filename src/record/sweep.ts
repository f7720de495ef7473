/** The folder of a sweep: `sweep.json` (what runs, and how far it is), one record per run, the table of all results, figures. */
import { mkdir, readdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { ConfigError } from "../errors.js";
import { type Fact, type Facts, readFacts, readResultFacts } from "./facts.js";
import { readIfPresent, readJsonObject, writeFault, writeJson, writeWhole } from "./files.js";
import { refuseLive, thisProcess, type Writer } from "./live.js";
import { MANIFEST, type Manifest, readManifest } from "./manifest.js";
import { MOST_ENERGY_DEFECT, type RunResult } from "./result.js";
import { formatTable } from "./table.js";

const SWEEP = "sweep.json";
const FORMAT = "gradflow-sweep";

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

/**
 * Makes `directory` the folder of this sweep, or takes it up again where it is.
 * @throws ConfigError where the folder holds another sweep or a record, or another process runs the sweep, unless `takeOver`.
 */
export async function openSweep(
  directory: string,
  facts: SweepFacts,
  source: string,
  takeOver = false,
): Promise<SweepManifest> {
  if (!takeOver) await refuseLive(directory, readSweep);
  const old = await readSweep(directory);
  if (old === null && (await readManifest(directory)) !== null)
    throw new ConfigError(`${directory}: holds the record of one run; choose another folder with --out.`);
  const known = new Set(old?.jobs.map(({ name }) => name));
  if (old !== null && (old.name !== facts.name || !facts.jobs.some(({ name }) => known.has(name))))
    throw new ConfigError(
      `${directory}: holds the sweep ${old.name} of other runs; choose another folder with --out.`,
    );
  try {
    await mkdir(directory, { recursive: true });
  } catch (error) {
    throw writeFault(directory, error);
  }
  if (old === null && (await readdir(directory)).some((name) => facts.jobs.some((job) => job.name === name)))
    throw new ConfigError(
      `${directory}: has folders named as the runs of this sweep, but no ${SWEEP}; choose another folder with --out.`,
    );
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
  await writeJson(join(directory, SWEEP), manifest);
  await writeWhole(join(directory, "sweep.yaml"), source);
  return manifest;
}

/** Null where the folder is no sweep's. @throws ConfigError where `sweep.json` is damaged or not gradflow's. */
export async function readSweep(directory: string): Promise<SweepManifest | null> {
  const path = join(directory, SWEEP);
  const value = await readJsonObject(path);
  if (value === null) return null;
  if (value["format"] !== FORMAT || value["formatVersion"] !== 1 || !Array.isArray(value["jobs"]))
    throw new ConfigError(`${path}: is not a sweep of this version of gradflow; choose another folder.`);
  return value as unknown as SweepManifest;
}

/** What stands on disk of every run. */
export async function readJobs(directory: string, manifest: SweepManifest): Promise<JobState[]> {
  return Promise.all(
    manifest.jobs.map(async (job): Promise<JobState> => {
      const folder = join(directory, job.name);
      const found = await readRunFacts(folder);
      const { manifest: own = null, facts = null, results = new Map<string, Fact>() } = found ?? {};
      return { job, directory: folder, manifest: own, facts, results };
    }),
  );
}

/** Manifest and facts of one record without its tables; null where the folder holds none. */
export async function readRunFacts(
  directory: string,
): Promise<{ manifest: Manifest; facts: Facts; results: Facts } | null> {
  const manifest = await readManifest(directory);
  if (manifest === null) return null;
  const result = (await readJsonObject(join(directory, "result.json"))) as RunResult | null;
  const config = (await readJsonObject(join(directory, "config.resolved.json"))) ?? {};
  return { manifest, facts: readFacts({ manifest, result, config }), results: readResultFacts(result) };
}

/** Notes that runs have ended with the config that `sweep.json` now lists. */
export async function markEnded(directory: string, names: readonly string[]): Promise<void> {
  const manifest = await readSweep(directory);
  if (manifest === null) return;
  const hashes = manifest.jobs
    .filter(({ name }) => names.includes(name))
    .map(({ name, hash }) => [name, hash]);
  await writeJson(join(directory, SWEEP), {
    ...manifest,
    ended: { ...manifest.ended, ...Object.fromEntries(hashes) },
  });
}

/** Adds files to a sweep's folder, or replaces them: `figures/loss.svg` → its content. */
export async function attachSweepFiles(
  directory: string,
  contents: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  for (const [name, content] of Object.entries(contents)) {
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true }).catch((error: unknown) => {
      throw writeFault(path, error);
    });
    await writeWhole(path, content);
  }
}

/** Energy defects of the runs that do not resolve the gradient flow. */
export function unresolvedDefects(states: readonly JobState[]): number[] {
  return states
    .map(({ results }) => Number(results.get("energyDefect") ?? 0))
    .filter((defect) => defect > MOST_ENERGY_DEFECT);
}

/** Ends a sweep, or a part of it: status, `results.csv`. */
export async function closeSweep(directory: string, status: string): Promise<JobState[]> {
  const manifest = await readSweep(directory);
  if (manifest === null)
    throw new ConfigError(`${directory}: its ${SWEEP} has gone; the folder was removed while in use.`);
  const states = await readJobs(directory, manifest);
  await writeWhole(join(directory, "results.csv"), formatResults(manifest.fields, states));
  await writeJson(join(directory, SWEEP), { ...manifest, finished: new Date().toISOString(), status });
  return states;
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

/** The records below a folder, sweeps included, to a depth of three, by path. Folders that cannot be read are passed over. */
export async function findRecords(root: string, depth = 3): Promise<string[]> {
  if ((await readIfPresent(join(root, MANIFEST)).catch(() => null)) !== null) return [resolve(root)];
  if (depth === 0) return [];
  const entries = await readdir(root, { withFileTypes: true }).catch(() => []);
  const folders = entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name);
  const found = await Promise.all(folders.sort().map((name) => findRecords(join(root, name), depth - 1)));
  return found.flat();
}
