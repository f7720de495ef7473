/** The ONNX file that a study's model is. */
import { relative, resolve } from "node:path";
import { type LoadedConfig, problemAt } from "../config/load.js";
import { type ImportOptions, importModel, type Network } from "../model/index.js";
import { OnnxError, type OnnxFile, readOnnx, replaceInitialisers } from "../onnx/index.js";
import type { RunFacts } from "../record/manifest.js";

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
  const { trainable, outputName } = loaded.config.model;
  return citingOnnx(loaded, () =>
    importModel(model, {
      ...options,
      ...(trainable !== undefined && { trainable: trainable as readonly string[] }),
      ...(outputName !== undefined && { output: outputName as string }),
    }),
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

/** The file for the record: whole, with the tensors inside that it keeps beside it. */
export function onnxCopy(loaded: LoadedConfig): Uint8Array {
  const { bytes, model } = onnxFileOf(loaded);
  const outside = [...model.initialisers.values()].filter(({ isExternal }) => isExternal);
  return outside.length === 0
    ? bytes
    : citingOnnx(loaded, () =>
        replaceInitialisers(bytes, new Map(outside.map((tensor) => [tensor.name, tensor.read()]))),
      );
}

function citingOnnx<T>(loaded: LoadedConfig, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    throw problemAt(loaded, "model.path", `${relative(process.cwd(), fileOf(loaded))} ${error.message}.`);
  }
}
