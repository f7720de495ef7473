/** The part of the config about what computes the graphs. */
import { z } from "zod";

export const onnxDevices = ["cpu", "cuda"] as const;
export const tfjsBackends = ["auto", "cuda", "node", "wasm", "cpu"] as const;
export const tfjsStates = ["resident", "float64"] as const;
export const dtypes = ["float64", "float32"] as const;

const threads = z
  .int()
  .min(1)
  .max(256)
  .default(2)
  .describe(
    "Threads of the engine. A fixed number, so that a config gives the same digits on every machine. The backends wasm and cpu compute on one.",
  );

export const engineSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: z
        .literal("onnx")
        .default("onnx")
        .optional()
        .describe(
          "ONNX Runtime. With dtype: float32 only the graphs are; θ and the error control stay float64.",
        ),
      device: z
        .enum(onnxDevices)
        .default("cpu")
        .describe("cuda: a NVIDIA GPU, linux-x64; an error where it is not there."),
      dtype: z.enum(dtypes).default("float64").describe("Precision of the graphs."),
      threads,
    }),
    z.strictObject({
      kind: z.literal("tfjs").describe("TensorFlow.js, in float32."),
      backend: z
        .enum(tfjsBackends)
        .default("auto")
        .describe(
          "cuda and node: the native TensorFlow library on a GPU and on the CPU; wasm: WebAssembly with SIMD; cpu: plain JavaScript. auto: the first of these that is there; the record says which. One asked for by name and absent is an error.",
        ),
      dtype: z.literal("float32").default("float32").describe("TensorFlow.js computes in nothing else."),
      state: z
        .enum(tfjsStates)
        .default("resident")
        .describe(
          "resident: θ, stages, error norm and descent stay tensors of the backend, in float32; only scalars come back at each step. float64: they are float64 arrays and θ travels at every gradient (mixed precision).",
        ),
      threads,
    }),
    z.strictObject({
      kind: z.literal("reference").describe("A plain interpreter, slow, for checking."),
      dtype: z.literal("float64").default("float64").describe("It computes in nothing else."),
      threads,
    }),
  ])
  .prefault({})
  .describe("What computes the graphs.");
