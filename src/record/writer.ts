/** Opens and fills the folder of one run. Knows files and their order, nothing of flows, engines or figures. */
import { rm, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { writeNpy } from "../data/npy.js";
import { ConfigError, DiskFullError, RecordLostError, tellError, WriteError } from "../errors.js";
import { CHECKPOINT_FILES, type Checkpoint, serialiseCheckpoint, writeCheckpoint } from "./checkpoint.js";
import type { DescentColumn, SeriesColumn } from "./columns.js";
import { type Content, formatJson, writeAtomically, writeFault, writeJson, writeWhole } from "./files.js";
import { type Lock, thisProcess } from "./lock.js";
import {
  isDone,
  presentManifest,
  type RunFacts,
  readManifest,
  runColumns,
  startManifest,
  updateManifest,
} from "./manifest.js";
import {
  type Claim,
  CONFIG,
  CONFIG_TEXT,
  claimRecord,
  giveUp,
  OWN_FILES,
  placeRecord,
  RESERVE,
  RESULT,
  refuseForeignFiles,
} from "./placement.js";
import type { RunResult } from "./result.js";
import { createTable, formatTable, type TableWriter } from "./table.js";

/** Space set aside for the last words of a run whose disk is full. */
const RESERVE_BYTES = 1 << 16;

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
  /** Further files that it begins with, by name. */
  readonly files?: Readonly<Record<string, Content>>;
}

export interface RecordWriter {
  readonly directory: string;
  /** With the columns of the measures that the manifest names. */
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

/**
 * Makes a folder into the record of a run that begins now. Refuses a folder that holds a record unless `force`, and one
 * that holds like-named files of other origin always. All that the new record begins with is on the disk before an old one goes:
 * a kill or a fault leaves the old one or the new one. Throws ConfigError.
 */
export async function openRecord(options: RecordOptions): Promise<RecordWriter> {
  const directory = resolve(options.directory);
  const claim = options.claim ?? (await claimRecord(directory));
  const tables: TableWriter<string>[] = [];
  try {
    const old = await readManifest(directory);
    if (old !== null && options.force !== true) throw recordStands(directory, old.status);
    const further = Object.keys(options.files ?? {});
    if (old === null) await refuseForeignFiles(directory, further);
    const manifest = startManifest(options.manifest, [...OWN_FILES, ...further]);
    const replaces = old === null ? [] : [...OWN_FILES, ...old.files];
    await placeRecord(directory, { ...manifest, replaces }, startingFiles(options));
    for (const [name, columns] of startingTables(manifest))
      tables.push(createTable(join(directory, name), columns, headOf(columns).length));
    return recordWriter(directory, claim.lock, tables, null);
  } catch (error) {
    for (const table of tables) table.close();
    await giveUp(directory, claim);
    throw writeFault(directory, error);
  }
}

const startingTables = (manifest: Pick<RunFacts, "series" | "measures">) => {
  const { series, descent } = runColumns(manifest);
  return [
    ["series.csv", series],
    ["descent.csv", descent],
  ] as const;
};

const headOf = (columns: readonly string[]) => Buffer.from(formatTable(columns, []));

/** What a record begins with, by name. */
function startingFiles({
  config,
  configText,
  manifest,
  overrides = [],
  files = {},
}: RecordOptions): Record<string, Content> {
  const tables = startingTables(manifest).map(([name, columns]) => [name, headOf(columns)] as const);
  return {
    ...(configText === null ? {} : { [CONFIG_TEXT]: annotate(configText, overrides) }),
    [CONFIG]: formatJson(config),
    [RESERVE]: new Uint8Array(RESERVE_BYTES),
    ...Object.fromEntries(tables),
    ...files,
  };
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
    const present = await presentManifest(directory);
    const { resumed } = present;
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
    for (const [name, columns] of startingTables(present))
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
  return new Fault(`${tellError(error)} ${advice}`);
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

function recordStands(directory: string, status: string): ConfigError {
  const unfinished = isDone(status) ? "" : " of an unfinished run; go on with it by gradflow resume,";
  return new ConfigError(
    `${directory}: already holds a record${unfinished || ";"} use --force to replace it, or choose another folder with --out.`,
  );
}

function annotate(text: string, overrides: readonly string[]): string {
  if (overrides.length === 0) return text;
  const lines = overrides
    .flatMap((assignment) => `--set ${assignment}`.split(/\r?\n/))
    .map((line) => `#   ${line}`);
  return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}# Overrides of this run:\n${lines.join("\n")}\n`;
}
