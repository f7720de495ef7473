/** The folder of a sweep: `sweep.json` (what runs, and how far it is), one record per run, the table of all results (sweep-states.ts), figures. */
import { appendFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../errors.js";
import {
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
import { LOCKS, type Lock, lockFolder, thisProcess, type Writer, whileListed, writerShape } from "./lock.js";
import { readManifest } from "./manifest.js";
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

/** What stands where others have the name of a study's file, of sweeps and studies from code. */
export const CODE = "(code)";

export const SWEEP = "sweep.json";
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
export type SweepFigureSpec = CurvesFigureSpec | DistancesFigureSpec | PointsFigureSpec;

export interface CurvesFigureSpec {
  readonly kind: "curves";
  readonly name: string;
  readonly y: string;
  readonly tables: readonly string[];
  readonly xScale: "log" | "linear";
  readonly yScale: "log" | "linear";
  readonly from?: number;
  readonly merge?: readonly string[];
  readonly middle?: "median" | "mean";
}

export interface DistancesFigureSpec extends Omit<CurvesFigureSpec, "kind" | "y" | "tables"> {
  readonly kind: "distances";
  readonly reference: Readonly<Record<string, unknown>>;
}

export interface PointsFigureSpec {
  readonly kind: "points";
  readonly name: string;
  readonly x: string;
  readonly y: string;
  readonly xScale: "log" | "linear";
  readonly yScale: "log" | "linear";
  readonly group: readonly string[];
  readonly xTitle?: string;
  readonly yTitle?: string;
  readonly names?: Readonly<Record<string, string>>;
  readonly fit?: "power";
  readonly merge?: readonly string[];
  readonly middle?: "median" | "mean";
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

/** Of any kind; the name is that of a file. */
type AnyFigureSpec = Omit<CurvesFigureSpec, "kind"> &
  Omit<DistancesFigureSpec, "kind"> &
  Omit<PointsFigureSpec, "kind">;
const figureShape = fields<Pick<AnyFigureSpec, keyof AnyFigureSpec>>({
  name: folderName,
  y: optional(text),
  reference: optional(record(anything)),
  xScale: text,
  yScale: text,
  x: optional(text),
  tables: optional(list(folderName)),
  group: optional(list(text)),
  from: optional(number),
  xTitle: optional(text),
  yTitle: optional(text),
  names: optional(record(text)),
  fit: optional(text),
  merge: optional(list(text)),
  middle: optional(text),
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
          `${join(directory, name)}: is not the sweep's; move it away, or replace it with ${name.startsWith("figures/") ? "gradflow figure " : ""}--force.`,
        );
    }
    const all = new Set([...(listed ?? []).filter((name) => name !== ""), ...names]);
    await writeWhole(listing, `${[...all].join("\n")}\n`);
    for (const [name, content] of Object.entries(contents)) await writeWhole(join(directory, name), content);
  });
}

/**
 * Ends a sweep, or a part of it.
 * @param results text of its `results.csv`, by the fields that vary
 */
export async function closeSweep(
  directory: string,
  lock: Lock,
  status: string,
  results: (fields: readonly string[]) => string,
): Promise<void> {
  await lock.check();
  const manifest = await readSweep(directory);
  if (manifest === null)
    throw new ConfigError(`${directory}: its ${SWEEP} has gone; the folder was removed while in use.`);
  await writeWhole(join(directory, "results.csv"), results(manifest.fields));
  await writeManifest(directory, { ...manifest, finished: new Date().toISOString(), status });
}
