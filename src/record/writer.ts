/** Opens and fills the folder of one run. Knows files and their order, nothing of flows, engines or figures. */
import { mkdir, readdir, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { writeNpy } from "../data/npy.js";
import { ConfigError, DiskFullError } from "../errors.js";
import { CHECKPOINT_FILES, type Checkpoint, writeCheckpoint } from "./checkpoint.js";
import { DESCENT_COLUMNS, type DescentColumn, SERIES_COLUMNS, type SeriesColumn } from "./columns.js";
import { errorCode, temporaryPath, writeAtomically, writeFault, writeJson, writeWhole } from "./files.js";
import { thisProcess } from "./live.js";
import {
  claimFolder,
  isDone,
  MANIFEST,
  type RunFacts,
  readManifest,
  startManifest,
  updateManifest,
} from "./manifest.js";
import type { RunResult } from "./result.js";
import { createTable, type TableWriter } from "./table.js";

export interface RecordOptions {
  /** The run's folder; it and its parents are made where missing. */
  readonly directory: string;
  /** Replace the record that stands there. Default false. */
  readonly force?: boolean;
  /** The resolved config, as JSON will show it. */
  readonly config: object;
  /** The YAML as the user wrote it; null where the config came from code. */
  readonly configText: string | null;
  /** `--set` assignments, kept as comments below the YAML. */
  readonly overrides?: readonly string[];
  readonly manifest: RunFacts;
}

export interface RecordWriter {
  readonly directory: string;
  readonly series: TableWriter<SeriesColumn>;
  readonly descent: TableWriter<DescentColumn>;
  /** Starts a further table `<name>.csv`, or goes on with it; it is closed with the record. */
  table<const Column extends string>(name: string, columns: readonly Column[]): Promise<TableWriter<Column>>;
  /** Writes or replaces `<name>.npy`, float64; the run writes `theta0` and `theta`. `shape` defaults to [data.length]. */
  array(name: string, data: Float64Array, shape?: readonly number[]): Promise<void>;
  /** Writes or replaces `result.json` while the run still counts as running: figures read it. */
  result(result: RunResult): Promise<void>;
  /** Writes a checkpoint to which the tables as they are belong; serialises `memory` before it returns to the caller. Returns its bytes. */
  checkpoint(facts: Pick<Checkpoint, "gradflow" | "t" | "memory">): Promise<number>;
  /** Writes `result.json`, closes the tables and gives the manifest its end and status. Checkpoints stay only with an interrupted run. */
  finish(result: RunResult): Promise<void>;
  /** Closes a run that threw: status `diskFull` or `failed` with the reason, no result. Never throws. */
  fail(error: unknown): Promise<void>;
}

const CONFIG_TEXT = "config.yaml";
const CONFIG = "config.resolved.json";
const RESULT = "result.json";
/** Space set aside for the last words of a run whose disk is full. */
const RESERVE = ".reserve";
const RESERVE_BYTES = 1 << 16;
/** Names every record uses from its start; a folder that holds one without a manifest is somebody else's. */
const OWN_FILES = [
  ...[CONFIG_TEXT, CONFIG, RESULT, "series.csv", "descent.csv", "theta0.npy", "theta.npy", RESERVE],
  ...CHECKPOINT_FILES,
];

/**
 * Makes a folder into the record of a run that begins now. Refuses a folder that holds a record unless `force`, and one
 * that holds like-named files of other origin always. Throws ConfigError; then the folder is as it was, except that a record
 * which `force` had begun to remove stays removed.
 */
export async function openRecord(options: RecordOptions): Promise<RecordWriter> {
  const directory = resolve(options.directory);
  const old = await readManifest(directory);
  if (old !== null && options.force !== true) throw recordStands(directory, old.status);
  const created = await makeFolder(directory);
  const tables: TableWriter<string>[] = [];
  let claimed = false;
  try {
    if (old === null) await refuseForeignFiles(directory);
    const manifest = startManifest(options.manifest, OWN_FILES);
    claimed = await claimFolder(directory, manifest, async () => {
      if (old !== null) await removeFiles(directory, [...OWN_FILES, ...old.files]);
    });
    if (!claimed) throw recordStands(directory, "running");
    if (options.configText !== null)
      await writeWhole(join(directory, CONFIG_TEXT), annotate(options.configText, options.overrides ?? []));
    await writeJson(join(directory, CONFIG), options.config);
    await writeWhole(join(directory, RESERVE), new Uint8Array(RESERVE_BYTES));
    const series = createTable(join(directory, "series.csv"), SERIES_COLUMNS);
    tables.push(series);
    const descent = createTable(join(directory, "descent.csv"), DESCENT_COLUMNS);
    tables.push(descent);
    return recordWriter(directory, series, descent, tables, null);
  } catch (error) {
    for (const table of tables) table.close();
    if (claimed) await removeFiles(directory, [...OWN_FILES, MANIFEST]).catch(() => undefined);
    await removeCreated(directory, created);
    throw writeFault(directory, error);
  }
}

/**
 * Goes on with the record of a run that ended before its time, from one of its checkpoints: what was written after it is cut off.
 * Throws ConfigError where a table does not fit the checkpoint.
 */
export async function continueRecord(directory: string, { tables }: Checkpoint): Promise<RecordWriter> {
  const opened: TableWriter<string>[] = [];
  try {
    for (const [name, columns] of [
      ["series", SERIES_COLUMNS],
      ["descent", DESCENT_COLUMNS],
    ] as const)
      opened.push(createTable(join(directory, `${name}.csv`), columns, tables[name] ?? 0));
    const { resumed } = (await readManifest(directory))!;
    await updateManifest(directory, {
      status: "running",
      finished: null,
      failure: null,
      process: thisProcess(),
      resumed: [...resumed, new Date().toISOString()],
    });
    await rm(join(directory, RESULT), { force: true });
    await writeWhole(join(directory, RESERVE), new Uint8Array(RESERVE_BYTES));
    const [series, descent] = opened as [TableWriter<SeriesColumn>, TableWriter<DescentColumn>];
    return recordWriter(directory, series, descent, opened, tables);
  } catch (error) {
    for (const table of opened) table.close();
    throw writeFault(directory, error);
  }
}

function recordWriter(
  directory: string,
  series: TableWriter<SeriesColumn>,
  descent: TableWriter<DescentColumn>,
  tables: TableWriter<string>[],
  /** Lengths at the checkpoint that the record goes on from, by name; null for a new record. */
  lengths: Readonly<Record<string, number>> | null,
): RecordWriter {
  const result = (value: RunResult) => writeJson(join(directory, RESULT), value);
  const close = () => {
    for (const table of tables) table.close();
  };
  const freeReserve = () => rm(join(directory, RESERVE), { force: true });
  return {
    directory,
    series,
    descent,
    async table(name, columns) {
      const path = join(directory, `${name}.csv`);
      const length = lengths?.[name] ?? null;
      // Begun after the checkpoint: begun again.
      if (lengths !== null && length === null) await rm(path, { force: true });
      await updateManifest(directory, {}, [`${name}.csv`]);
      const table = createTable(path, columns, length);
      tables.push(table);
      return table;
    },
    async array(name, data, shape = [data.length]) {
      const file = `${name}.npy`;
      if (!OWN_FILES.includes(file)) await updateManifest(directory, {}, [file]);
      await writeAtomically(join(directory, file), async (temporary) => {
        await writeNpy(temporary, data, [...shape]);
      });
    },
    checkpoint(facts) {
      const lengths = Object.fromEntries(tables.map((table) => [basename(table.path, ".csv"), table.sync()]));
      return writeCheckpoint(directory, { ...facts, written: new Date().toISOString(), tables: lengths });
    },
    result,
    async finish(value) {
      close();
      await freeReserve();
      if (value.status !== "interrupted")
        for (const name of CHECKPOINT_FILES) await rm(join(directory, name), { force: true });
      await result(value);
      await updateManifest(directory, { finished: new Date().toISOString(), status: value.status });
    },
    async fail(error) {
      close();
      const status = error instanceof DiskFullError ? "diskFull" : "failed";
      const failure = error instanceof Error ? error.message : String(error);
      // The caller is already reporting the first error.
      await freeReserve().catch(() => undefined);
      await updateManifest(directory, { finished: new Date().toISOString(), status, failure }).catch(
        () => undefined,
      );
    },
  };
}

/**
 * Adds files to a record, finished or not, or replaces them: `figures/loss.svg` → its content. They are removed with the record.
 * Throws ConfigError where the folder is not a record or cannot be written.
 */
export async function attachFiles(
  directory: string,
  contents: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  await updateManifest(directory, {}, Object.keys(contents));
  for (const [name, content] of Object.entries(contents)) {
    const path = join(directory, name);
    await makeFolder(dirname(path));
    await writeWhole(path, content);
  }
}

function recordStands(directory: string, status: string): ConfigError {
  const unfinished = isDone(status) ? "" : " of an unfinished run; go on with it by gradflow resume,";
  return new ConfigError(
    `${directory}: already holds a record${unfinished || ";"} use --force to replace it, or choose another folder with --out.`,
  );
}

async function refuseForeignFiles(directory: string): Promise<void> {
  const present = await readdir(directory);
  const foreign = OWN_FILES.filter((name) => present.includes(name));
  if (foreign.length > 0)
    throw new ConfigError(
      `${directory}: holds ${foreign.join(", ")} but is not a gradflow record, so nothing there is replaced; choose another folder with --out.`,
    );
}

/** Returns the topmost folder it made, or null where all stood already. */
async function makeFolder(directory: string): Promise<string | null> {
  try {
    return (await mkdir(directory, { recursive: true })) ?? null;
  } catch (error) {
    const file = errorCode(error) === "EEXIST"; // the last part of the path is a file
    throw file
      ? new ConfigError(`${directory}: is a file, a record needs a folder; choose another folder with --out.`)
      : writeFault(directory, error);
  }
}

async function removeCreated(directory: string, topmost: string | null): Promise<void> {
  if (topmost === null) return;
  for (let folder = directory; folder.startsWith(topmost); folder = dirname(folder)) {
    const empty = await rmdir(folder).then(
      () => true,
      () => false,
    );
    if (!empty) return;
  }
}

/** Removes the listed files, what a kill left of them, and folders thereby emptied; the manifest last. Names that lead outside are skipped. */
async function removeFiles(directory: string, names: readonly string[]): Promise<void> {
  const inside = names.filter(
    (name) => /^[\w.-]+(\/[\w.-]+)*$/.test(name) && !name.split("/").includes(".."),
  );
  for (const name of inside.filter((candidate) => candidate !== MANIFEST)) {
    const path = join(directory, name);
    await rm(path, { force: true });
    await rm(temporaryPath(path), { force: true });
  }
  for (const folder of new Set(inside.filter((name) => name.includes("/")).map((name) => dirname(name))))
    await rmdir(join(directory, folder)).catch(() => undefined);
  if (names.includes(MANIFEST)) await rm(join(directory, MANIFEST), { force: true });
}

function annotate(text: string, overrides: readonly string[]): string {
  if (overrides.length === 0) return text;
  const lines = overrides
    .flatMap((assignment) => `--set ${assignment}`.split(/\r?\n/))
    .map((line) => `#   ${line}`);
  return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}# Overrides of this run:\n${lines.join("\n")}\n`;
}
