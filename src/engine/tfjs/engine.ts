/** TensorFlow.js in float32: on a CUDA GPU, the native CPU library, WebAssembly or plain JavaScript. The only importer of @tensorflow/*. */
import { setImmediate } from "node:timers/promises";
import { EngineError } from "../../errors.js";
import type { Graph } from "../../graph/index.js";
import { sizeOf, splitBound } from "../../graph/index.js";
import { checkInput, type Engine, type Program, type Resident, type Tensors } from "../engine.js";
import { type TfjsBackend, tfjsBackends } from "./backends.js";
import { type Plan, planGraph, type Tensor, upload } from "./lower.js";
import { type Runtime, startBackend } from "./runtime.js";
import { combineTensors, dotOf, errorNormOf, isFiniteTensor, readScalar, TensorVector } from "./vectors.js";

export interface TfjsOptions {
  /** `auto`: the first of cuda, node, wasm, cpu that is there; the notes say which and why. */
  readonly backend: TfjsBackend | "auto";
  /** resident: a flow keeps θ and all its vectors as tensors; float64: they are arrays, only graphs run in float32. */
  readonly state: "resident" | "float64";
  /** Of the native library; wasm and cpu compute on one. */
  readonly threads: number;
}

/** A plan and the values it holds: bound inputs, and what they alone decide. */
interface Planned {
  readonly plan: Plan;
  readonly bound: Tensors;
}

/** Longest time without a turn of the event loop, in milliseconds: backends compute synchronously, and Ctrl-C wants to be heard. */
const BREATH = 50;

/** @throws EngineError where the backend is not there. */
export async function createTfjsEngine({ backend, state, threads }: TfjsOptions): Promise<Engine> {
  const notes: string[] = [];
  const runtime = backend === "auto" ? await startBest(threads, notes) : await startBackend(backend, threads);
  const { tf } = runtime;
  const plans: Plan[] = [];
  const vectors = new Set<TensorVector>();
  let breathed = performance.now();
  const begin = async (): Promise<void> => {
    if (performance.now() - breathed > BREATH) {
      await setImmediate();
      breathed = performance.now();
    }
    await runtime.activate();
  };
  const plan = async (graph: Graph, bound: Tensors): Promise<Planned> => {
    await begin();
    const flip = runtime.backend === "wasm";
    const { folded, rest } = splitBound(graph, Object.keys(bound));
    let data = bound;
    if (folded !== null) {
      const once = planGraph(tf, folded, bound, flip);
      const found = Object.entries(tf.tidy(() => once.run({})));
      data = {
        ...bound,
        ...Object.fromEntries(found.map(([name, t]) => [name, Float64Array.from(t.dataSync())])),
      };
      for (const [, tensor] of found) tensor.dispose();
      once.dispose();
    }
    const made = planGraph(tf, rest, data, flip);
    plans.push(made);
    return { plan: made, bound: data };
  };
  return {
    kind: "tfjs",
    device: runtime.backend,
    dtype: "float32",
    threads: runtime.threads,
    description: `${runtime.description} (tfjs-core ${tf.version_core})`,
    notes,
    resident: state === "float64" ? null : createResident(runtime, begin, plan, vectors),
    async compile(graph, bound = {}) {
      return createProgram(runtime, begin, await plan(graph, bound));
    },
    async dispose() {
      await runtime.activate();
      for (const made of plans.splice(0)) made.dispose();
      for (const { tensor } of vectors) tensor.dispose();
      vectors.clear();
    },
  };
}

async function startBest(threads: number, notes: string[]): Promise<Runtime> {
  const absent: string[] = [];
  for (const backend of tfjsBackends) {
    try {
      const runtime = await startBackend(backend, threads);
      const better = absent.length === 0 ? "" : ` Not there: ${absent.join("; ")}.`;
      notes.push(`engine.backend: auto took ${backend}.${better}`);
      return runtime;
    } catch (error) {
      // "cuda is not there: REASON. Install it with: …"
      const reason =
        error instanceof EngineError ? error.message.split(" Install it with:")[0]! : String(error);
      absent.push(reason.replace(" is not there:", ",").replace(/\.$/, ""));
    }
  }
  throw new EngineError(`auto finds no backend of TensorFlow.js: ${absent.join("; ")}.`, "engine.backend");
}

