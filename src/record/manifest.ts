/** `manifest.json`: what makes a folder a record. It is written first, removed last, and lists the files that belong to the record. */
import { join } from "node:path";
import { ConfigError } from "../errors.js";
import { DESCENT_COLUMNS, SERIES_COLUMNS } from "./columns.js";
import { readJsonObject, writeJson } from "./files.js";
import { thisProcess, type Writer, whileListed, writerShape } from "./lock.js";
import {
  fields,
  flag,
  innerPath,
  list,
  nullable,
  number,
  optional,
  record,
  requireShape,
  type Shape,
  text,
} from "./shape.js";

export const MANIFEST = "manifest.json";
/** Where the files of a new record wait until its manifest has taken effect and those of the old record are gone. */
export const STAGING = ".gradflow-new";
/** The ONNX file of an imported network, whole. */
export const NETWORK = "network.onnx";
const FORMAT = "gradflow-record";

/** Size of the problem, known before the first step, so that figures of an unfinished run can name it. */
interface ProblemSize {
  /** P */
  readonly parameters: number;
  /** n */
  readonly samples: number;
  /** N */
  readonly inputs: number;
  /** Shape of one sample's input; absent in records before there were shapes: [N]. */
  readonly inputShape?: readonly number[];
  /** M */
  readonly outputs: number;
  /** The parameters in the order of θ, of a network from code; of others the config says them. */
  readonly layout?: readonly ParameterFacts[];
  /** Where the kinks are, in the order that events count them: path of the layer, entries of one sample. */
  readonly sites?: readonly Site[];
}

interface ParameterFacts {
  readonly name: string;
  readonly shape: readonly number[];
  /** How it starts: what the model calls its law. */
  readonly law: { readonly kind: string };
  /** Of an imported network: its shape in the file, and whether θ has it the other way round. */
  readonly stored?: StoredParameter;
}

export interface StoredParameter {
  readonly shape: readonly number[];
  readonly transposed: boolean;
}

/** The ONNX file that the network was read from; NETWORK is its copy. */
interface NetworkFile {
  /** As the study names it. */
  readonly path: string;
  readonly sha256: string;
  readonly producer: string;
  readonly opset: number;
}

interface Site {
  readonly path: string;
  readonly shape: readonly number[];
}

/** A measure of the run and its columns in series.csv, descent.csv or both. */
export interface MeasureFacts {
  readonly name: string;
  /** `flow`, `descent` */
  readonly of: readonly string[];
  /** What to look for in its figure; absent where the measure does not say, and in records of before. */
  readonly look?: string;
  readonly columns: readonly ColumnFacts[];
}

/** How a column is told and drawn: columns of one axis title share a panel. */
export interface ColumnFacts {
  readonly name: string;
  readonly label: string;
  readonly axis: string;
  /** `log` or `linear` */
  readonly scale: string;
}

/** The file that θ₀ was read from. */
interface InitialFile {
  /** As the study names it. */
  readonly path: string;
  readonly sha256: string;
  /** The array of the file that each parameter is, or is a part of; absent where they have no names there. */
  readonly arrays?: Readonly<Record<string, InitialArray>>;
}

