/** ONNX Runtime on the CPU or a CUDA GPU, float64 or float32: the default engine. */
import type * as Ort from "onnxruntime-node";
import { cancelTransposes, type Graph, sizeOf, splitBound } from "../../graph/index.js";
import { checkInput, type Dtype, type Engine, type Program, type Tensors } from "../engine.js";
import { cudaError, requireCuda } from "./cuda.js";
import { lowerToOnnx } from "./lower.js";
import { loadRuntime, runtimeVersion } from "./runtime.js";

export type OnnxDevice = "cpu" | "cuda";

const FLOAT32_FUSIONS = [
  "QuickGeluFusion",
  "GeluFusion",
  "FastGeluFusion",
  "BiasGeluFusion",
  "LayerNormFusion",
  "SimplifiedLayerNormFusion",
  "SkipLayerNormFusion",
  "EmbedLayerNormFusion",
  "BiasSoftmaxFusion",
  "AttentionFusion",
  "MatMulScaleFusion",
].join(";");

/** @throws EngineError where the CUDA provider is asked for and its libraries are not there. */
export function createOnnxEngine(options: {
  device?: OnnxDevice;
  dtype: Dtype;
  /** Workers of one operation (intra-op). */
  threads: number;
  /** Beginning of the paths of traces, one a program, that the runtime writes of all its nodes; off by default. */
  profile?: string;
}): Engine {
  const sessions: Ort.InferenceSession[] = [];
  const { device = "cpu", dtype, threads, profile } = options;
  if (device === "cuda") requireCuda();
  const ort = loadRuntime();
  // Feeds are not copied on the CPU; to a GPU they would travel at every call.
  const embed = device === "cuda";
  const load = (graph: Graph, bound: Tensors, embedded = false): Promise<Ort.InferenceSession> =>
    createSession(ort, lowerToOnnx(graph, dtype, bound, embedded), device, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      executionMode: "sequential",
      enableMemPattern: bytesOf(graph, dtype) < LARGE,
      graphOptimizationLevel: graph.nodes.length > MANY_NODES ? "disabled" : "all",
      logSeverityLevel: 3,
      ...(profile !== undefined && { enableProfiling: true, profileFilePrefix: profile }),
      extra: {
        // Fusions that hold for float32 only: their kernels lack float64, or round a factor or an epsilon to float32.
        ...(dtype === "float64" && { optimization: { disable_specified_optimizers: FLOAT32_FUSIONS } }),
        session: {
          // Idle workers would spin on the cores that the next program needs. Until the next product of the same program,
          // 20 μs, they may: it saves wake-ups, a tenth of a float32 gradient.
          intra_op: { allow_spinning: "1", spin_duration_us: "20" },
          // A node that CUDA lacks would run on the CPU without a word.
          ...(device === "cuda" && { disable_cpu_ep_fallback: "1" }),
        },
      },
    });
  return {
    kind: "onnx",
    device,
    dtype,
    threads,
    description: `onnxruntime-node ${runtimeVersion} (${device})`,
    notes: [],
    resident: null,
    async compile(graph, bound = {}) {
      const names = Object.keys(bound);
      const { folded, rest } = splitBound(cancelTransposes(graph, names), names);
      let data = bound;
      if (folded !== null) {
        const session = await load(folded, bound);
        data = { ...bound, ...(await createProgram(ort, session, folded, dtype, bound).run({})) };
        await session.release();
      }
      const session = await load(rest, data, embed);
      sessions.push(session);
      return createProgram(ort, session, rest, dtype, data, embed);
    },
    async dispose() {
      await Promise.all(sessions.splice(0).map((session) => session.release()));
    },
  };
}

/**
 * Of all nodes together, in bytes. The runtime's plan for memory saves a small graph a tenth of its time; a large one it costs up to half its memory
 * (443 instead of 293 MB for a convolutional gradient) and no time.
 */
const LARGE = 2 ** 26;

function bytesOf({ nodes }: Graph, dtype: Dtype): number {
  return nodes.reduce((sum, { shape }) => sum + sizeOf(shape), 0) * (dtype === "float64" ? 8 : 4);
}

/** From here on the runtime's optimisers, which go over the graph again and again, take minutes: 17 s with 400 layers, 5 times more with 800. */
const MANY_NODES = 5000;

async function createSession(
  ort: typeof Ort,
  model: Uint8Array,
  device: OnnxDevice,
  options: Ort.InferenceSession.SessionOptions,
): Promise<Ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(model, { ...options, executionProviders: [device] });
  } catch (error) {
    if (device === "cpu") throw error;
    throw cudaError((error as Error).message);
  }
}

function createProgram(
  ort: typeof Ort,
  session: Ort.InferenceSession,
  graph: Program["graph"],
  dtype: Dtype,
  bound: Tensors,
  embedded = false,
): Program {
  const single = dtype === "float32";
  const makeTensor = (data: Float64Array, dims: readonly number[]): Ort.Tensor =>
    single
      ? new ort.Tensor("float32", new Float32Array(data.length), dims)
      : new ort.Tensor("float64", data, dims);
  const feeds: Record<string, Ort.Tensor> = {};
  const inputs = graph.inputs.map((node) => ({
    name: node.attributes.name,
    shape: node.shape,
    size: sizeOf(node.shape),
  }));
  for (const { name, shape, size } of inputs) {
    const value = bound[name];
    if (value === undefined) continue;
    checkInput(graph, name, size, value);
    if (embedded) continue;
    const tensor = makeTensor(value, shape);
    if (single) (tensor.data as Float32Array).set(value);
    feeds[name] = tensor;
  }
  const free = inputs.filter(({ name }) => bound[name] === undefined);
  const outputs = Object.entries(graph.outputs).map(([name, node]) => ({
    name,
    shape: node.shape,
    own: new Float64Array(sizeOf(node.shape)),
  }));
  // In float64 a tensor shares the caller's memory, so one wrapper per buffer serves every call.
  const wrappers = new WeakMap<Float64Array, Ort.Tensor>();
  const wrap = (data: Float64Array, shape: readonly number[]): Ort.Tensor => {
    const known = wrappers.get(data);
    if (
      known !== undefined &&
      known.dims.length === shape.length &&
      known.dims.every((d, i) => d === shape[i])
    )
      return known;
    const tensor = makeTensor(data, shape);
    wrappers.set(data, tensor);
    return tensor;
  };
  let isRunning = false;
  return {
    graph,
    async run(given, into = {}) {
      // The buffers are those of the run before.
      if (isRunning)
        throw new Error(
          `${graph.name}: a second run while the first is under way; await one after the other.`,
        );
      for (const { name, shape, size } of free) {
        const value = checkInput(graph, name, size, given[name]);
        const tensor = wrap(value, shape);
        if (single) (tensor.data as Float32Array).set(value);
        feeds[name] = tensor;
      }
      const fetches: Record<string, Ort.Tensor> = {};
      const results: Record<string, Float64Array> = {};
      for (const { name, shape, own } of outputs) {
        const target = into[name] ?? own;
        results[name] = target;
        fetches[name] = wrap(target, shape);
      }
      isRunning = true;
      await session.run(feeds, fetches).finally(() => {
        isRunning = false;
      });
      if (single) for (const { name } of outputs) results[name]!.set(fetches[name]!.data as Float32Array);
      return results;
    },
  };
}
