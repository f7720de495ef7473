/**
 * Datasets: inputs x_i ∈ R^N and targets y_i ∈ R^M, i = 1..n, from files or from a seeded law. Knows neither
 * networks nor the config's syntax: a teacher's labels come from a function the caller supplies.
 */
import { basename, extname, resolve } from "node:path";
import { ConfigError, type Problem } from "../errors.js";
import { STRIDE, type Steps, withPauses } from "../pace.js";
import type { Random } from "../random.js";
import { type CsvOptions, readCsv } from "./csv.js";
import { dropNumberedHeaders, type Matrix } from "./header.js";
import { readNpy } from "./npy.js";
import { type Finish, finishSamples, refuse } from "./samples.js";
import { classLabels, isSubset, type Source, sources } from "./sources/index.js";
import { type SplitSpec, splitDataset, type TestSamples } from "./split.js";

/** n samples, row-major: `inputs` is n × N, `targets` is n × M. */
export interface Dataset extends DatasetShape {
  readonly inputs: Float64Array;
  readonly targets: Float64Array;
  /** Shape of one sample's input; its entries are N. */
  readonly inputShape: readonly number[];
  /** The graph between the samples as a file gives it: A [n, n], symmetric, zero diagonal; null where none is read. */
  readonly edges: Float64Array | null;
  /** Samples that are not trained on; null where none are kept. */
  readonly test: TestSamples | null;
  /** What was taken for a header or for row labels in files. */
  readonly notes: readonly string[];
}

/** n, N and M. */
export interface DatasetShape {
  readonly samples: number;
  readonly inputDimension: number;
  readonly outputDimension: number;
}

/** The law of the inputs: N(0, scale²) in each entry, or uniform in the ball of that radius around 0. */
export type InputLaw =
  | { readonly kind: "gaussian"; readonly scale: number }
  | { readonly kind: "uniform-ball"; readonly radius: number };

/** Two files; what is said of header and row labels holds for those that are CSV. */
type FileSpec = CsvOptions &
  Omit<Finish, "flatten" | "split"> & {
    readonly kind: "file";
    readonly inputs: string;
    readonly targets: string;
    readonly areClasses?: boolean;
  };

/** Sizes of what is drawn: N, or the shape whose entries it counts. */
export interface DrawnShape {
  readonly samples: number;
  readonly inputDimension?: number;
  readonly inputShape?: readonly number[];
  readonly outputDimension: number;
}

/** The graph between the samples. One of nearest neighbours is not read but made, elsewhere. */
export interface GraphSpec {
  readonly graph?:
    | { readonly kind: "nearest-neighbours"; readonly neighbours: number }
    | { readonly kind: "file"; readonly edges: string };
}

/** What to load or draw. `Network` describes the teacher and is handed on unread. */
export type DatasetSpec<Network> = GraphSpec & { readonly split?: SplitSpec } & (
    | FileSpec
    | (DrawnShape & { readonly kind: "uniform-ball"; readonly radius: number; readonly labelScale: number })
    | (DrawnShape & { readonly kind: "gaussian"; readonly inputScale: number; readonly labelScale: number })
    | (DrawnShape & {
        readonly kind: "teacher";
        readonly inputLaw: InputLaw;
        readonly network: Network;
        readonly labelNoise: number;
      })
  );

/** The outputs of a teacher on the given inputs (n × N row-major), as n × M row-major. */
export type Teacher<Network> = (
  network: Network,
  inputs: Float64Array,
  shape: DatasetShape,
) => Promise<Float64Array>;

export interface DatasetContext<Network> {
  /** The folder that relative file names start from. */
  readonly baseDir: string;
  /** Inputs are drawn from its split `inputs`, labels (or their noise) from `labels`. */
  readonly random: Random;
  /** Needed for kind `teacher` only. */
  readonly teacher?: Teacher<Network>;
  /** Bytes of memory that numbers of files may take; absent: any. */
  readonly room?: number | undefined;
  /** Called now and then while numbers are drawn or read; what it throws ends that. */
  readonly pause?: () => Promise<void> | undefined;
}

/**
 * Loads or draws a dataset.
 * @throws ConfigError for a missing or malformed file, a number that is not finite, no data, or unequal sample counts.
 */
export async function loadDataset<Network>(
  spec: DatasetSpec<Network>,
  context: DatasetContext<Network>,
): Promise<Dataset> {
  const source = sources.find(({ kind }) => kind === spec.kind);
  if (source !== undefined) return withEdges(await loadSource(source, spec, context), spec, context);
  if (spec.kind === "file" && FINISHES.some((field) => spec[field] !== undefined))
    return withEdges(finishFiles(await loadFiles(spec, context), spec, context.random), spec, context);
  const made = spec.kind === "file" ? await loadFiles(spec, context) : await drawDataset(spec, context);
  if (spec.split !== undefined) {
    const { trained: _, ...parted } = splitDataset(made, spec.split, context.random.split("split"));
    return parted;
  }
  return withEdges(made, spec, context);
}

