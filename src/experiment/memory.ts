/**
 * What memory a study takes at its peak, from its config and the data's shape alone, and whether this machine has it.
 * Each part is counted as the code allocates it; a test compares with the resident memory of real runs.
 */
import { freemem } from "node:os";
import { type LoadedConfig, problemAt } from "../config/load.js";
import type { Config, NtkConfig, TeacherConfig } from "../config/schema.js";
import type { DrawnShape } from "../data/dataset.js";
import { ConfigError } from "../errors.js";
import {
  CALL_NUMBERS,
  hasMixedGrams,
  MAX_CONTACTS,
  MAX_ROW_NUMBERS,
  mostCandidates,
  TABLED_SAMPLES,
  UNIT_ROWS,
} from "../flow/index.js";
import { type Graph, sizeOf } from "../graph/index.js";
import { batchFamily, createFamily, createLoss, type Family } from "../model/index.js";
import { methods } from "../ode/index.js";
import { chooseTreatment, type Treatment } from "./boundaries.js";
import { formatBytes } from "./bytes.js";
import { memoryBeside } from "./memory-beside.js";
import { dataField, inputsOf, parameterField, sampleField } from "./memory-fields.js";
import { type EstimatedShape, type MemoryPart, measureParts, testSamplesOf } from "./memory-measures.js";
import { availableMemory } from "./memory-room.js";
import { sessionBytes } from "./memory-sessions.js";
import { networkOf } from "./network.js";
import { AUTO_DENSE, memoryOf } from "./ntk-method.js";
import type { Watch } from "./pause.js";

export interface MemoryEstimate {
  /** The largest first. */
  readonly parts: readonly MemoryPart[];
  readonly bytes: number;
  /** Of this machine, or of what its owner allows this process. */
  readonly available: number;
  readonly parameters: number;
}

/** Node, the program, ONNX Runtime and the drawing of figures, measured with the smallest study. */
const PROGRAM = 180e6;
/** θ₀, what observer and record hold, θ at the end, and the outputs of the compiled graphs. */
const RUN_VECTORS = 11;
/** Of a descent: θ, gradient, and the flow at its last step. */
const DESCENT_VECTORS = 3;
/** Lanczos basis of the sharpness: its usual length from a random start, and the vectors kept. */
const SHARPNESS_VECTORS = 16;
/** Numbers of each entry that exact holds: pieces, states and slopes at places of a step, of entries and of weights, ranges, distances. */
const EXACT_VECTORS = 44;
/** Numbers of each entry that a step over kinks holds: states at both ends and in between, signals, pieces. */
const STEP_VECTORS = 24;
/** Those of them that a checkpoint holds: z at the last two nodes, pieces, held breakpoints, mean slopes. */
const STEP_STATE = 5;
/** Bytes of one recorded row in memory, of the flow and of a descent, as objects and as text. */
const ROW = { flow: 400, descent: 250 } as const;
/** n × n matrices while the graph of neighbours is made and folded into the data; measured. */
const NEIGHBOUR_MATRICES = 5;
/** The largest typed array that V8 makes on 64 bits, in numbers. */
const LONGEST_ARRAY = 2 ** 32 - 1;
/** ONNX files, which hold the data where they go to a GPU, are protobuf messages of at most 2 GiB. */
const LARGEST_MESSAGE = 2 ** 31;