/** A program between arrays: inputs are uploaded, outputs read back at each call. */
function createProgram({ tf }: Runtime, begin: () => Promise<void>, { plan, bound }: Planned): Program {
  const { graph } = plan;
  const free = graph.inputs.filter((node) => bound[node.attributes.name] === undefined);
  const own = Object.fromEntries(
    Object.entries(graph.outputs).map(([name, node]) => [name, new Float64Array(sizeOf(node.shape))]),
  );
  return {
    graph,
    async run(given, into = {}) {
      const values = free.map((node) => {
        const { name } = node.attributes;
        return { name, shape: node.shape, value: checkInput(graph, name, sizeOf(node.shape), given[name]) };
      });
      await begin();
      const outputs = tf.tidy(() =>
        plan.run(
          Object.fromEntries(values.map(({ name, shape, value }) => [name, upload(tf, value, shape)])),
        ),
      );
      return Object.fromEntries(
        Object.entries(outputs).map(([name, tensor]) => {
          const target = into[name] ?? own[name]!;
          target.set(tensor.dataSync());
          tensor.dispose();
          return [name, target];
        }),
      );
    },
  };
}

function createResident(
  { tf }: Runtime,
  begin: () => Promise<void>,
  plan: (graph: Graph, bound: Tensors) => Promise<Planned>,
  vectors: Set<TensorVector>,
): Resident {
  const adopt = (v: unknown): TensorVector => v as TensorVector;
  const tensorOf = (v: unknown): Tensor => adopt(v).tensor;
  return {
    create(size) {
      const vector = new TensorVector(tf, size);
      vectors.add(vector);
      return vector;
    },
    // A clone shares the data; since no tensor is ever changed, that is a copy.
    copy: (from, to) => adopt(to).replace(tf.clone(tensorOf(from))),
    combine(out, coefficients, given) {
      const sum = tf.tidy(() => {
        const found = combineTensors(tf, coefficients, given.map(adopt));
        if (found === null) return tf.zeros([out.size]);
        return given.some((v) => tensorOf(v) === found) ? tf.clone(found) : found;
      });
      adopt(out).replace(sum);
    },
    errorNorm: (error, before, after, rtol, atol) =>
      errorNormOf(tf, tensorOf(error), tensorOf(before), tensorOf(after), rtol, atol),
    dot: (a, b) => dotOf(tf, tensorOf(a), tensorOf(b)),
    isFinite: (v) => isFiniteTensor(tf, tensorOf(v)),
    async compile(given, data = {}) {
      const { plan: compiled, bound } = await plan(given, data);
      const { graph } = compiled;
      const free = graph.inputs.filter((node) => bound[node.attributes.name] === undefined);
      const shapes = new Map(Object.entries(graph.outputs).map(([name, node]) => [name, node.shape]));
      return {
        async run(inputs, into) {
          await begin();
          const outputs = tf.tidy(() =>
            compiled.run(
              Object.fromEntries(
                free.map(({ shape, attributes: { name } }) => [
                  name,
                  tf.reshape(tensorOf(inputs[name]), [...shape]),
                ]),
              ),
            ),
          );
          const scalars: Record<string, number> = {};
          for (const [name, tensor] of Object.entries(outputs)) {
            const target = into[name];
            if (target !== undefined) {
              adopt(target).replace(shapes.get(name)!.length === 1 ? tensor : flatten(tensor, target.size));
            } else if (tensor.size === 1) scalars[name] = readScalar(tensor);
            else tensor.dispose();
          }
          return scalars;
        },
      };
    },
    count: () => tf.memory().numTensors,
  };

  function flatten(tensor: Tensor, size: number): Tensor {
    const flat = tf.reshape(tensor, [size]);
    tensor.dispose();
    return flat;
  }
}
