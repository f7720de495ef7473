/** From a config to a problem that can be integrated: data, network, initial parameters, engine. */
import { type LoadedConfig, problemAt } from "../config/load.js";
import { logClockRefusal } from "../config/messages.js";
import type { TeacherConfig } from "../config/schema.js";
import { isDrawn } from "../config/schema-dataset.js";
import { type Dataset, type DatasetShape, loadDataset } from "../data/dataset.js";
import { createEngine, type Engine } from "../engine/index.js";
import { EngineError } from "../errors.js";
import { createProblem, type Problem } from "../flow/index.js";
import {
  createFamily,
  createLoss,
  type Family,
  findingNeighbours,
  type Imported,
  type Network,
  presetNetwork,
  relationMatrix,
} from "../model/index.js";
import { withPauses } from "../pace.js";
import { createRandom, type Random } from "../random.js";
import type { ImportCheckResult } from "../record/import-check.js";
import { citing, type InitialParameters, initialParameters } from "./initial-parameters.js";
import { announceMemory, requireMemory } from "./memory.js";
import { availableMemory, requireRoomForFiles, requireRoomForSource } from "./memory-room.js";
import { datasetFor, networkOf } from "./network.js";
import { checkNetwork } from "./onnx-model.js";
import { withOrigin } from "./origin.js";
import { createPause, pauseBetweenCompilations, type Watch } from "./pause.js";
import { type Settled, settle } from "./settle.js";
import { isOneHot } from "./targets.js";
import { unusedNotes } from "./unused.js";

export interface Prepared {
  readonly problem: Problem;
  readonly dataset: Dataset;
  /** The network on the samples that are not trained on; null where there are none. */
  readonly test: TestSet | null;
  /** Where the flow begins. */
  readonly theta0: Float64Array;
  /** Where descent begins, where that is elsewhere: it has gone on for descent.settle steps. */
  readonly settled: Settled | null;
  /** The array of its file that each parameter is, where θ₀ was read by name. */
  readonly initialArrays: InitialParameters["arrays"];
  /** Of a network from an ONNX file: how it compares with what ONNX Runtime makes of it; null where it was not asked. */
  readonly importCheck: ImportCheckResult | null;
  /** The tensors the graphs are bound to. */
  readonly data: Readonly<Record<string, Float64Array>>;
  /** What was read otherwise than one might think. */
  readonly notes: readonly string[];
}

export interface TestSet {
  readonly family: Family;
  readonly targets: Float64Array;
  /** The tensors its graphs are bound to. */
  readonly data: Readonly<Record<string, Float64Array>>;
}