export interface InitialArray {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The state of a git repository. */
export interface RepositoryState {
  readonly commit: string;
  /** Whether files that git tracks differ from the commit; null where git did not say in time. */
  readonly dirty: boolean | null;
}

/** What the caller knows of a run when it starts. */
export interface RunFacts {
  /** The command line as typed, program first. */
  readonly command: readonly string[];
  /** Version of gradflow. */
  readonly gradflow: string;
  readonly engine: string;
  readonly engineVersion: string;
  readonly dtype: string;
  readonly threads: number;
  readonly seed: number;
  /** Of the checkout that the program is built in; null where it is an installed package. */
  readonly program: RepositoryState | null;
  /** Of the repository that the study lies in; null outside git. */
  readonly study: RepositoryState | null;
  readonly problem?: ProblemSize;
  /** Columns of series.csv beyond those of every run; absent where there are none. */
  readonly series?: readonly string[];
  /** Absent where nothing is measured beside the series. */
  readonly measures?: readonly MeasureFacts[];
  /** Where θ₀ was read from; absent where it was drawn. */
  readonly initial?: InitialFile;
  /** Of an imported network. */
  readonly network?: NetworkFile;
  /** Hash of the config with its files (12 hexadecimal digits), and the folder that file names in it are relative to. */
  readonly hash: string;
  readonly folder: string;
}

export interface Manifest extends RunFacts {
  readonly format: typeof FORMAT;
  readonly formatVersion: 1;
  readonly node: string;
  readonly platform: string;
  /** The process that writes the record, or wrote it last. */
  readonly process: Writer;
  /** ISO 8601, UTC. */
  readonly started: string;
  /** When it went on from a checkpoint. */
  readonly resumed: readonly string[];
  readonly finished: string | null;
  /** `running` until the run ends; then the status of `result.json`, or `failed`. A killed run stays `running`. */
  readonly status: string;
  /** Why the run failed; null otherwise. */
  readonly failure: string | null;
  /** Every file of the record, relative to its folder, `/` between folders. `force` removes these and no other. */
  readonly files: readonly string[];
  /** Files of the record that this one replaces, until they are gone; as long as it is here the record's own are in STAGING. */
  readonly replaces?: readonly string[];
  /** What was said while the run went on and a reader of an unfinished record has to know; absent where nothing was. */
  readonly announced?: readonly string[];
  /** False from the start of a run until its figures are drawn; absent in records of older versions. */
  readonly drawn?: boolean;
}

/** Columns of `series.csv` and `descent.csv`: those of every run, and behind them those of its measures. */
export function runColumns({ series = [], measures = [] }: Pick<Manifest, "series" | "measures">) {
  const measured = (kind: string) =>
    measures.filter(({ of }) => of.includes(kind)).flatMap(({ columns }) => columns.map(({ name }) => name));
  return {
    series: [...SERIES_COLUMNS, ...series, ...measured("flow")] as readonly string[],
    descent: [...DESCENT_COLUMNS, ...measured("descent")] as readonly string[],
  };
}

/** Where the files that go with a manifest are. */
export function contentFolder(directory: string, { replaces }: Manifest): string {
  return replaces === undefined ? directory : join(directory, STAGING);
}

const UNFINISHED = ["running", "failed", "interrupted", "diskFull"];

/** Whether the run has ended for good: the same run would end the same way again. */
export function isDone(status: string | undefined): boolean {
  return status !== undefined && !UNFINISHED.includes(status);
}

export function startManifest(facts: RunFacts, files: readonly string[]): Manifest {
  return {
    format: FORMAT,
    formatVersion: 1,
    ...facts,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    process: thisProcess(),
    started: new Date().toISOString(),
    resumed: [],
    finished: null,
    status: "running",
    failure: null,
    files: [MANIFEST, ...files],
    drawn: false,
  };
}

/** The manifest of a folder, or null where there is none. Throws ConfigError where `manifest.json` is not gradflow's. */
export async function readManifest(directory: string): Promise<Manifest | null> {
  const path = join(directory, MANIFEST);
  const value = await readJsonObject(path);
  if (value === null) return null;
  if (value["format"] !== FORMAT || !Array.isArray(value["files"]))
    throw new ConfigError(`${path}: was not written by gradflow; choose another folder.`);
  const format = value["formatVersion"];
  if (format === undefined) throw new ConfigError(`${path}: is damaged: it lacks formatVersion.`);
  if (format !== 1)
    throw new ConfigError(
      `${path}: has record format ${JSON.stringify(format)}, this version reads format 1; use the gradflow that wrote it.`,
    );
  return requireShape<Manifest>(path, value, shape);
}

const repository = fields<RepositoryState>({ commit: text, dirty: nullable(flag) });

const shape: Shape<Manifest> = {
  format: text,
  formatVersion: number,
  command: list(text),
  gradflow: text,
  engine: text,
  engineVersion: text,
  dtype: text,
  threads: number,
  seed: number,
  program: nullable(repository),
  study: nullable(repository),
  problem: optional(
    fields<ProblemSize>({
      parameters: number,
      samples: number,
      inputs: number,
      inputShape: optional(list(number)),
      outputs: number,
      layout: optional(
        list(
          fields<ParameterFacts>({
            name: text,
            shape: list(number),
            law: fields<{ kind: string }>({ kind: text }),
            stored: optional(fields<StoredParameter>({ shape: list(number), transposed: flag })),
          }),
        ),
      ),
      sites: optional(list(fields<Site>({ path: text, shape: list(number) }))),
    }),
  ),
  series: optional(list(text)),
  measures: optional(
    list(
      fields<MeasureFacts>({
        name: text,
        of: list(text),
        look: optional(text),
        columns: list(fields<ColumnFacts>({ name: text, label: text, axis: text, scale: text })),
      }),
    ),
  ),
  initial: optional(
    fields<InitialFile>({
      path: text,
      sha256: text,
      arrays: optional(record(fields<InitialArray>({ name: text, shape: list(number) }))),
    }),
  ),
  network: optional(fields<NetworkFile>({ path: text, sha256: text, producer: text, opset: number })),
  hash: text,
  folder: text,
  node: text,
  platform: text,
  process: writerShape,
  started: text,
  resumed: list(text),
  finished: nullable(text),
  status: text,
  failure: nullable(text),
  files: list(innerPath),
  replaces: optional(list(innerPath)),
  drawn: optional(flag),
  announced: optional(list(text)),
};

export type ManifestChange = Partial<
  Pick<Manifest, "finished" | "status" | "failure" | "process" | "resumed" | "drawn" | "announced">
> & { readonly replaces?: undefined };

/** Replaces some fields and adds `files` to the list. */
export function updateManifest(
  directory: string,
  change: ManifestChange,
  files: readonly string[] = [],
): Promise<void> {
  return whileListed(directory, async () => {
    await rewriteManifest(directory, await presentManifest(directory), change, files);
  });
}

/** The manifest of a folder that holds one. Throws ConfigError. */
export async function presentManifest(directory: string): Promise<Manifest> {
  const manifest = await readManifest(directory);
  if (manifest !== null) return manifest;
  throw new ConfigError(
    `${directory}: its ${MANIFEST} has gone; the folder was removed or replaced while in use.`,
  );
}

/** `updateManifest` for those who hold the list. The file on disk is the truth: figures are drawn by others than the writer. */
export async function rewriteManifest(
  directory: string,
  manifest: Manifest,
  change: ManifestChange,
  files: readonly string[] = [],
): Promise<void> {
  await writeJson(join(directory, MANIFEST), {
    ...manifest,
    ...change,
    files: [...new Set([...manifest.files, ...files])],
  });
}
