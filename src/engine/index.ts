/** The engines there are, by the config's names. */
import type { Dtype, Engine } from "./engine.js";
import { createOnnxEngine } from "./onnx/engine.js";
import { createReferenceEngine } from "./reference.js";

export type { Dtype, Engine, Program, Tensors } from "./engine.js";
export { createOnnxEngine } from "./onnx/engine.js";
export { compileReference, createReferenceEngine, type ReferenceProgram } from "./reference.js";

export interface EngineSpec {
  readonly kind: "onnx" | "reference";
  readonly dtype: Dtype;
  readonly threads: number;
}

export function createEngine(spec: EngineSpec): Engine {
  return spec.kind === "onnx" ? createOnnxEngine(spec) : createReferenceEngine();
}
