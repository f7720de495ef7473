/** Opens and fills the folder of one run. Knows files and their order, nothing of flows, engines or figures. */
import { copyFile, link, lstat, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { writeNpy } from "../data/npy.js";
import { ConfigError, DiskFullError, RecordLostError, WriteError } from "../errors.js";
import { CHECKPOINT_FILES, type Checkpoint, serialiseCheckpoint, writeCheckpoint } from "./checkpoint.js";
import { DESCENT_COLUMNS, type DescentColumn, SERIES_COLUMNS, type SeriesColumn } from "./columns.js";
import {
  type Content,
  errorCode,
  formatJson,
  makeFolder,
  makeFoldersTo,
  removeTemporaries,
  stands,
  temporaryPath,
  writeAtomically,
  writeFault,
  writeJson,
  writeWhole,
} from "./files.js";
import { LOCKS, type Lock, lockFolder, thisProcess, whileListed } from "./lock.js";
import {
  isDone,
  MANIFEST,
  type Manifest,
  presentManifest,
  type RunFacts,
  readManifest,
  rewriteManifest,
  STAGING,
  startManifest,
  updateManifest,
} from "./manifest.js";
import type { RunResult } from "./result.js";
import { createTable, formatTable, type TableWriter } from "./table.js";

/** A folder that no other computation writes: its lock, and what was made to have it. */
export interface Claim {
  readonly lock: Lock;
  /** The topmost folder that was made; null where all stood. */
  readonly created: string | null;
}

export interface RecordOptions {
  /** The run's folder; it and its parents are made where missing. */
  readonly directory: string;
  /** Replace the record that stands there. Default false. */
  readonly force?: boolean;
  /** The folder's, where it is claimed already. */
  readonly claim?: Claim;
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
  /** Puts into the manifest what was said so far of a run that goes on. */
  announce(notes: readonly string[]): Promise<void>;
  /** Writes a checkpoint to which the tables as they are belong. Returns its bytes. */
  checkpoint(facts: Pick<Checkpoint, "gradflow" | "t" | "memory">): Promise<number>;
  /**
   * Writes `result.json`, closes the tables and gives the manifest its end and status; only then checkpoints go, and stay with an
   * interrupted run. Draws last: what fails from there on leaves a run that has ended. Returns the result with its figures.
   */
  finish(result: RunResult, draw?: () => Promise<readonly string[]>): Promise<RunResult>;
  /**
   * Closes a run that threw: status `diskFull` or `failed` with the reason, no result. Never throws. Returns the error to tell: of a
   * write that was refused it says what stands and how to go on.
   */
  fail(error: unknown): Promise<unknown>;
}

const CONFIG_TEXT = "config.yaml";
const CONFIG = "config.resolved.json";
const RESULT = "result.json";
/** Space set aside for the last words of a run whose disk is full. */
const RESERVE = ".reserve";
const RESERVE_BYTES = 1 << 16;
/** Folders and files that are added to a record later. */
const ADDED = ["figures", "export", "report.html"];
/** Names every record uses from its start; a folder that holds one without a manifest is somebody else's. */
const OWN_FILES = [
  ...[CONFIG_TEXT, CONFIG, RESULT, "series.csv", "descent.csv", "theta0.npy", "theta.npy", RESERVE],
  ...CHECKPOINT_FILES,
];

/**
 * Claims a folder, made where missing, for one computation, and puts right what a kill left there half-done.
 * @param force take it from an owner of whom nobody here can know whether it lives
 * @throws ConfigError where another process writes there
 */
export async function claimRecord(directory: string, force = false): Promise<Claim> {
  const created = await makeFolder(directory);
  const lock = await lockFolder(directory, { force }).catch(async (error: unknown) => {
    await removeCreated(directory, created);
    throw error;
  });
  try {
    await whileListed(directory, async () => {
      const manifest = await readManifest(directory);
      if (manifest !== null) await settle(directory, manifest);
    });
    await removeTemporaries(directory, [MANIFEST, ...OWN_FILES, ...ADDED, ...LOCKS]);
    return { lock, created };
  } catch (error) {
    await giveUp(directory, { lock, created });
    throw writeFault(directory, error);
  }
}

/** Releases a claim and removes the folders that were made for it, where they are empty. */
export async function giveUp(directory: string, { lock, created }: Claim): Promise<void> {
  await lock.release();
  await removeCreated(directory, created);
}

/**
 * Makes a folder into the record of a run that begins now. Refuses a folder that holds a record unless `force`, and one
 * that holds like-named files of other origin always. All that the new record begins with is on the disk before an old one goes:
 * a kill or a fault leaves the old one or the new one. Throws ConfigError.
 */
export async function openRecord(options: RecordOptions): Promise<RecordWriter> {
  const directory = resolve(options.directory);
  const claim = options.claim ?? (await claimRecord(directory));
  const tables: TableWriter<string>[] = [];
  let placed = false;
  try {
    const old = await readManifest(directory);
    if (old !== null && options.force !== true) throw recordStands(directory, old.status);
    if (old === null) await refuseForeignFiles(directory);
    const manifest = startManifest(options.manifest, OWN_FILES);
    const replaces = old === null ? [] : [...OWN_FILES, ...old.files];
    await stage(directory, options, { ...manifest, replaces }).catch((error: unknown) => {
      throw inPlace(directory, error);
    });
    await whileListed(directory, async () => {
      await rename(join(directory, STAGING, MANIFEST), join(directory, MANIFEST));
      placed = true;
      await settle(directory, { ...manifest, replaces });
    });
    for (const [name, columns] of STARTING_TABLES)
      tables.push(createTable(join(directory, name), columns, headOf(columns).length));
    return recordWriter(directory, claim.lock, tables, null);
  } catch (error) {
    for (const table of tables) table.close();
    // Once its manifest stands it is a record that may be resumed.
    if (!placed) await rm(join(directory, STAGING), { recursive: true, force: true }).catch(() => undefined);
    await giveUp(directory, claim);
    throw writeFault(directory, error);
  }
}

/** A fault of a staged file as one of the file that it was to be. */
function inPlace(directory: string, error: unknown): unknown {
  if (!(error instanceof WriteError)) return error;
  const Fault = error instanceof DiskFullError ? DiskFullError : WriteError;
  return new Fault(error.message.replace(join(directory, STAGING), directory));
}

const STARTING_TABLES: readonly (readonly [name: string, columns: readonly string[]])[] = [
  ["series.csv", SERIES_COLUMNS],
  ["descent.csv", DESCENT_COLUMNS],
];

const headOf = (columns: readonly string[]) => Buffer.from(formatTable(columns, []));

/** Writes what a record begins with beside what stands there. */
async function stage(directory: string, options: RecordOptions, manifest: Manifest): Promise<void> {
  const { config, configText, overrides = [] } = options;
  const folder = join(directory, STAGING);
  await rm(folder, { recursive: true, force: true });
  await makeFolder(folder);
  if (configText !== null) await writeWhole(join(folder, CONFIG_TEXT), annotate(configText, overrides));
  await writeWhole(join(folder, CONFIG), formatJson(config));
  await writeWhole(join(folder, RESERVE), new Uint8Array(RESERVE_BYTES));
  for (const [name, columns] of STARTING_TABLES) await writeWhole(join(folder, name), headOf(columns));
  await writeWhole(join(folder, MANIFEST), formatJson(manifest));
}

/** Removes what the manifest replaces and puts in place what was staged with it. After a kill in the midst it may be done again. */
async function settle(directory: string, manifest: Manifest): Promise<void> {
  const folder = join(directory, STAGING);
  const staged: string[] = await readdir(folder).catch(() => []);
  if (manifest.replaces !== undefined && !staged.includes(MANIFEST)) {
    const old = manifest.replaces.filter((name) => name !== MANIFEST);
    await removeFiles(directory, [...old, ...staged]);
    for (const name of staged) {
      const [from, to] = [join(folder, name), join(directory, name)];
      await link(from, to).catch(() => copyFile(from, to)); // some file systems have no hard links
    }
    await rewriteManifest(directory, manifest, { replaces: undefined });
  }
  await rm(folder, { recursive: true, force: true });
}

/**
 * Goes on with the record of a run that ended before its time, from one of its checkpoints: what was written after it is cut off.
 * Throws ConfigError where a table does not fit the checkpoint.
 */
export async function continueRecord(
  directory: string,
  { tables }: Checkpoint,
  claim: Claim,
): Promise<RecordWriter> {
  const opened: TableWriter<string>[] = [];
  try {
    await refuseShortTables(directory, tables);
    const { resumed } = await presentManifest(directory);
    // From here on nobody takes the tables for those of the result.
    await updateManifest(directory, {
      status: "running",
      finished: null,
      failure: null,
      process: thisProcess(),
      resumed: [...resumed, new Date().toISOString()],
      drawn: false,
    });
    await rm(join(directory, RESULT), { force: true });
    await writeWhole(join(directory, RESERVE), new Uint8Array(RESERVE_BYTES));
    for (const [name, columns] of STARTING_TABLES)
      opened.push(createTable(join(directory, name), columns, tables[basename(name, ".csv")] ?? 0));
    return recordWriter(directory, claim.lock, opened, tables);
  } catch (error) {
    for (const table of opened) table.close();
    await giveUp(directory, claim);
    throw writeFault(directory, error);
  }
}

/** Before anything is changed. */
async function refuseShortTables(
  directory: string,
  lengths: Readonly<Record<string, number>>,
): Promise<void> {
  for (const [name, length] of Object.entries(lengths)) {
    const path = join(directory, `${name}.csv`);
    const size = await stat(path).then(
      (found) => found.size,
      () => 0,
    );
    if (size < length)
      throw new ConfigError(
        `${path}: is shorter than its checkpoint says; it was changed, so start the run anew with gradflow run --force.`,
      );
  }
}

function recordWriter(
  directory: string,
  lock: Lock,
  tables: TableWriter<string>[],
  /** Lengths at the checkpoint that the record goes on from, by name; null for a new record. */
  lengths: Readonly<Record<string, number>> | null,
): RecordWriter {
  const [series, descent] = tables as unknown as [TableWriter<SeriesColumn>, TableWriter<DescentColumn>];
  let hasEnded = false;
  /** Tables are open files and stay those of this record; everything else goes by its path, which may lead elsewhere by now. */
  const own = () => lock.check();
  const close = () => {
    for (const table of tables) table.close();
  };
  const freeReserve = () => rm(join(directory, RESERVE), { force: true });
  return {
    directory,
    series,
    descent,
    async table(name, columns) {
      await own();
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
      await own();
      const file = `${name}.npy`;
      if (!OWN_FILES.includes(file)) await updateManifest(directory, {}, [file]);
      await writeAtomically(join(directory, file), async (temporary) => {
        await writeNpy(temporary, data, [...shape]);
      });
    },
    async announce(notes) {
      await own();
      await updateManifest(directory, { announced: [...notes] });
    },
    async checkpoint(facts) {
      const lengths = Object.fromEntries(tables.map((table) => [basename(table.path, ".csv"), table.sync()]));
      const content = serialiseCheckpoint({ ...facts, written: new Date().toISOString(), tables: lengths });
      await own();
      await writeCheckpoint(directory, content);
      return content.length;
    },
    async finish(value, draw = async () => []) {
      for (const table of tables) table.sync();
      close();
      await own();
      await freeReserve();
      await writeJson(join(directory, RESULT), value);
      await updateManifest(directory, { finished: new Date().toISOString(), status: value.status });
      hasEnded = true;
      try {
        return await completeRecord(directory, lock, value, draw);
      } finally {
        await lock.release();
      }
    },
    async fail(error) {
      close();
      if (hasEnded)
        return advise(
          error,
          `The run has ended and its numbers stand; gradflow resume ${directory} draws its figures.`,
          ConfigError,
        );
      const status = error instanceof DiskFullError ? "diskFull" : "failed";
      const failure = error instanceof Error ? error.message : String(error);
      // The caller is already reporting the first error.
      await own()
        .then(freeReserve)
        .then(() => updateManifest(directory, { finished: new Date().toISOString(), status, failure }))
        .catch(() => undefined);
      await lock.release();
      return advise(
        error,
        `What was written stays; mend that, then gradflow resume ${directory} goes on with it.`,
      );
    },
  };
}

function advise(error: unknown, advice: string, Refusal: typeof ConfigError = WriteError): unknown {
  if (!(error instanceof Refusal) || error instanceof RecordLostError) return error;
  const Fault = error instanceof DiskFullError ? DiskFullError : RecordLostError;
  return new Fault(`${error.message} ${advice}`);
}

async function removeCheckpoints(directory: string): Promise<void> {
  for (const name of CHECKPOINT_FILES) await rm(join(directory, name), { force: true });
}

/** Draws a run that has ended, notes its figures in its result, and that nothing is left to do. */
export async function completeRecord(
  directory: string,
  lock: Lock,
  result: RunResult,
  draw: () => Promise<readonly string[]>,
): Promise<RunResult> {
  if (isDone(result.status)) await removeCheckpoints(directory);
  const whole = { ...result, figures: await draw() };
  await lock.check();
  await writeJson(join(directory, RESULT), whole);
  await updateManifest(directory, { drawn: true });
  return whole;
}

export interface AttachOptions {
  /** Replace files and links that are not the record's. */
  readonly force?: boolean;
  /** Of the record that the files were made from: another that took its place meanwhile gets none of them. */
  readonly of?: Pick<Manifest, "started">;
}

/**
 * Adds files to a record, finished or not, or replaces them: `figures/loss.svg` → its content. They are removed with the record.
 * Throws ConfigError where the folder is not a record, holds a like-named file of other origin, or cannot be written.
 */
export async function attachFiles(
  directory: string,
  contents: Readonly<Record<string, Content>>,
  options: AttachOptions = {},
): Promise<void> {
  /** What is long in the making is made before the list is locked. */
  const made = new Map<string, string>();
  try {
    for (const [name, content] of Object.entries(contents)) {
      if (typeof content === "string" || content instanceof Uint8Array) continue;
      const path = temporaryPath(join(directory, name.split("/", 1)[0]!));
      made.set(name, path);
      await writeWhole(path, content);
    }
    await whileListed(directory, () => attachListed(directory, contents, made, options));
  } finally {
    for (const path of made.values()) await rm(path, { force: true }).catch(() => undefined);
  }
}

async function attachListed(
  directory: string,
  contents: Readonly<Record<string, Content>>,
  made: ReadonlyMap<string, string>,
  { force = false, of }: AttachOptions,
): Promise<void> {
  const manifest = await presentManifest(directory);
  if (of !== undefined && manifest.started !== of.started)
    throw new ConfigError(`${directory}: the record was replaced meanwhile; do this again.`);
  for (const name of Object.keys(contents)) {
    await makeFoldersTo(directory, name, force);
    if (!force && !manifest.files.includes(name) && (await stands(join(directory, name))))
      throw new ConfigError(
        `${join(directory, name)}: is not the record's; move it away, or replace it with --force.`,
      );
  }
  await rewriteManifest(directory, manifest, {}, Object.keys(contents));
  for (const folder of new Set(Object.keys(contents).map(dirname))) {
    const names = Object.keys(contents).filter((name) => dirname(name) === folder);
    await removeTemporaries(
      join(directory, folder),
      names.map((name) => basename(name)),
    );
  }
  for (const [name, content] of Object.entries(contents)) {
    const path = made.get(name);
    if (path === undefined) await writeWhole(join(directory, name), content);
    else await writeAtomically(join(directory, name), (temporary) => rename(path, temporary));
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
  const foreign = [...OWN_FILES, ...ADDED].filter((name) => present.includes(name));
  if (foreign.length > 0)
    throw new ConfigError(
      `${directory}: holds ${foreign.join(", ")} but is not a gradflow record, so nothing there is replaced; choose another folder with --out.`,
    );
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

/** Removes the listed files, what a kill left of them, and folders thereby emptied. Names that lead outside are skipped. */
async function removeFiles(directory: string, names: readonly string[]): Promise<void> {
  const inside = names.filter(
    (name) => /^[\w.-]+(\/[\w.-]+)*$/.test(name) && !name.split("/").includes(".."),
  );
  const folders = new Set(inside.map((name) => dirname(name)));
  // A link among the folders leads outside too.
  const real = new Set<string>();
  for (const folder of folders) if (await isInside(directory, folder)) real.add(folder);
  // A folder has a listed name only where somebody doctored the list.
  for (const name of inside.filter((candidate) => real.has(dirname(candidate))))
    await rm(join(directory, name), { force: true }).catch((error: unknown) => {
      if (errorCode(error) !== "ERR_FS_EISDIR") throw error;
    });
  for (const folder of real) {
    const own = inside.filter((name) => dirname(name) === folder).map((name) => basename(name));
    await removeTemporaries(join(directory, folder), own);
    if (folder !== ".") await rmdir(join(directory, folder)).catch(() => undefined);
  }
}

/** Whether a relative path leads through folders alone. */
async function isInside(directory: string, path: string): Promise<boolean> {
  let place = directory;
  for (const part of path.split("/")) {
    place = join(place, part);
    const found = await lstat(place).catch(() => null);
    if (part !== "." && found?.isDirectory() !== true) return false;
  }
  return true;
}

function annotate(text: string, overrides: readonly string[]): string {
  if (overrides.length === 0) return text;
  const lines = overrides
    .flatMap((assignment) => `--set ${assignment}`.split(/\r?\n/))
    .map((line) => `#   ${line}`);
  return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}# Overrides of this run:\n${lines.join("\n")}\n`;
}