/** What a study may ask of files beyond reading them. */
const FINISHES = ["samples", "areClasses", "classes", "encoding", "normalise"] as const;

function finishFiles(
  made: Dataset,
  spec: FileSpec & GraphSpec & Pick<Finish, "split">,
  random: Random,
): Dataset {
  const { samples, inputs, inputShape, targets, outputDimension: width } = made;
  const chooses = (["samples", "classes"] as const).find((field) => spec[field] !== undefined);
  if (chooses !== undefined && spec.graph?.kind === "file")
    refuse(
      chooses,
      "chooses among the samples that dataset.graph joins by their numbers; leave one of them out.",
    );
  const areClasses = spec.areClasses ?? (spec.classes !== undefined || spec.encoding !== undefined);
  if (areClasses && width !== 1)
    refuse(
      spec.areClasses === true ? "areClasses" : spec.classes === undefined ? "encoding" : "classes",
      `is of class numbers, one a sample, and ${spec.targets} has ${width} columns; leave it out.`,
    );
  const labels = areClasses
    ? ({ kind: "classes", classes: classLabels(targets, null, spec.targets), count: null } as const)
    : ({ kind: "numbers", targets, width } as const);
  const wanted = { ...spec, flatten: false };
  const finished = finishSamples({ samples, inputShape, inputs, labels }, wanted, random);
  return { ...made, ...finished, notes: [...made.notes, ...finished.notes] };
}

async function withEdges(
  made: Dataset,
  { graph }: GraphSpec,
  { baseDir }: Pick<DatasetContext<unknown>, "baseDir">,
): Promise<Dataset> {
  if (graph?.kind !== "file") return made;
  return { ...made, edges: await loadEdges(resolve(baseDir, graph.edges), made.samples) };
}

/** Of a source in data/sources, by the fields that it declares. */
async function loadSource(
  source: Source,
  spec: object,
  { baseDir, random, room }: Pick<DatasetContext<unknown>, "baseDir" | "random" | "room">,
): Promise<Dataset> {
  const samples = await Promise.resolve()
    .then(() => source.load(spec as never, { baseDir, random, room }))
    .catch((error: unknown) => {
      if (!(error instanceof RangeError)) throw error;
      const message = "makes more numbers than an array can hold here; lower its sizes.";
      throw new ConfigError([{ path: "dataset", message }]);
    });
  const wanted: Finish = spec;
  const { samples: _drawn, ...rest } = wanted;
  return { ...finishSamples(samples, isSubset(source) ? wanted : rest, random), edges: null };
}

async function drawDataset<Network>(
  spec: Exclude<DatasetSpec<Network>, { kind: "file" }>,
  context: DatasetContext<Network>,
): Promise<Dataset> {
  const { samples, outputDimension } = spec;
  const inputShape = spec.inputShape ?? [spec.inputDimension as number];
  const inputDimension = inputShape.reduce((p, q) => p * q, 1);
  const shape = { samples, inputDimension, outputDimension };
  const common = { ...shape, inputShape, edges: null, test: null, notes: [] };
  const { random, pause = () => undefined } = context;
  const inputs = await withPauses(
    drawInputs(lawOf(spec), samples, inputDimension, random.split("inputs")),
    pause,
  );
  const labels = random.split("labels");
  if (spec.kind !== "teacher") {
    const targets = await withPauses(drawNormals(samples * outputDimension, spec.labelScale, labels), pause);
    return { ...common, inputs, targets };
  }
  if (context.teacher === undefined) throw new TypeError("dataset: kind teacher needs the teacher function.");
  const targets = Float64Array.from(await context.teacher(spec.network, inputs, shape));
  if (targets.length !== samples * outputDimension) {
    throw new RangeError(
      `dataset: the teacher returned ${targets.length} numbers, not ${samples} × ${outputDimension}.`,
    );
  }
  if (spec.labelNoise > 0) {
    const noise = await withPauses(drawNormals(targets.length, spec.labelNoise, labels), pause);
    for (let i = 0; i < targets.length; i++) targets[i]! += noise[i]!;
  }
  return { ...common, inputs, targets };
}

function lawOf(spec: Exclude<DatasetSpec<unknown>, { kind: "file" }>): InputLaw {
  if (spec.kind === "teacher") return spec.inputLaw;
  return spec.kind === "gaussian"
    ? { kind: "gaussian", scale: spec.inputScale }
    : { kind: "uniform-ball", radius: spec.radius };
}