/** @param shape of the data, known from the config or read from their files */
export function estimateMemory(loaded: LoadedConfig, shape: EstimatedShape): MemoryEstimate {
  const { config } = loaded;
  const { samples, outputDimension } = shape;
  const inputDimension = inputsOf(shape);
  const family = familyOf(loaded, shape);
  const treatment = treatmentOf(loaded, family);
  const P = family.layout.size;
  const resident = config.engine.kind === "tfjs" && config.engine.state === "resident";
  const vector = P * (resident ? 4 : 8);
  const { flow, descent, record, measure, compare } = config;
  const beside = memoryBeside(config, family, treatment === "exact");
  const descents = descent.learningRates.length;
  const watches = treatment === "stepping" || methods[flow.method].needs.includes("sharpness");
  const solver =
    methods[flow.method].vectors * ("errorCheck" in flow && flow.errorCheck ? 2 : 1) +
    RUN_VECTORS +
    (watches ? SHARPNESS_VECTORS : 0);
  const rows = record.at === "steps" ? 0 : record.points + 1;
  const exact = treatment === "exact";
  const data = 8 * (samples + testSamplesOf(config, shape)) * (inputDimension + outputDimension);
  const parts: MemoryPart[] = [
    { name: "program", bytes: PROGRAM, field: "" },
    { name: "data", bytes: data, field: dataField(loaded, shape) },
    ...(config.dataset.kind === "teacher"
      ? [
          {
            name: "teacher",
            bytes: teacherBytes(config.dataset.network, shape),
            field: `dataset.network.hidden.${widestOf(config.dataset.network.hidden)}`,
          },
        ]
      : []),
    ...(family.relations.length > 0
      ? [
          {
            name: "graph of neighbours",
            bytes: 8 * NEIGHBOUR_MATRICES * samples ** 2,
            field: sampleField(loaded),
          },
        ]
      : []),
    { name: "θ and solver", bytes: vector * solver, field: parameterField(loaded, shape) },
    {
      name: "descents",
      bytes: vector * DESCENT_VECTORS * descents,
      field: descents > 20 ? "descent.learningRates" : parameterField(loaded, shape),
    },
    {
      name: "gradients",
      bytes: gradientBytes(config, family, treatment, watches, beside.graphs),
      field: largestNode(family) > P ? sampleField(loaded) : parameterField(loaded, shape),
    },
    ...(record.checkpoint > 0
      ? [
          {
            name: "a checkpoint",
            bytes:
              8 * P * (methods[flow.method].vectors + DESCENT_VECTORS * (descents + 1) + beside.kept) +
              (treatment === "stepping" ? 8 * STEP_STATE * family.entries : 0),
            field: parameterField(loaded, shape),
          },
        ]
      : []),
    { name: "flows beside descent", bytes: vector * beside.flows, field: "compare.flows" },
    { name: "running averages", bytes: vector * beside.averages, field: "compare.average" },
    {
      name: "the leading gap",
      bytes: vector * beside.gaps,
      field: compare?.leadingGap ? "compare.leadingGap" : "compare.bound",
    },
    { name: "rows", bytes: rows * (ROW.flow + ROW.descent * descents), field: "record.points" },
    ...(measure.ntk === undefined
      ? []
      : [{ name: "tangent kernel", bytes: kernelBytes(measure.ntk, family), field: "measure.ntk.method" }]),
    ...measureParts(loaded, shape, family),
    ...(exact
      ? [
          {
            name: "normals of held entries",
            bytes: 8 * normalNumbers(family),
            field: "flow.boundaries",
          },
          {
            name: "entries followed",
            bytes: 8 * EXACT_VECTORS * family.entries,
            field: sampleField(loaded),
          },
        ]
      : []),
    ...(treatment === "stepping"
      ? [
          {
            name: "entries stepped over",
            bytes: 8 * (STEP_VECTORS * family.entries + candidateNumbers(family, inputDimension)),
            field: sampleField(loaded),
          },
        ]
      : []),
    ...(flow.method === "rodas4" ? [{ name: "Hessian", bytes: 3 * 8 * P ** 2, field: "flow.method" }] : []),
  ].filter(({ bytes }) => bytes > 0);
  parts.sort((p, q) => q.bytes - p.bytes);
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  return { parts, bytes, available: availableMemory(), parameters: P };
}

