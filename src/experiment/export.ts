/** A record in other programs' formats: .npz and .safetensors (series and parameters), TensorBoard events, one CSV. */
import { access, appendFile } from "node:fs/promises";
import { join, relative } from "node:path";
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
import { formatNpz, formatSafetensors, type NamedArray } from "../record/export-npz.js";
import { formatScalar, type Scalar, startEvents } from "../record/export-tensorboard.js";
import { writeWhole } from "../record/files.js";
import { type InitialArray, readManifest } from "../record/manifest.js";
import { type RunRecord, readRecord } from "../record/reader.js";
import { formatTable, type Row, readTable } from "../record/table.js";
import { attachFiles } from "../record/writer.js";

export const EXPORT_FORMATS = ["npz", "safetensors", "tensorboard", "csv"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Where each format goes, below the record. */
const FILES = {
  npz: "export/record.npz",
  safetensors: "export/record.safetensors",
  csv: "export/record.csv",
  tensorboard: "export/tensorboard/events.out.tfevents.gradflow",
} as const;

/** Exports a record, finished or not. Returns the file, relative to the record. @throws ConfigError where the folder is none. */
export async function exportRecord(directory: string, format: ExportFormat, force = false): Promise<string> {
  const record = await readRecord(directory);
  const content = await formatRecord(record, format);
  await attachFiles(directory, { [FILES[format]]: content }, { force, of: record.manifest });
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
  const record = await readRecord(directory);
  const { manifest } = record;
  const layout = layoutOf(record);
  const theta = join(directory, "theta.npy");
  if (layout === null || !(await exists(theta)))
    throw new ConfigError(`${directory}: has no parameters at its end; finish it with gradflow resume.`);
  const { data } = await readNpy(theta);
  const content = formatArrays(stateDict(layout, data, manifest.initial?.arrays ?? {}), format, {
    gradflow: manifest.gradflow,
    layout: "torch",
  });
  const file = `export/state_dict.${format}`;
  await attachFiles(directory, { [file]: content }, { force, of: manifest });
  return file;
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

/** The tables of a record that a format has no place for, by file name. */
export async function tablesLeftOut(directory: string, format: ExportFormat): Promise<string[]> {
  if (format === "npz" || format === "safetensors") return [];
  const { files } = (await readManifest(directory)) ?? { files: [] };
  return files.filter((name) => TABLE.test(name) && name !== "series.csv" && name !== "descent.csv");
}

const TABLE = /^[\w-]+\.csv$/;

/** Writes the trajectories of all records below `root` into one CSV. @throws ConfigError where a file of that name stands, unless `force` */
export async function exportAll(root: string, records: readonly string[], force = false): Promise<string> {
  const path = join(root, "runs.csv");
  if (!force && (await exists(path)))
    throw new ConfigError(`${path}: stands already; replace it with --force, or move it away.`);
  const all: { name: string; record: RunRecord }[] = [];
  for (const folder of records) all.push({ name: relative(root, folder), record: await readRecord(folder) });
  await writeWhole(path, formatTrajectories(all));
  return path;
}

async function formatRecord(record: RunRecord, format: ExportFormat): Promise<string | Uint8Array> {
  if (format === "csv") return formatTrajectories([{ name: null, record }]);
  if (format === "tensorboard") {
    const { started } = record.manifest;
    const events = scalarsOf(record, { series: 0, descent: 0 }).map(formatScalar);
    return new Uint8Array(Buffer.concat([startEvents(Date.parse(started) / 1000), ...events]));
  }
  return formatArrays(await arraysOf(record), format, {
    gradflow: record.manifest.gradflow,
    layout: "gradflow",
    name: String(record.config["name"]),
    status: record.manifest.status,
  });
}

function formatArrays(
  arrays: readonly NamedArray[],
  format: "npz" | "safetensors",
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  return format === "npz" ? formatNpz(arrays) : formatSafetensors(arrays, metadata);
}

/** Every column of a record's tables, and its parameters: flat, and by layer at the end. */
async function arraysOf(record: RunRecord): Promise<NamedArray[]> {
  const { directory } = record;
  const arrays: NamedArray[] = [];
  for (const file of record.manifest.files.filter((name) => TABLE.test(name))) {
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
    if (name === "theta") arrays.push(...layersOf(record, data));
  }
  return arrays;
}

/** Every parameter by its name: `layers.0.weight` [in, out], `layers.0.bias` [out], of PReLU `layers.1.slope` [1]. */
function layersOf(record: RunRecord, theta: Float64Array): NamedArray[] {
  const layout = layoutOf(record);
  if (layout?.size !== theta.length) return [];
  return layout.parameters.map((parameter) => ({
    name: parameter.name,
    shape: parameter.shape,
    data: writeParameter(theta, parameter, "gradflow"),
  }));
}

/** Null of a record that was killed before its problem was known. */
function layoutOf({ config, manifest: { problem } }: RunRecord): Layout | null {
  const model = config["model"] as ModelFields | undefined;
  if (model === undefined || problem === undefined) return null;
  if (problem.layout !== undefined) {
    const builder = new LayoutBuilder();
    for (const { name, shape, law } of problem.layout) builder.declare(name, shape, law as Law, null);
    return builder.layout;
  }
  const inputShape = problem.inputShape ?? [problem.inputs];
  return buildNetwork(model, { inputShape, outputs: problem.outputs }).layout;
}

/** Flow and descents as one table: `trajectory` is flow or descent; cells that a trajectory does not have are empty. */
function formatTrajectories(records: readonly { name: string | null; record: RunRecord }[]): string {
  const { series, descent } = records[0]!.record;
  const named = records.some(({ name }) => name !== null);
  const own = [...new Set([...Object.keys(descent), ...Object.keys(series)])];
  const columns = [...(named ? ["run"] : []), "trajectory", ...own];
  const rows = records.flatMap(({ name, record }) =>
    (["series", "descent"] as const).flatMap((table) => {
      const values = record[table] as Readonly<Record<string, Float64Array>>;
      return Array.from({ length: values["t"]!.length }, (_, k): Row<string> => {
        const cells = Object.entries(values).map(([column, data]) => [
          column,
          Number.isNaN(data[k]) ? null : data[k]!,
        ]);
        const head = { trajectory: table === "series" ? "flow" : "descent", ...(named ? { run: name } : {}) };
        return { ...head, ...Object.fromEntries(cells) };
      });
    }),
  );
  return formatTable(columns, rows);
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
function scalarsOf({ manifest, series, descent }: RunRecord, told: Told): Scalar[] {
  const start = Date.parse(manifest.started) / 1000;
  const scalars: Scalar[] = [];
  const add = (tag: string, step: number, t: number, value: number) => {
    if (!Number.isNaN(value)) scalars.push({ tag, step, wallTime: start + t, value });
  };
  for (let k = told.series; k < series.t.length; k++)
    for (const [column, values] of Object.entries(series))
      if (column !== "t") add(`flow/${column}`, k, series.t[k]!, values[k]!);
  const { learningRate, step, t, ...measured } = descent;
  for (let k = told.descent; k < t.length; k++)
    for (const [column, values] of Object.entries(measured))
      add(`descent/eta=${learningRate[k]}/${column}`, step[k]!, t[k]!, values[k]!);
  told.series = series.t.length;
  told.descent = t.length;
  return scalars;
}

/** Seconds between two looks at a run that is going on. */
const FOLLOW_SECONDS = 1;

/** Writes the events of a run while it is going, until it ends or `signal` aborts. Returns the file, relative to the record. */
export async function followRecord(directory: string, signal: AbortSignal, force = false): Promise<string> {
  const told = { series: 0, descent: 0 };
  const file = FILES.tensorboard;
  const record = await readRecord(directory);
  const events = [
    startEvents(Date.parse(record.manifest.started) / 1000),
    ...scalarsOf(record, told).map(formatScalar),
  ];
  const content = new Uint8Array(Buffer.concat(events));
  await attachFiles(directory, { [file]: content }, { force, of: record.manifest });
  for (;;) {
    const status = (await readManifest(directory))?.status;
    const scalars = scalarsOf(await readRecord(directory), told);
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
