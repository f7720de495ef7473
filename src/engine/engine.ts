/** What an engine is: it turns graphs into numbers. Knows nothing of what the graphs mean. */
import type { Graph } from "../graph/index.js";

export type Dtype = "float64" | "float32";

/** Tensors by name, flat and row-major. Always float64 on this side; an engine converts if it computes in less. */
export type Tensors = Readonly<Record<string, Float64Array>>;

/** A compiled graph. One call at a time. */
export interface Program {
  /** What a call computes: the graph compiled, less what its bound inputs alone decide, which was computed once. */
  readonly graph: Graph;
  /**
   * Evaluates the outputs. `inputs` are read in place; buffers given in `into` receive the outputs of those
   * names without a copy, the others land in buffers of the program that the next call overwrites.
   */
  run(inputs: Tensors, into?: Tensors): Promise<Tensors>;
}

export interface Engine {
  readonly kind: string;
  readonly dtype: Dtype;
  readonly threads: number;
  /** Name and version, for the record. */
  readonly description: string;
  /** `bound` inputs are fixed for the life of the program (data sets): they are converted once. */
  compile(graph: Graph, bound?: Tensors): Promise<Program>;
  /** Frees native memory of every program compiled here. */
  dispose(): Promise<void>;
}

/** @throws Error naming the graph and the input that is missing or has the wrong size. */
export function checkInput(
  graph: Graph,
  name: string,
  size: number,
  value: Float64Array | undefined,
): Float64Array {
  if (value === undefined) throw new Error(`graph ${graph.name}: input ${name} is missing`);
  if (value.length !== size)
    throw new Error(`graph ${graph.name}: input ${name} takes ${size} numbers, got ${value.length}`);
  return value;
}
