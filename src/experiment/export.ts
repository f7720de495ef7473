/** A record in other programs' formats: .npz and .safetensors (series and parameters), TensorBoard events, one CSV, ONNX. */
import { createHash } from "node:crypto";
import { access, appendFile, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { modelSchema } from "../config/schema-network.js";
import { readNpy } from "../data/npy.js";
import { ConfigError } from "../errors.js";
import {
  buildNetwork,
  type Law,
  type Layout,
  LayoutBuilder,
  type ModelFields,
  shapeIn,
  writeParameter,
} from "../model/index.js";
import { replaceInitialisers } from "../onnx/index.js";
import { attachFiles } from "../record/attachments.js";
import { formatNpz, formatSafetensors, type NamedArray } from "../record/export-npz.js";
import { formatScalar, type Scalar, startEvents } from "../record/export-tensorboard.js";
import { readJsonObject, stands, writeWhole } from "../record/files.js";
import {
  contentFolder,
  type InitialArray,
  type Manifest,
  NETWORK,
  readManifest,
  runColumns,
} from "../record/manifest.js";
import { type RunRecord, readColumns, readOutcome } from "../record/reader.js";
import { formatLine, readTable } from "../record/table.js";

export const EXPORT_FORMATS = ["npz", "safetensors", "tensorboard", "csv", "onnx"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Where each format goes, below the record. */
const FILES = {
  npz: "export/record.npz",
  safetensors: "export/record.safetensors",
  csv: "export/record.csv",
  onnx: "export/network.onnx",
  tensorboard: "export/tensorboard/events.out.tfevents.gradflow",
} as const;

/** Exports a record, finished or not. Returns the file, relative to the record. @throws ConfigError where the folder is none. */
export async function exportRecord(directory: string, format: ExportFormat, force = false): Promise<string> {
  const { manifest } = await readOutcome(directory);
  const content =
    format === "onnx"
      ? await networkAtEnd(directory, manifest)
      : inParts(formatRecord(directory, manifest, format));
  await attachFiles(directory, { [FILES[format]]: content }, { force, of: manifest });
  return FILES[format];
}

/**
 * Exports the parameters at the end for PyTorch's `load_state_dict`: weights [out, in], under the names of the file that θ₀ came from, our
 * own where it came from none. Returns the file, relative to the record.
 * @throws ConfigError where the folder is no record, or has no parameters at its end
 */
export async function exportParameters(
  directory: string,
  format: "npz" | "safetensors",
  force = false,
): Promise<string> {
  const { manifest } = await readOutcome(directory);
  const { layout, theta } = await parametersAtEnd(directory, manifest);
  const arrays = isImported(manifest)
    ? storedArrays(layout, manifest, theta)
    : stateDict(layout, theta, manifest.initial?.arrays ?? {});
  const about = { gradflow: manifest.gradflow, layout: "torch" };
  const file = `export/state_dict.${format}`;
  const content = inParts(formatArrays(arrays, format, about));
  await attachFiles(directory, { [file]: content }, { force, of: manifest });
  return file;
}

/** @throws ConfigError where the run has none */
async function parametersAtEnd(
  directory: string,
  manifest: Manifest,
): Promise<{ readonly layout: Layout; readonly theta: Float64Array }> {
  const layout = layoutOf(await readConfig(directory, manifest), manifest);
  const theta = join(directory, "theta.npy");
  if (layout === null || !(await exists(theta)))
    throw new ConfigError(`${directory}: has no parameters at its end; finish it with gradflow resume.`);
  return { layout, theta: (await readNpy(theta)).data };
}

const isImported = ({ problem }: Manifest): boolean =>
  problem?.layout?.some(({ stored }) => stored !== undefined) ?? false;

/** The parameters of an imported network as its file has them. */
function storedArrays({ parameters }: Layout, { problem }: Manifest, theta: Float64Array): NamedArray[] {
  const stored = new Map(problem?.layout?.map((parameter) => [parameter.name, parameter.stored]));
  return parameters.map((parameter) => {
    const { shape = parameter.shape, transposed = false } = stored.get(parameter.name) ?? {};
    const data = writeParameter(theta, parameter, transposed ? "torch" : "gradflow");
    return { name: parameter.name, shape, data };
  });
}

/** The ONNX file of an imported network with the parameters at the end. @throws ConfigError where the record has no such file */
async function networkAtEnd(directory: string, manifest: Manifest): Promise<Uint8Array> {
  if (manifest.network === undefined)
    throw new ConfigError(
      `${directory}: ${isImported(manifest) ? "its network was imported by a program, and the record has no copy of the file" : "its network came from no ONNX file, and only such a one is written back"}; export --to safetensors or npz writes any.`,
    );
  const { layout, theta } = await parametersAtEnd(directory, manifest);
  const copy = join(directory, NETWORK);
  const bytes = await readFile(copy).catch(() => {
    throw new ConfigError(`${copy}: is not there any more; restore it, or run the study again.`);
  });
  if (createHash("sha256").update(bytes).digest("hex") !== manifest.network.sha256)
    throw new ConfigError(`${copy}: has changed since the run; restore it, or run the study again.`);
  const arrays = storedArrays(layout, manifest, theta);
  try {
    return replaceInitialisers(bytes, new Map(arrays.map(({ name, data }) => [name, data as Float64Array])));
  } catch (error) {
    throw new ConfigError(`${copy}: ${(error as Error).message}; restore it, or run the study again.`);
  }
}

/** Parameters that came from one array, as query, key and value do, go back into one of its shape. */
function stateDict(
  { parameters }: Layout,
  theta: Float64Array,
  arrays: Readonly<Record<string, InitialArray>>,
): NamedArray[] {
  const groups = new Map<string, { shape: readonly number[]; numbers: number[] }>();
  for (const parameter of parameters) {
    const own = { name: parameter.name, shape: shapeIn("torch", parameter) };
    const { name, shape } = arrays[parameter.name] ?? own;
    const group = groups.get(name) ?? { shape, numbers: [] };
    for (const value of writeParameter(theta, parameter, "torch")) group.numbers.push(value);
    groups.set(name, group);
  }
  return [...groups].map(([name, { shape, numbers }]) => ({
    ...{ name, shape },
    data: Float64Array.from(numbers),
  }));
}

/** Many small parts as some larger ones. */
async function* inParts(
  parts: Iterable<Uint8Array> | AsyncIterable<string | Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let gathered: Uint8Array[] = [];
  let size = 0;
  for await (const part of parts) {
    const bytes = typeof part === "string" ? Buffer.from(part) : part;
    gathered.push(bytes);
    size += bytes.length;
    if (size < PART_BYTES) continue;
    yield Buffer.concat(gathered);
    gathered = [];
    size = 0;
  }
  yield Buffer.concat(gathered);
}

const PART_BYTES = 1 << 18;

/** The tables of a record that a format has no place for, by file name. */
export async function tablesLeftOut(directory: string, format: ExportFormat): Promise<string[]> {
  if (format === "npz" || format === "safetensors" || format === "onnx") return [];
  const { files } = (await readManifest(directory)) ?? { files: [] };
  return files.filter((name) => TABLE.test(name) && name !== "series.csv" && name !== "descent.csv");
}

const TABLE = /^[\w-]+\.csv$/;

/** Writes the trajectories of all records below `root` into one CSV. @throws ConfigError where a file of that name stands, unless `force` */
export async function exportAll(root: string, records: readonly string[], force = false): Promise<string> {
  const path = join(root, "runs.csv");
  if (!force && (await stands(path)))
    throw new ConfigError(`${path}: stands already; replace it with --force, or move it away.`);
  await writeWhole(path, inParts(formatTrajectories(root, records)));
  return path;
}

async function* formatRecord(
  directory: string,
  manifest: Manifest,
  format: Exclude<ExportFormat, "onnx">,
): AsyncGenerator<string | Uint8Array> {
  if (format === "csv") yield* formatTrajectories(null, [directory]);
  else if (format === "tensorboard") {
    yield startEvents(Date.parse(manifest.started) / 1000);
    for (const scalar of scalarsOf(await readTrajectories(directory), { series: 0, descent: 0 }))
      yield formatScalar(scalar);
  } else {
    const config = await readConfig(directory, manifest);
    yield* formatArrays(await arraysOf(directory, manifest, config), format, {
      gradflow: manifest.gradflow,
      layout: "gradflow",
      name: String(config["name"]),
      status: manifest.status,
    });
  }
}

function formatArrays(
  arrays: readonly NamedArray[],
  format: "npz" | "safetensors",
  metadata: Readonly<Record<string, string>>,
): Iterable<Uint8Array> {
  return format === "npz" ? formatNpz(arrays) : formatSafetensors(arrays, metadata);
}

type PlainConfig = Readonly<Record<string, unknown>>;

/** The resolved config; empty where the run was killed before it was written. */
async function readConfig(directory: string, manifest: Manifest): Promise<PlainConfig> {
  return (await readJsonObject(join(contentFolder(directory, manifest), CONFIG))) ?? {};
}

const CONFIG = "config.resolved.json";

/** What a record holds over time, of flow and descents. */
async function readTrajectories(directory: string) {
  const { manifest } = await readOutcome(directory);
  const folder = contentFolder(directory, manifest);
  const columns = runColumns(manifest);
  return {
    manifest,
    series: (await readColumns<string>(join(folder, "series.csv"), columns.series)) as RunRecord["series"],
    descent: (await readColumns<string>(
      join(folder, "descent.csv"),
      columns.descent,
    )) as RunRecord["descent"],
  };
}

type Trajectories = Awaited<ReturnType<typeof readTrajectories>>;

/** Every column of a record's tables, and its parameters: flat, and by layer at the end. */
async function arraysOf(directory: string, manifest: Manifest, config: PlainConfig): Promise<NamedArray[]> {
  const arrays: NamedArray[] = [];
  for (const file of manifest.files.filter((name) => TABLE.test(name))) {
    const { columns, values, words, length } = await readTable(join(directory, file));
    for (const column of columns) {
      const data = words[column] ?? (values[column] as Float64Array);
      arrays.push({ name: `${file.slice(0, -4)}.${column}`, shape: [length], data });
    }
  }
  for (const name of ["theta0", "theta"]) {
    if (!(await exists(join(directory, `${name}.npy`)))) continue;
    const { data, shape } = await readNpy(join(directory, `${name}.npy`));
    arrays.push({ name, shape, data });
    if (name === "theta") arrays.push(...layersOf(config, manifest, data));
  }
  return arrays;
}

/** Every parameter by its name: `layers.0.weight` [in, out], `layers.0.bias` [out], of PReLU `layers.1.slope` [1]. */
function layersOf(config: PlainConfig, manifest: Manifest, theta: Float64Array): NamedArray[] {
  const layout = layoutOf(config, manifest);
  if (layout?.size !== theta.length) return [];
  if (isImported(manifest)) return storedArrays(layout, manifest, theta);
  return layout.parameters.map((parameter) => ({
    name: parameter.name,
    shape: parameter.shape,
    data: writeParameter(theta, parameter, "gradflow"),
  }));
}

/** Null of a record that was killed before its problem was known. @throws ConfigError where its config describes no network */
function layoutOf({ model }: PlainConfig, { problem }: Manifest): Layout | null {
  if (model === undefined || problem === undefined) return null;
  if (problem.layout !== undefined) {
    const builder = new LayoutBuilder();
    for (const { name, shape, law } of problem.layout) builder.declare(name, shape, law as Law, null);
    return builder.layout;
  }
  if (!modelSchema.safeParse(model).success)
    throw new ConfigError(`${CONFIG}: model is not a network's; restore the file, or run the study again.`);
  const inputShape = problem.inputShape ?? [problem.inputs];
  return buildNetwork(model as ModelFields, { inputShape, outputs: problem.outputs }).layout;
}

/**
 * Flow and descents as one table: `trajectory` is flow or descent; cells that a trajectory does not have are empty. `root`: with a
 * column `run`, the record's path from there.
 */
async function* formatTrajectories(root: string | null, records: readonly string[]): AsyncGenerator<string> {
  const columns = await Promise.all(
    records.map(async (record) => runColumns((await readOutcome(record)).manifest)),
  );
  const base = runColumns({});
  const own = [
    ...new Set([
      ...[base.descent, base.series].flat(),
      ...columns.flatMap(({ descent, series }) => [...descent, ...series]),
    ]),
  ];
  yield formatLine([...(root === null ? [] : ["run"]), "trajectory", ...own]);
  for (const record of records) {
    const { series, descent } = await readTrajectories(record);
    const run = root === null ? [] : [relative(root, record)];
    for (const [trajectory, table] of Object.entries<Readonly<Record<string, Float64Array>>>({
      flow: series,
      descent,
    })) {
      const columns = own.map((column) => table[column]);
      const head = [...run, trajectory];
      for (let k = 0; k < table["t"]!.length; k++)
        yield formatLine([...head, ...columns.map((data) => (Number.isNaN(data?.[k]) ? null : data?.[k]))]);
    }
  }
}

/** Rows of each table that have been told already. */
interface Told {
  series: number;
  descent: number;
}

/**
 * The rows from `told` on as scalars. Flow: step is the row. Descent: step is k. The wall time is the start of the run plus the flow
 * time t in seconds, so that TensorBoard's axis RELATIVE is t.
 */
function* scalarsOf({ manifest, series, descent }: Trajectories, told: Told): Generator<Scalar> {
  const start = Date.parse(manifest.started) / 1000;
  const scalar = (tag: string, step: number, t: number, value: number): Scalar[] =>
    Number.isNaN(value) ? [] : [{ tag, step, wallTime: start + t, value }];
  for (let k = told.series; k < series.t.length; k++)
    for (const [column, values] of Object.entries(series))
      if (column !== "t") yield* scalar(`flow/${column}`, k, series.t[k]!, values[k]!);
  const { learningRate, step, t, ...measured } = descent;
  for (let k = told.descent; k < t.length; k++)
    for (const [column, values] of Object.entries(measured))
      yield* scalar(`descent/eta=${learningRate[k]}/${column}`, step[k]!, t[k]!, values[k]!);
  told.series = series.t.length;
  told.descent = t.length;
}

/** Seconds between two looks at a run that is going on. */
const FOLLOW_SECONDS = 1;

/** Writes the events of a run while it is going, until it ends or `signal` aborts. Returns the file, relative to the record. */
export async function followRecord(directory: string, signal: AbortSignal, force = false): Promise<string> {
  const told = { series: 0, descent: 0 };
  const file = FILES.tensorboard;
  const found = await readTrajectories(directory);
  const { manifest } = found;
  async function* eventsSoFar(): AsyncGenerator<Uint8Array> {
    yield startEvents(Date.parse(manifest.started) / 1000);
    for (const scalar of scalarsOf(found, told)) yield formatScalar(scalar);
  }
  await attachFiles(directory, { [file]: inParts(eventsSoFar()) }, { force, of: manifest });
  for (;;) {
    const status = (await readManifest(directory))?.status;
    const scalars = [...scalarsOf(await readTrajectories(directory), told)];
    if (scalars.length > 0) await appendFile(join(directory, file), Buffer.concat(scalars.map(formatScalar)));
    if (status !== "running" || signal.aborted) return file;
    await new Promise((resume) => setTimeout(resume, 1000 * FOLLOW_SECONDS));
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
