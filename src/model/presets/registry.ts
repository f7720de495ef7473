/** All presets: a new one is a definition and a line here. */
import type { ActivationSpec } from "../activation.js";
import { layeredNetwork, type Network } from "../network.js";
import type { Parametrisation } from "../parametrisation.js";
import { type LayerConfig, LayerError } from "../scope.js";
import type { Preset, PresetContext } from "./define.js";
import { dnn, gcn, resnet } from "./dense.js";
import { chebNet, graphConvNet } from "./graphs.js";
import { cnn, convResnet, mobilenet, uNet } from "./images.js";
import { siamese } from "./siamese.js";
import type { NetworkSpec } from "./spec.js";
import { transformer } from "./transformer.js";

export const presets: readonly Preset[] = [
  dnn,
  resnet,
  gcn,
  cnn,
  convResnet,
  chebNet,
  graphConvNet,
  uNet,
  mobilenet,
  siamese,
  transformer,
];

export function presetOf(kind: string): Preset | null {
  return presets.find((preset) => preset.kind === kind) ?? null;
}

/** A model as a config says it. */
export interface ModelFields {
  readonly kind: string;
  /** Absent of an imported network. */
  readonly activation?: ActivationSpec;
  readonly parametrisation?: Parametrisation["kind"];
  readonly gain?: number;
  readonly biasFactor?: number;
  readonly output?: { readonly scale: number; readonly centred: boolean };
  readonly [field: string]: unknown;
}

/**
 * The network of a model, from complete fields.
 * @param context.smoothing half-width of the blends that replace kinks; null leaves them
 * @throws LayerError where the data do not fit
 */
export function buildNetwork(
  model: ModelFields,
  context: PresetContext & { readonly smoothing?: number | null },
): Network {
  const { kind, activation = IDENTITY, parametrisation = "standard", gain, biasFactor, output } = model;
  const { inputShape, outputs, smoothing = null } = context;
  const common = {
    ...{ kind, inputShape, outputs, activation, smoothing },
    parametrisation: {
      kind: parametrisation,
      ...(gain !== undefined && { gain }),
      ...(biasFactor !== undefined && { biasFactor }),
    },
    outputScale: output?.scale ?? 1,
  };
  if (kind === "layers")
    return layeredNetwork({ ...common, layers: model["layers"] as readonly LayerConfig[] });
  if (kind === "code")
    throw new LayerError(
      "",
      "is a network of a program, which no file holds; go on from that program, with runExperiment(study, { directory, resume: true })",
    );
  if (kind === "onnx") throw new LayerError("", "is a network of an ONNX file, which is not read here");
  const preset = presetOf(kind);
  if (preset === null) throw new RangeError(`model: there is no kind ${kind}.`);
  const given = model as never;
  const axes = preset.axes(given);
  if (inputShape.length !== axes.length)
    throw new LayerError(
      "",
      `a ${kind} takes samples of shape [${axes.join(", ")}], the data have [${inputShape.join(", ")}]`,
    );
  const spec = preset.spec(given, context);
  return layeredNetwork({
    ...common,
    ...(spec !== null && { preset: { ...spec, activation } }),
    layers: preset.layers(given, context),
  });
}

/** A fully connected, residual or graph convolutional network. */
export function presetNetwork({ inputDimension, outputDimension, ...model }: NetworkSpec): Network {
  return buildNetwork({ ...model }, { inputShape: [inputDimension], outputs: outputDimension });
}

const IDENTITY: ActivationSpec = { kind: "identity" };

/** A model with its sizes (widths, channels) put through `size`. */
export function resizeModel<M extends ModelFields>(model: M, size: (value: number) => number): M {
  const resized = (value: unknown): unknown =>
    Array.isArray(value) ? value.map(resized) : typeof value === "number" ? size(value) : value;
  const sizes = presetOf(model.kind)?.sizes;
  const change = (fields: object, names: readonly string[]): object =>
    Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [name, names.includes(name) ? resized(value) : value]),
    );
  if (sizes !== undefined) return change(model, sizes) as M;
  if (model.kind !== "layers") return model;
  const layer = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(layer);
    if (typeof value !== "object" || value === null) return value;
    const inner = Object.entries(value).map(([name, field]) => [name, layer(field)]);
    return change(Object.fromEntries(inner), ["width", "channels"]);
  };
  return { ...model, layers: layer(model["layers"]) };
}
