/** The ONNX file that a study's model is. */
import { relative, resolve } from "node:path";
import { type LoadedConfig, problemAt } from "../config/load.js";
import { type ImportOptions, importModel, type Network } from "../model/index.js";
import { OnnxError, type OnnxFile, readOnnx } from "../onnx/index.js";
import type { ImportCheckResult } from "../record/import-check.js";
import type { RunFacts } from "../record/manifest.js";
import { checkImport, disagreement, replacedIn } from "./import-check.js";

/** The file of a model as the config says it, in full. */
const fileOf = ({ baseDir, config }: LoadedConfig): string =>
  resolve(baseDir, config.model["path"] as string);

/** Files that studies have read; one is read once. */
const read = new WeakMap<LoadedConfig, OnnxFile>();

/** @throws ConfigError citing `model.path` where it is no ONNX model */
export function onnxFileOf(loaded: LoadedConfig): OnnxFile {
  const known = read.get(loaded);
  if (known !== undefined) return known;
  const file = citingOnnx(loaded, () => readOnnx(fileOf(loaded)));
  read.set(loaded, file);
  return file;
}

/** @throws ConfigError citing the model where its graph cannot be taken; LayerError of a node that does not fit */
export function importedNetwork(
  loaded: LoadedConfig,
  options: Omit<ImportOptions, "trainable" | "output">,
): Network {
  const { model } = onnxFileOf(loaded);
  return citingOnnx(loaded, () => importModel(model, { ...options, ...importOptions(loaded) }));
}

function importOptions({ config }: LoadedConfig): Pick<ImportOptions, "trainable" | "output"> {
  const { trainable, outputName } = config.model;
  return {
    ...(trainable !== undefined && { trainable: trainable as readonly string[] }),
    ...(outputName !== undefined && { output: outputName as string }),
  };
}

/** Whose it may be: the runtime's own functions err where they saturate, in double by all of an output, and in float32 by 1e-7 absolutely. */
const FAULT =
  "Please report it. The fault is gradflow's unless outputs are so small (below 1e-4 in float32, 1e-13 in float64) that the runtime's own functions are off;";

/**
 * What ONNX Runtime makes of the file beside gradflow; null with `model.check: false`.
 * @param inputs samples of the data; null where they are not drawn yet
 * @throws ConfigError citing `model.path` where they disagree
 */
export async function checkNetwork(
  loaded: LoadedConfig,
  inputShape: readonly number[],
  inputs: Float64Array | null,
): Promise<ImportCheckResult | null> {
  const { engine, model: section } = loaded.config;
  if (section["check"] === false) return null;
  const { bytes, model } = onnxFileOf(loaded);
  const threads = engine.kind === "onnx" ? engine.threads : 1;
  const options = { ...importOptions(loaded), inputShape };
  const found = await checkImport({ bytes, model, options, inputs, threads });
  const why = disagreement(found);
  if (why === null) return found;
  throw problemAt(
    loaded,
    "model.path",
    `${relative(process.cwd(), fileOf(loaded))}: gradflow reads another network in it than ONNX Runtime: ${why}${replacedIn(model)}. ${FAULT} model.check: false runs what gradflow reads.`,
  );
}

/** What the manifest says of the file. */
export function networkFacts(loaded: LoadedConfig): NonNullable<RunFacts["network"]> {
  const { model, sha256 } = onnxFileOf(loaded);
  return {
    path: loaded.config.model["path"] as string,
    ...{ sha256, producer: model.producer, opset: model.opsets.get("") as number },
  };
}

function citingOnnx<T>(loaded: LoadedConfig, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    throw problemAt(loaded, "model.path", `${relative(process.cwd(), fileOf(loaded))} ${error.message}.`);
  }
}
