/** What lowering rules write to. */
import type { Node } from "../../graph/index.js";

/** Collects nodes and initialisers while the rules run. */
export interface Emitter {
  /** The element type that the graph computes in. */
  readonly type: number;
  /** Name of the transpose of a matrix that is known now, null for any other node. */
  transposed(node: Node): string | null;
  emit(opType: string, inputs: readonly string[], attributes?: readonly object[], output?: string): string;
  number(value: number): string;
  integers(values: readonly number[]): string;
  /** The same for a long list, known by identity. */
  indices(values: Int32Array): string;
  name(node: Node): string;
}

/** Several nodes of the graph as one step: those between the operands and the node itself need not exist. */
export interface Fusion {
  readonly operands: readonly Node[];
  emit(e: Emitter, output: string): void;
}
