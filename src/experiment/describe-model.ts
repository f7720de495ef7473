/** What a study's model is, layer by layer, before anything is drawn or compiled. */
import type { LoadedConfig } from "../config/load.js";
import { isDrawn } from "../config/schema-dataset.js";
import { type Dataset, loadDataset } from "../data/dataset.js";
import { createLoss, type Imported, withLossSite } from "../model/index.js";
import { createRandom } from "../random.js";
import type { ImportCheckResult } from "../record/import-check.js";
import { datasetFor, networkOf } from "./network.js";
import { checkNetwork } from "./onnx-model.js";

export interface ModelReport {
  readonly name: string;
  readonly kind: string;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  /** Each layer before those within it. */
  readonly layers: readonly {
    readonly path: string;
    readonly kind: string;
    readonly shape: readonly number[];
    /** Of the layer itself and those within it. */
    readonly parameters: number;
    /** Entries of one sample that stand at kinks, likewise. */
    readonly kinks: number;
  }[];
  /** In the order of θ. */
  readonly parameters: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly offset: number;
  }[];
  readonly sites: readonly {
    readonly path: string;
    readonly shape: readonly number[];
    readonly breakpoints: readonly number[];
  }[];
  readonly relations: readonly string[];
  /** Whether samples couple. */
  readonly coupled: boolean;
  readonly samples: number;
  /** M, P, nM and P/nM */
  readonly outputs: number;
  readonly size: number;
  readonly scalars: number;
  readonly ratio: number;
  /** E, all entries at kinks of all samples. */
  readonly entries: number;
  /** What is known of the file of an imported network; null of others. */
  readonly imported: Imported | null;
  /** How it compares with what ONNX Runtime makes of that file; null of others, and where it was not asked. */
  readonly importCheck: ImportCheckResult | null;
}

/** @throws ConfigError where a layer does not fit, citing it */
export async function describeModel(loaded: LoadedConfig): Promise<ModelReport> {
  const shape = await shapeOfData(loaded);
  const criterion = createLoss(loaded.config.loss, {
    samples: shape.samples,
    outputs: shape.outputDimension,
  });
  const network = withLossSite(networkOf(loaded, shape), criterion, false);
  const importCheck =
    loaded.config.model.kind === "onnx"
      ? await checkNetwork(loaded, shape.inputShape, shape.inputs ?? null)
      : null;
  const { layout, sites, outputs } = network;
  const { samples } = shape;
  const isWithin = (path: string, layer: string): boolean => path === layer || path.startsWith(`${layer}.`);
  return {
    name: loaded.config.name,
    kind: network.kind,
    inputShape: network.inputShape,
    outputShape: network.outputShape,
    layers: network.layers.map((layer) => ({
      ...{ path: layer.path, kind: layer.kind, shape: layer.shape },
      parameters: layout.parameters
        .filter(({ name }) => layer.parameters?.includes(name) ?? isWithin(name, layer.path))
        .reduce((sum, { size }) => sum + size, 0),
      kinks: sites
        .filter(({ path }) => isWithin(path, layer.path))
        .reduce((sum, { units }) => sum + units, 0),
    })),
    parameters: layout.parameters.map(({ name, shape: own, offset }) => ({ name, shape: own, offset })),
    sites: sites.map(({ path, shape: own, table }) => ({ path, shape: own, breakpoints: table.breakpoints })),
    relations: network.relations,
    coupled: network.coupled,
    samples,
    outputs,
    size: layout.size,
    scalars: samples * outputs,
    ratio: layout.size / (samples * outputs),
    entries: samples * network.units,
    imported: network.imported,
    importCheck,
  };
}

async function shapeOfData(
  loaded: LoadedConfig,
): Promise<Pick<Dataset, "inputShape" | "outputDimension" | "samples"> & Partial<Pick<Dataset, "inputs">>> {
  const { dataset, seed } = loaded.config;
  if (!isDrawn(dataset))
    return datasetFor(
      loaded.config,
      await loadDataset(dataset, { baseDir: loaded.baseDir, random: createRandom(seed).split("data") }),
    );
  const { inputShape = [dataset.inputDimension as number], outputDimension, samples } = dataset;
  return { inputShape, outputDimension, samples };
}
