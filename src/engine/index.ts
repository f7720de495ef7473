/** The engines there are, by the config's names. */
import type { Dtype, Engine } from "./engine.js";
import { createOnnxEngine, type OnnxDevice } from "./onnx/engine.js";
import { createReferenceEngine } from "./reference.js";
import { createTfjsEngine, type TfjsOptions } from "./tfjs/engine.js";

export { DOUBLE_DOUBLE_ROUNDOFF, evaluateInDoubleDouble } from "./double-double.js";
export type {
  Dtype,
  Engine,
  Program,
  Resident,
  ResidentProgram,
  ResidentVector,
  Tensors,
} from "./engine.js";
export { createOnnxEngine } from "./onnx/engine.js";
export { type ModelInput, type ModelSession, modelRuntime, openModel } from "./onnx/model-file.js";
export { createReferenceEngine, type ReferenceProgram } from "./reference.js";

/** An engine as the config names it. */
export type EngineSpec =
  | { readonly kind: "onnx"; readonly device?: OnnxDevice; readonly dtype: Dtype; readonly threads: number }
  | ({ readonly kind: "tfjs"; readonly dtype?: "float32" } & TfjsOptions)
  | { readonly kind: "reference"; readonly dtype?: "float64"; readonly threads?: number };

/** @throws EngineError where the engine is not there; there is no falling back on another. */
export async function createEngine(spec: EngineSpec): Promise<Engine> {
  if (spec.kind === "reference") return createReferenceEngine();
  return spec.kind === "onnx" ? createOnnxEngine(spec) : createTfjsEngine(spec);
}