/** @throws ConfigError where data, network and initial parameters do not fit, citing the config's line. */
export async function prepare(
  loaded: LoadedConfig,
  plainEngine: Engine,
  watch: Watch = {},
): Promise<Prepared> {
  const { config, baseDir } = loaded;
  const { engine, handOver } = pauseBetweenCompilations(plainEngine, watch);
  const random = createRandom(config.seed);
  if (config.dataset.kind === "file") await requireRoomForFiles(loaded, config.dataset);
  else if (isDrawn(config.dataset)) announceMemory(requireMemory(loaded, config.dataset), watch);
  else await requireRoomForSource(loaded);
  const dataset = await citing(loaded, "dataset", async () =>
    datasetFor(
      config,
      await loadDataset(config.dataset, {
        baseDir,
        random: random.split("data"),
        room: availableMemory(),
        pause: createPause(watch, !isDrawn(config.dataset) ? "reading the data" : "drawing the data"),
        teacher: (network, inputs, shape) =>
          teach(network as TeacherConfig, inputs, shape, engine, random.split("teacher"), loaded, watch),
      }),
    ),
  );
  if (!isDrawn(config.dataset)) announceMemory(requireMemory(loaded, dataset), watch);
  const criterion = createLoss(config.loss, {
    ...{ samples: dataset.samples, outputs: dataset.outputDimension },
    isOneHot: isOneHot(dataset),
  });
  if (config.flow.clock === "log" && criterion.notLogarithmic !== null)
    throw problemAt(loaded, "flow.clock", logClockRefusal(criterion.notLogarithmic));
  const network = networkOf(loaded, dataset);
  const data: Record<string, Float64Array> = { x: dataset.inputs, y: dataset.targets };
  if (network.relations.length > 0) {
    const edges = await edgesOf(loaded, dataset, network, watch);
    for (const relation of network.relations)
      data[relation] = relationMatrix(relation, edges, dataset.samples);
  }
  checkTokens(loaded, network, dataset);
  checkBatch(loaded, network, dataset);
  const importCheck =
    config.model.kind === "onnx" ? await checkNetwork(loaded, dataset.inputShape, dataset.inputs) : null;
  const initial = await initialParameters(
    network,
    config.model.init,
    random.split("init"),
    loaded,
    "model.init",
    watch,
  );
  const { parametrisation = "standard", output, init } = config.model;
  const centred = output?.centred === true;
  const family = createFamily({ network, samples: dataset.samples, criterion, centred });
  const bound = await withOrigin(engine, family, data, initial.theta);
  const problem = await createProblem(engine, family, bound);
  const settled = await settle(loaded, problem, initial.theta, watch);
  handOver();
  return {
    problem,
    dataset,
    test: await testSet(loaded, engine, { network, centred }, dataset, initial.theta),
    theta0: settled?.mean ?? initial.theta,
    settled,
    initialArrays: initial.arrays,
    importCheck,
    data: bound,
    notes: [
      ...[...loaded.notes, ...dataset.notes, ...initial.notes, ...unusedNotes(config, family)],
      ...(network.imported === null ? [] : importNotes(network.imported)),
      ...(config.model["check"] === false
        ? ["model.check: false: the network was not compared with what ONNX Runtime makes of its file."]
        : []),
      ...(settled === null ? [] : [settled.note]),
      ...(parametrisation !== "standard" && SHRINKING.includes(init.kind)
        ? [
            `model.init: ${init.kind} draws parameters that are the smaller the wider a layer is, and ${parametrisation} divides by its width once more; leave init out for parameters of variance 1.`,
          ]
        : []),
    ],
  };
}

/** @throws ConfigError where the outputs of a sample depend on which others there are */
async function testSet(
  loaded: LoadedConfig,
  engine: Engine,
  { network, centred }: { readonly network: Network; readonly centred: boolean },
  { test, outputDimension }: Dataset,
  theta0: Float64Array,
): Promise<TestSet | null> {
  if (test === null) return null;
  if (network.coupled)
    throw problemAt(
      loaded,
      "dataset.split",
      "needs a network whose outputs for a sample depend on that sample alone, and this one couples the samples (a graph, or batch-norm); leave split out.",
    );
  const { samples, inputs, targets } = test;
  const criterion = createLoss(loaded.config.loss, {
    ...{ samples, outputs: outputDimension },
    isOneHot: isOneHot({ ...test, outputDimension }),
  });
  const own = createFamily({ network, samples, criterion, centred });
  return { family: own, targets, data: await withOrigin(engine, own, { x: inputs, y: targets }, theta0) };
}

/** What an imported network is otherwise than its file may seem to say. */
function importNotes({ frozen, notes }: Imported): string[] {
  const names = frozen.map(({ name, why }) => `${name} (${why})`);
  const shown = names.length > 6 ? `${names.slice(0, 6).join(", ")}, …` : names.join(", ");
  return [
    ...(names.length > 0
      ? [
          `model: ${names.length} initialisers of the file are not trained: ${shown}; gradflow model lists them.`,
        ]
      : []),
    ...notes.map((note) => `model: ${note}.`),
  ];
}

/** Laws whose spread falls with the width. */
const SHRINKING = ["kaiming-uniform", "kaiming-normal", "xavier-uniform", "xavier-normal"];

