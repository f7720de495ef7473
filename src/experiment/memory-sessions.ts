/** What the engine keeps of a compiled graph. */
import type { EngineConfig } from "../config/schema.js";
import { type Graph, spaceOf, splitBound } from "../graph/index.js";

/**
 * Beside what is alive at once ONNX Runtime's arena holds this part of all that an evaluation makes, for blocks of one size serve no other; measured
 * with dense, convolutional and attention networks (scripts/bench/memory.js), whose sums are 2 to 6 times what is alive at once.
 */
const ARENA_SHARE = 0.3;

/** What a session keeps for evaluations of a graph whose bound inputs are constants. */
export function sessionBytes(engine: EngineConfig, graph: Graph, bound: readonly string[]): number {
  // In float32 θ and the outputs are converted as well.
  const item = engine.dtype === "float32" ? 6 : 8;
  const space = spaceOf(splitBound(graph, bound).rest);
  return item * (engine.kind === "reference" ? space.sum : space.peak + ARENA_SHARE * space.sum);
}
