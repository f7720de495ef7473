/** A model file computed by ONNX Runtime as it stands, on the CPU: what our reading of it is compared with. */
import type * as Ort from "onnxruntime-node";
import type { ElementType } from "../../onnx/index.js";
import { loadRuntime, runtimeVersion } from "./runtime.js";

/** An input of a model, its numbers row-major. */
export interface ModelInput {
  readonly type: Exclude<ElementType, "string" | "float16" | "bfloat16">;
  readonly shape: readonly number[];
  readonly numbers: Float64Array;
}

export interface ModelSession {
  /** The output of that name. @throws Error with the runtime's own words */
  run(inputs: Readonly<Record<string, ModelInput>>, output: string): Promise<Float64Array>;
  dispose(): Promise<void>;
}

/** Name and version of what computes it. */
export const modelRuntime = `ONNX Runtime ${runtimeVersion}`;

const FATAL = 4;

/**
 * @throws EngineError where the runtime does not load; Error with its own words where it refuses the model, as for an operator that it does
 *   not have in the model's precision
 */
export async function openModel(bytes: Uint8Array, threads: number): Promise<ModelSession> {
  const ort = loadRuntime();
  const session = await ort.InferenceSession.create(bytes, {
    ...{ intraOpNumThreads: threads, interOpNumThreads: 1, executionMode: "sequential" },
    // Nothing is put in the place of what the file says; what is refused is said by the error alone.
    ...{ graphOptimizationLevel: "disabled", logSeverityLevel: FATAL, executionProviders: ["cpu"] },
  });
  return {
    async run(inputs, output) {
      const feeds = Object.fromEntries(
        Object.entries(inputs).map(([name, input]) => [name, tensorOf(ort, input)]),
      );
      const results = await session.run(feeds, [output]);
      return Float64Array.from((results[output] as Ort.Tensor).data as Float64Array, Number);
    },
    dispose: () => session.release(),
  };
}

function tensorOf(ort: typeof Ort, { type, shape, numbers }: ModelInput): Ort.Tensor {
  const data =
    type === "int64" || type === "uint64"
      ? new ARRAYS[type](Array.from(numbers, BigInt))
      : type === "float64"
        ? numbers
        : new ARRAYS[type](numbers);
  return new ort.Tensor(type, data as Float64Array, [...shape]) as Ort.Tensor;
}

const ARRAYS = {
  ...{ float32: Float32Array, bool: Uint8Array, uint8: Uint8Array, int8: Int8Array },
  ...{ uint16: Uint16Array, int16: Int16Array, int32: Int32Array, uint32: Uint32Array },
  ...{ int64: BigInt64Array, uint64: BigUint64Array },
} as const;
