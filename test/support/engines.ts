/** The engines of this machine, for tests that run on every one. Those that are absent are named on the console and left out. */
import { createEngine, type EngineSpec } from "../../src/engine/index.js";

export interface PresentEngine {
  readonly label: string;
  readonly spec: EngineSpec;
  readonly dtype: "float64" | "float32";
}

const tfjs = { kind: "tfjs", state: "resident", threads: 2 } as const;

const candidates: readonly (readonly [string, EngineSpec, "float64" | "float32"])[] = [
  ["onnx float64", { kind: "onnx", dtype: "float64", threads: 2 }, "float64"],
  ["onnx float32", { kind: "onnx", dtype: "float32", threads: 2 }, "float32"],
  ["onnx cuda float64", { kind: "onnx", device: "cuda", dtype: "float64", threads: 2 }, "float64"],
  ["onnx cuda float32", { kind: "onnx", device: "cuda", dtype: "float32", threads: 2 }, "float32"],
  ["tfjs cuda", { ...tfjs, backend: "cuda" }, "float32"],
  ["tfjs node", { ...tfjs, backend: "node" }, "float32"],
  ["tfjs wasm", { ...tfjs, backend: "wasm" }, "float32"],
  ["tfjs cpu", { ...tfjs, backend: "cpu" }, "float32"],
];

/** Every engine but the reference. */
export async function presentEngines(): Promise<PresentEngine[]> {
  const present: PresentEngine[] = [];
  const absent: string[] = [];
  for (const [label, spec, dtype] of candidates) {
    try {
      await (await createEngine(spec)).dispose();
      present.push({ label, spec, dtype });
    } catch {
      absent.push(label);
    }
  }
  if (absent.length > 0) console.warn(`not on this machine, not tested: ${absent.join(", ")}`);
  return present;
}
