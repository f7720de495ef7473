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
  /** Where it computes: cpu or cuda; of TensorFlow.js the backend: cuda, node, wasm or cpu. */
  readonly device: string;
  readonly dtype: Dtype;
  readonly threads: number;
  /** Name and version, for the record. */
  readonly description: string;
  /** How a choice left to the engine was made, for the record; often empty. */
  readonly notes: readonly string[];
  /** Vectors that live with the engine, for a flow that is integrated there; null where θ passes through arrays. */
  readonly resident: Resident | null;
  /** `bound` inputs are fixed for the life of the program (data sets): they are converted once. */
  compile(graph: Graph, bound?: Tensors): Promise<Program>;
  /** Frees native memory of every program compiled here. */
  dispose(): Promise<void>;
}

/** A mutable vector of the engine's dtype, kept where the engine computes. */
export interface ResidentVector {
  readonly size: number;
  /** The values, brought back. */
  read(): Float64Array;
  write(values: Float64Array): void;
}

/** A compiled graph over resident vectors. One call at a time. */
export interface ResidentProgram {
  /** Inputs are read in place; outputs named in `into` land there, scalars that are not come back as numbers. */
  run(
    inputs: Readonly<Record<string, ResidentVector>>,
    into: Readonly<Record<string, ResidentVector>>,
  ): Promise<Readonly<Record<string, number>>>;
}

/** Vector algebra where the engine computes. Only scalars come back, unless a vector is read. */
export interface Resident {
  /** A new zero vector. */
  create(size: number): ResidentVector;
  copy(from: ResidentVector, to: ResidentVector): void;
  /** out ← Σ c_i v_i; `out` may be one of the vectors. */
  combine(out: ResidentVector, coefficients: readonly number[], vectors: readonly ResidentVector[]): void;
  /** sqrt(mean_i (e_i / (atol + rtol·max(|before_i|, |after_i|)))²) */
  errorNorm(
    error: ResidentVector,
    before: ResidentVector,
    after: ResidentVector,
    rtol: number,
    atol: number,
  ): number;
  dot(a: ResidentVector, b: ResidentVector): number;
  isFinite(v: ResidentVector): boolean;
  compile(graph: Graph, bound?: Tensors): Promise<ResidentProgram>;
  /** Tensors alive in the runtime, to see that none leaks. */
  count(): number;
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
