/** From a config to a problem that can be integrated: data, network, initial parameters, engine. */
import { relative, resolve } from "node:path";
import { type LoadedConfig, problemAt } from "../config/load.js";
import type { Config, TeacherConfig } from "../config/schema.js";
import { type Dataset, type DatasetShape, loadDataset } from "../data/dataset.js";
import { readNpy } from "../data/npy.js";
import { createEngine, type Engine } from "../engine/index.js";
import { ConfigError, EngineError } from "../errors.js";
import { createProblem, type Problem } from "../flow/index.js";
import {
  adjacencySteps,
  createFamily,
  initialising,
  layoutOf,
  lossFactor,
  type NetworkSpec,
} from "../model/index.js";
import { withPauses } from "../pace.js";
import { createRandom, type Random } from "../random.js";
import { activationOf } from "./boundaries.js";
import { announceMemory, requireMemory, requireRoomForFiles } from "./memory.js";
import { createPause, type Watch } from "./pause.js";

export interface Prepared {
  readonly problem: Problem;
  readonly dataset: Dataset;
  readonly theta0: Float64Array;
  /** The tensors the graphs are bound to. */
  readonly data: Readonly<Record<string, Float64Array>>;
  /** What was read otherwise than one might think. */
  readonly notes: readonly string[];
}

/** @throws ConfigError where data, network and initial parameters do not fit, citing the config's line. */
export async function prepare(loaded: LoadedConfig, engine: Engine, watch: Watch = {}): Promise<Prepared> {
  const { config, baseDir } = loaded;
  const random = createRandom(config.seed);
  if (config.dataset.kind === "file") await requireRoomForFiles(loaded, config.dataset);
  else announceMemory(requireMemory(loaded, config.dataset), watch);
  const dataset = await citing(loaded, "dataset", () =>
    loadDataset(config.dataset, {
      baseDir,
      random: random.split("data"),
      pause: createPause(watch, config.dataset.kind === "file" ? "reading the data" : "drawing the data"),
      teacher: (network, inputs, shape) =>
        teach(network as TeacherConfig, inputs, shape, engine, random.split("teacher"), loaded, watch),
    }),
  );
  if (config.dataset.kind === "file") announceMemory(requireMemory(loaded, dataset), watch);
  const spec: NetworkSpec = {
    kind: config.model.kind,
    inputDimension: dataset.inputDimension,
    hidden: config.model.hidden,
    outputDimension: dataset.outputDimension,
    bias: config.model.bias,
    activation: activationOf(loaded),
  };
  const data: Record<string, Float64Array> = { x: dataset.inputs, y: dataset.targets };
  if (config.model.kind === "gcn") {
    const { neighbours } = config.model;
    if (neighbours >= dataset.samples) {
      throw problemAt(
        loaded,
        "model.neighbours",
        `must be below the number of samples, ${dataset.samples}, got ${neighbours}; lower it.`,
      );
    }
    data["adjacency"] = await withPauses(
      adjacencySteps(dataset.inputs, dataset.samples, neighbours),
      createPause(watch, "looking for neighbours"),
    );
  }
  const theta0 = await initialParameters(
    spec,
    config.model.init,
    random.split("init"),
    loaded,
    "model.init.path",
    watch,
  );
  const factor = lossFactor(config.loss.reduction, dataset.samples, dataset.outputDimension);
  const family = createFamily({ spec, samples: dataset.samples, factor });
  const notes = [...loaded.notes, ...dataset.notes];
  return { problem: await createProblem(engine, family, data), dataset, theta0, data, notes };
}

/** Faults of files get the field that names them; those between fields get its line. */
async function citing<T>(loaded: LoadedConfig, field: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(
      error.problems.map((problem) => {
        const path = problem.path === "" ? field : problem.path;
        return problem.file === undefined
          ? { ...problem, path, ...loaded.locate(path.split(".")) }
          : { ...problem, path };
      }),
    );
  }
}

async function initialParameters(
  spec: NetworkSpec,
  init: Config["model"]["init"],
  random: Random,
  loaded: LoadedConfig,
  path: string,
  watch: Watch,
): Promise<Float64Array> {
  if (init.kind !== "file")
    return withPauses(initialising(spec, init, random), createPause(watch, "drawing the parameters"));
  const file = resolve(loaded.baseDir, init.path);
  const { data } = await citing(loaded, path, () => readNpy(file));
  const { layers, size } = layoutOf(spec);
  const shown = relative(process.cwd(), file);
  if (data.length !== size) {
    const widths = [spec.inputDimension, ...layers.map((layer) => layer.fanOut)].join("-");
    throw problemAt(
      loaded,
      path,
      `${shown} holds ${data.length} numbers, but the network ${widths} ${spec.bias ? "with" : "without"} biases has ${size} parameters; ` +
        "check the data's dimensions, model.hidden and model.bias.",
    );
  }
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw problemAt(loaded, path, `${shown} holds ${data[bad]} at index ${bad}; parameters must be finite.`);
  return data;
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
  const spec: NetworkSpec = {
    kind: "dnn",
    inputDimension: shape.inputDimension,
    hidden: network.hidden,
    outputDimension: shape.outputDimension,
    bias: network.bias,
    activation: network.activation,
  };
  const path = "dataset.network.init.path";
  const theta = await initialParameters(spec, network.init, random, loaded, path, watch);
  const program = await engine.compile(createFamily({ spec, samples: shape.samples, factor: 1 }).predict());
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