/** How kinks are treated; null where what was asked cannot be had, which the commands that integrate refuse. */
function treatmentOf(loaded: LoadedConfig, family: Family): Treatment | null {
  try {
    return chooseTreatment(loaded, family).treatment;
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
}

/** The graphs that a run evaluates: each session keeps the room of its largest evaluation. */
function gradientBytes(
  config: Config,
  family: Family,
  treatment: Treatment | null,
  watches: boolean,
  beside: readonly Graph[],
): number {
  const isLocked = treatment === "exact" || treatment === "stepping";
  const { engine, descent, flow } = config;
  const graphs: Graph[] = [family.lossGradient("free"), ...beside];
  if (treatment === "stepping")
    graphs.push(family.meanField(), family.entryPullback(), family.preactivations("free"));
  else if (treatment === "exact")
    graphs.push(
      family.lockedField(),
      family.normalVelocity(),
      family.entryPullback(),
      family.preactivations("free"),
    );
  else graphs.push(family.flowField());
  const descents = descent.learningRates.length;
  if (descents > 0) graphs.push(family.predict(), family.loss());
  else if (flow.lossFactor !== undefined) graphs.push(family.loss());
  if (watches) graphs.push(family.hessianProduct(isLocked ? "locked" : "free"));
  const bytesOf = (graph: Graph, bound: readonly string[]) => sessionBytes(engine, graph, bound);
  const bound = ["x", "y", ...family.relations];
  const { batch } = descent;
  // Each descent has a session of its own for its batches, whose rows come with every call.
  const batches =
    batch === undefined || family.network.coupled || batch > family.samples
      ? 0
      : descents * bytesOf(batchFamily(family, batch).lossGradient("free"), []);
  return graphs.reduce((sum, graph) => sum + bytesOf(graph, bound), batches);
}

/** Numbers that normals of held entries take: rows, or K of a tenth of all entries, its factor and copies (3 % are held in the golden run). */
function normalNumbers({ entries, layout, network }: Family): number {
  return network.hasLayerProducts
    ? 4 * Math.min(entries / 10, MAX_CONTACTS) ** 2
    : Math.min(MAX_ROW_NUMBERS, layout.size * entries);
}

/**
 * Numbers that the Gram matrices of the candidates of a step take: of all of them, or of those of each unit, beside a table of products of
 * the samples and the rows that the engine makes them of.
 */
function candidateNumbers(family: Family, inputDimension: number): number {
  const { samples, network } = family;
  const most = mostCandidates(family);
  if (hasMixedGrams(family))
    // A table of products for each site, a matrix between samples for each that mixes another's, and the buffers of a call.
    return (2 * most ** 2) / network.units + 2 * network.sites.length * samples ** 2 + 4 * CALL_NUMBERS;
  if (!network.hasLayerProducts) return 2 * most ** 2;
  const row = network.units + network.outputs + inputDimension;
  return (2 * most ** 2) / network.units + Math.min(samples, TABLED_SAMPLES) ** 2 + 4 * UNIT_ROWS * row;
}

/** Its parameters, and its two widest layers side by side. */
function teacherBytes(network: TeacherConfig, shape: DrawnShape): number {
  const { widths, numbers } = layersOf(network.hidden, shape);
  return 8 * (2 * numbers + 2 * shape.samples * Math.max(...widths));
}

/** Widths from the inputs to the outputs, and the numbers in all weights and biases. */
function layersOf(hidden: readonly number[], shape: DrawnShape): { widths: number[]; numbers: number } {
  const widths = [inputsOf(shape), ...hidden, shape.outputDimension];
  const numbers = widths.slice(1).reduce((sum, width, l) => sum + width * (widths[l]! + 1), 0);
  return { widths, numbers };
}

function widestOf(hidden: readonly number[]): number {
  return Math.max(0, hidden.indexOf(Math.max(...hidden)));
}

/** Of the method that is asked for, or likely; more than the study allows is refused elsewhere. */
function kernelBytes(ntk: NtkConfig, family: Family): number {
  const scalars = family.samples * family.network.outputs;
  const likely = scalars <= AUTO_DENSE ? "svd" : "lanczos";
  return Math.min(memoryOf(ntk.method === "auto" ? likely : ntk.method, family, ntk), 1e9 * ntk.memory);
}

/** @throws ConfigError where the study needs more than the machine has, or an array that cannot be */
export function requireMemory(
  loaded: LoadedConfig,
  shape: EstimatedShape,
  available = availableMemory(),
): MemoryEstimate {
  const longest = longestArray(loaded, shape);
  if (longest.numbers > LONGEST_ARRAY)
    throw problemAt(
      loaded,
      longest.field,
      `makes ${longest.name} of ${longest.numbers.toExponential(2)} numbers, and an array holds at most 2^32 − 1; lower it.`,
    );
  const estimate = { ...estimateMemory(loaded, shape), available };
  if (estimate.bytes > available) throw tooMuch(loaded, estimate);
  if ("device" in loaded.config.engine && loaded.config.engine.device === "cuda") {
    const { samples, outputDimension } = shape;
    const bytes = 8 * samples * (inputsOf(shape) + outputDimension);
    if (bytes > LARGEST_MESSAGE)
      throw problemAt(
        loaded,
        dataField(loaded, shape),
        `makes data of ${formatBytes(bytes)}, which go to the GPU inside an ONNX file of at most 2 GiB; lower it.`,
      );
  }
  return estimate;
}

function tooMuch(loaded: LoadedConfig, { bytes, available, parts, parameters }: MemoryEstimate): ConfigError {
  const shown = parts.slice(0, 3).map((part) => `${formatBytes(part.bytes)} for ${part.name}`);
  return problemAt(
    loaded,
    parts[0]!.field,
    `the run would take about ${formatBytes(bytes)} of memory (${shown.join(", ")}; P = ${parameters.toLocaleString("en")} parameters), and this machine has ${formatBytes(available)} for it; lower it.`,
  );
}

/** Says where a run may take more than is free at the moment. */
export function announceMemory({ bytes }: MemoryEstimate, { say }: Watch): void {
  const free = freemem();
  if (bytes > free)
    say?.(`the run may take about ${formatBytes(bytes)} of memory, and ${formatBytes(free)} are free now.`);
}

/** The largest array that the study makes. */
function longestArray(
  loaded: LoadedConfig,
  shape: DrawnShape,
): { name: string; numbers: number; field: string } {
  const { dataset } = loaded.config;
  const { samples, outputDimension } = shape;
  const family = familyOf(loaded, shape);
  const units = largestNode(family);
  const arrays = [
    {
      name: "data",
      numbers: samples * Math.max(inputsOf(shape), outputDimension),
      field: dataField(loaded, shape),
    },
    { name: "parameters", numbers: family.layout.size, field: parameterField(loaded, shape) },
    {
      name: "a layer of units",
      numbers: units,
      field: samples > units / samples ? sampleField(loaded) : parameterField(loaded, shape),
    },
    ...(family.relations.length > 0
      ? [{ name: "a graph of neighbours", numbers: samples ** 2, field: sampleField(loaded) }]
      : []),
  ];
  if (dataset.kind === "teacher") {
    const { hidden } = dataset.network;
    const widest = widestOf(hidden);
    const field = hidden.length === 0 ? dataField(loaded, shape) : `dataset.network.hidden.${widest}`;
    arrays.push(
      { name: "the teacher's parameters", numbers: layersOf(hidden, shape).numbers, field },
      { name: "a layer of the teacher's units", numbers: samples * (hidden[widest] ?? 0), field },
    );
  }
  return arrays.reduce((p, q) => (q.numbers > p.numbers ? q : p));
}

function familyOf(loaded: LoadedConfig, shape: DrawnShape): Family {
  const { samples, outputDimension } = shape;
  const inputShape = shape.inputShape ?? [shape.inputDimension as number];
  const criterion = createLoss(loaded.config.loss, { samples, outputs: outputDimension });
  return createFamily({ network: networkOf(loaded, { inputShape, outputDimension }), samples, criterion });
}

/** Numbers of the largest array that a prediction makes. */
const largestNode = (family: Family): number =>
  family
    .predict()
    .nodes.reduce((most, { op, shape }) => (op === "input" ? most : Math.max(most, sizeOf(shape))), 0);
