/** The network that a study's model is on its data. */
import { type LoadedConfig, problemAt } from "../config/load.js";
import type { Config } from "../config/schema.js";
import type { Dataset } from "../data/dataset.js";
import { type Finish, MOST_CLASSES } from "../data/samples.js";
import { sources } from "../data/sources/index.js";
import { buildNetwork, LayerError, lossModule, type Network, type TargetKind } from "../model/index.js";
import { importedNetwork } from "./onnx-model.js";
import { type Targets, targetsFor } from "./targets.js";

/** The data with their targets as the loss takes them. @throws ConfigError citing the first row that does not fit */
export function datasetFor<D extends Targets & Pick<Dataset, "test">>(
  { dataset, loss: { kind } }: Pick<Config, "dataset" | "loss">,
  data: D,
): D {
  const { targets } = lossModule(kind);
  const remedy = remedyFor(targets, dataset);
  if (data.test === null) return targetsFor(targets, kind, data, remedy);
  // Either part may lack a class that the other has.
  const classes = Math.max(2, ...[data, data.test].map(classesIn));
  const test = { ...data.test, outputDimension: data.outputDimension };
  return {
    ...targetsFor(targets, kind, data, remedy, classes),
    test: targetsFor(targets, kind, test, remedy, classes),
  };
}

/** How a study has other targets, where they are no file's as it stands: by how their classes are written, or by data that have some. */
function remedyFor(targets: TargetKind, dataset: Config["dataset"]): string | null {
  const source = sources.find(({ kind }) => kind === dataset.kind);
  const { classes, encoding, areClasses } = dataset as Finish & { readonly areClasses?: boolean };
  if (source?.hasClasses !== true && (classes ?? encoding ?? areClasses) === undefined)
    return dataset.kind === "file" ? null : "take data with classes, as of dataset.kind: moons";
  return targets === "signs"
    ? "write dataset.encoding: sign, of two classes"
    : "leave dataset.encoding out, or write index";
}

/** By the largest index; what is none is refused by `targetsFor`, before it makes rows of it. */
function classesIn({ targets }: Pick<Targets, "targets">): number {
  return targets.reduce((most, index) => (index < MOST_CLASSES ? Math.max(most, index + 1) : most), 0);
}

/**
 * The network of a study on its data.
 * @throws ConfigError where a layer does not fit what comes in, citing it
 */
export function networkOf(
  loaded: LoadedConfig,
  data: Pick<Dataset, "inputShape" | "outputDimension">,
): Network {
  const { inputShape, outputDimension } = data;
  const { model, flow } = loaded.config;
  const smoothing = flow.boundaries === "smooth" ? (flow.smoothing as number) : null;
  let network: Network;
  try {
    const outputScale = model.output?.scale ?? 1;
    network =
      loaded.network !== undefined
        ? fromCode(loaded.network, inputShape, outputScale, smoothing)
        : model.kind === "onnx"
          ? importedNetwork(loaded, { inputShape, outputScale, smoothing })
          : buildNetwork(model, { inputShape, outputs: outputDimension, smoothing });
  } catch (error) {
    if (!(error instanceof LayerError)) throw error;
    if (error.of === "smoothing") throw problemAt(loaded, "flow.smoothing", `${error.message}.`);
    const isOwn = model.kind === "layers";
    const place = !isOwn && error.path !== "" ? `${error.path} of the ${model.kind}: ` : "";
    throw problemAt(
      loaded,
      isOwn && error.path !== "" ? `model.${error.path}` : "model",
      `${place}${error.message}.`,
    );
  }
  if (network.outputs === outputDimension) {
    if (network.layout.size > 0) return network;
    throw problemAt(
      loaded,
      "model",
      "has no parameters, so there is nothing to train; add a layer that has some: { kind: dense }.",
    );
  }
  const layers = model.kind === "layers" ? (model["layers"] as readonly unknown[]) : [];
  if (model.kind === "layers" && layers.length === 0)
    throw problemAt(
      loaded,
      "model.layers",
      `is empty, and the targets have ${outputDimension} numbers where the inputs have ${network.outputs}; end with { kind: dense }.`,
    );
  const last = layers.length > 0 ? `model.layers.${layers.length - 1}` : "model";
  throw problemAt(
    loaded,
    last,
    `the network makes [${network.outputShape}] of a sample, ${network.outputs} numbers; the targets have ${outputDimension}. Leave the width of the last layer out, or change the targets.`,
  );
}

/** @throws LayerError where it takes other samples, or its kinks cannot be blended */
function fromCode(
  network: Network,
  inputShape: readonly number[],
  scale: number,
  smoothing: number | null,
): Network {
  if (network.inputShape.join() !== inputShape.join())
    throw new LayerError(
      "",
      `takes samples of shape [${network.inputShape.join(", ")}], the data have [${inputShape.join(", ")}]`,
    );
  const scaled = scale === 1 ? network : network.scaled(scale);
  return smoothing === null ? scaled : scaled.smoothed(smoothing);
}
