/** The fields of a study that its sizes come from: the one to lower where they are too much. */
import type { LoadedConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import { isDrawn } from "../config/schema-dataset.js";
import type { DrawnShape } from "../data/dataset.js";

export function sampleField({ config }: LoadedConfig): string {
  return fileField(config.dataset) ?? "dataset.samples";
}

/** Null where the sizes are fields of their own. */
function fileField(dataset: Config["dataset"]): string | null {
  if (dataset.kind === "file") return "dataset.inputs";
  return isDrawn(dataset) ? null : "dataset";
}

export function dataField(loaded: LoadedConfig, shape: DrawnShape): string {
  const { dataset } = loaded.config;
  const files = fileField(dataset);
  if (files !== null) return files;
  const { samples, outputDimension } = shape;
  const inputDimension = inputsOf(shape);
  const dimension = Math.max(inputDimension, outputDimension);
  if (samples >= dimension) return "dataset.samples";
  return inputDimension >= outputDimension ? inputField(dataset) : "dataset.outputDimension";
}

/** The largest extent that the number of parameters grows with. */
export function parameterField(loaded: LoadedConfig, shape: DrawnShape): string {
  const { model, dataset } = loaded.config;
  const [inputDimension, { outputDimension }] = [inputsOf(shape), shape];
  if (!Array.isArray(model["hidden"])) return "model";
  const hidden = model["hidden"] as readonly number[];
  const widest = Math.max(0, ...hidden);
  if (widest >= Math.max(inputDimension, outputDimension)) return `model.hidden.${hidden.indexOf(widest)}`;
  const files = fileField(dataset);
  if (files !== null) return files;
  return inputDimension >= outputDimension ? inputField(dataset) : "dataset.outputDimension";
}

const inputField = (dataset: object): string =>
  "inputShape" in dataset ? "dataset.inputShape" : "dataset.inputDimension";

/** N */
export const inputsOf = ({ inputDimension, inputShape }: DrawnShape): number =>
  inputShape?.reduce((p, q) => p * q, 1) ?? (inputDimension as number);