/** A [n, n] of the data's graph. @throws ConfigError where there is none */
async function edgesOf(
  loaded: LoadedConfig,
  { edges, inputs, samples }: Dataset,
  { graphLayer }: Network,
  watch: Watch,
): Promise<Float64Array> {
  if (edges !== null) return edges;
  const { dataset, model } = loaded.config;
  const own = dataset.graph?.kind === "nearest-neighbours" ? dataset.graph.neighbours : null;
  const neighbours = own ?? (model["neighbours"] as number | undefined);
  const layer =
    model.kind === "layers" ? `model.${graphLayer}` : `${graphLayer ?? "the network"} of the ${model.kind}`;
  if (neighbours === undefined)
    throw problemAt(
      loaded,
      "dataset",
      `${layer} works on a graph between the samples, and there is none; add dataset.graph: { kind: nearest-neighbours, neighbours: 4 } or { kind: file, edges: edges.csv }.`,
    );
  if (neighbours >= samples) {
    const path = own === null ? "model.neighbours" : "dataset.graph.neighbours";
    const message = `must be below the number of samples, ${samples}, got ${neighbours}; lower it.`;
    throw problemAt(loaded, path, message);
  }
  return withPauses(
    findingNeighbours(inputs, samples, neighbours),
    createPause(watch, "looking for neighbours"),
  );
}

/** @throws ConfigError where an embedding meets data that are no tokens of its own */
function checkTokens(loaded: LoadedConfig, { tokens: uses }: Network, { inputs }: Dataset): void {
  for (const { path, tokens } of uses) {
    const bad = inputs.findIndex((value) => !Number.isInteger(value) || value < 0 || value >= tokens);
    if (bad < 0) continue;
    throw problemAt(
      loaded,
      loaded.config.model.kind === "layers" ? `model.${path}.tokens` : "model.tokens",
      `the data must hold whole numbers from 0 to ${tokens - 1}, got ${inputs[bad]} at entry ${bad} of the inputs; change the data or tokens.`,
    );
  }
}

/** @throws ConfigError where there are no such batches of the samples, or none has a loss of its own */
function checkBatch(loaded: LoadedConfig, { coupled }: Network, { samples }: Dataset): void {
  const { batch } = loaded.config.descent;
  if (batch === undefined) return;
  if (batch > samples)
    throw problemAt(
      loaded,
      "descent.batch",
      `must be at most the number of samples that are trained on, ${samples}, got ${batch}; lower it.`,
    );
  if (coupled)
    throw problemAt(
      loaded,
      "descent.batch",
      "needs a network whose outputs for a sample depend on that sample alone, and this one couples the samples (a graph, or batch-norm); leave it out.",
    );
}

async function teach(
  network: TeacherConfig,
  inputs: Float64Array,
  shape: DatasetShape,
  engine: Engine,
  random: Random,
  loaded: LoadedConfig,
  watch: Watch,
): Promise<Float64Array> {
  const taught = presetNetwork({
    kind: "dnn",
    inputDimension: shape.inputDimension,
    hidden: network.hidden,
    outputDimension: shape.outputDimension,
    bias: network.bias,
    activation: network.activation,
  });
  const field = "dataset.network.init";
  const { theta } = await initialParameters(taught, network.init, random, loaded, field, watch);
  const program = await engine.compile(
    createFamily({ network: taught, samples: shape.samples, factor: 1 }).predict(),
  );
  const { output } = await program.run({ theta, x: inputs });
  return (output as Float64Array).slice();
}

/** The engine a config asks for. @throws ConfigError citing its line where it is not there. */
export async function engineOf(loaded: LoadedConfig): Promise<Engine> {
  try {
    return await createEngine(loaded.config.engine);
  } catch (error) {
    if (error instanceof EngineError && error.field !== null)
      throw problemAt(loaded, error.field, error.message);
    throw error;
  }
}