function* drawInputs(law: InputLaw, samples: number, dimension: number, random: Random): Steps<Float64Array> {
  const inputs = yield* drawNormals(samples * dimension, law.kind === "gaussian" ? law.scale : 1, random);
  if (law.kind === "gaussian") return inputs;
  // A normal direction times radius·U^{1/N} is uniform in the ball.
  for (let sample = 0; sample < samples; sample++) {
    const row = inputs.subarray(sample * dimension, (sample + 1) * dimension);
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    const factor = (law.radius * random.uniform() ** (1 / dimension)) / norm;
    for (let i = 0; i < dimension; i++) row[i]! *= factor;
    if (sample % 1024 === 0) yield;
  }
  return inputs;
}

function* drawNormals(count: number, scale: number, random: Random): Steps<Float64Array> {
  const out = new Float64Array(count);
  for (let from = 0; from < count; from += STRIDE) {
    const to = Math.min(count, from + STRIDE);
    for (let i = from; i < to; i++) out[i] = scale * random.normal();
    yield;
  }
  return out;
}

async function loadFiles(
  spec: FileSpec,
  { baseDir, pause, room }: Pick<DatasetContext<unknown>, "baseDir" | "pause" | "room">,
): Promise<Dataset> {
  const problems: Problem[] = [];
  const load = (field: string, file: string) =>
    loadMatrix(resolve(baseDir, file), { ...spec, pause }, room).catch((error: unknown) => {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems.map((problem) => ({ ...problem, path: `dataset.${field}` })));
      return null;
    });
  const found = [await load("inputs", spec.inputs), await load("targets", spec.targets)] as const;
  if (found[0] === null || found[1] === null) throw new ConfigError(problems);
  const [inputs, targets] = dropNumberedHeaders(found[0], found[1]);
  if (inputs.rows !== targets.rows) {
    throw new ConfigError([
      {
        path: "dataset",
        message: `inputs and targets must have as many samples (rows) as each other, got ${inputs.rows} in ${spec.inputs} and ${targets.rows} in ${spec.targets}.`,
      },
    ]);
  }
  return {
    inputs: inputs.data,
    targets: targets.data,
    samples: inputs.rows,
    inputDimension: inputs.columns,
    inputShape: inputs.shape,
    edges: null,
    test: null,
    outputDimension: targets.columns,
    notes: [...inputs.notes, ...targets.notes],
  };
}

async function loadMatrix(file: string, options: CsvOptions, room?: number): Promise<Matrix> {
  const fail = (message: string, line?: number): never => {
    throw new ConfigError([{ path: "", message, file, ...(line === undefined ? {} : { line }) }]);
  };
  const extension = extname(file).toLowerCase();
  if (extension !== ".npy" && extension !== ".csv")
    return fail(`the name must end in .npy or .csv, got ${JSON.stringify(extension)}.`);
  const table =
    extension === ".csv"
      ? await readCsv(file, options)
      : { ...(await readNpy(file, room)), lines: [], numbered: null, notes: [] };
  const { shape, data, lines, numbered, notes } = table;
  if (shape.length < 1) return fail("holds one number, not samples.");
  const rows = shape[0]!;
  const columns = shape.slice(1).reduce((p, q) => p * q, 1);
  if (data.length === 0) return fail(`no data: the shape is (${shape.join(", ")}).`);
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    const row = Math.floor(bad / columns);
    return fail(
      `row ${row + 1}, column ${(bad % columns) + 1} is ${data[bad]}; every number must be finite.`,
      lines[row],
    );
  }
  return {
    name: basename(file),
    data,
    rows,
    columns,
    shape: shape.length > 1 ? shape.slice(1) : [1],
    numbered,
    notes,
  };
}

/** A list of edges as the symmetric matrix A [n, n]. @throws ConfigError naming the file and the first row that is none */
async function loadEdges(file: string, samples: number): Promise<Float64Array> {
  const { data, rows, columns } = await loadMatrix(file, {});
  const fail = (message: string): never => {
    throw new ConfigError([{ path: "dataset.graph.edges", message, file }]);
  };
  if (columns !== 2) return fail(`takes two columns, the samples that an edge joins, got ${columns}.`);
  const edges = new Float64Array(samples * samples);
  for (let k = 0; k < rows; k++) {
    const [i, j] = [data[2 * k] as number, data[2 * k + 1] as number];
    const isSample = (v: number) => Number.isInteger(v) && v >= 0 && v < samples;
    if (!isSample(i) || !isSample(j))
      return fail(`edge ${k + 1} joins ${i} and ${j}; samples are counted from 0 to ${samples - 1}.`);
    if (i === j) return fail(`edge ${k + 1} joins sample ${i} with itself; leave loops out.`);
    edges[i * samples + j] = 1;
    edges[j * samples + i] = 1;
  }
  return edges;
}
