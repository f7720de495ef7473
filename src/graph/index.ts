export { GraphBuilder, narrow } from "./builder.js";
export * from "./erf.js";
export { type BoundSplit, splitBound } from "./fold.js";
export { createGraph, type Graph, printGraph, topologicalOrder, verifyGraph } from "./graph.js";
export {
  type AnyNode,
  type Node,
  type OpAttributes,
  type OpName,
  type Shape,
  sameShape,
  sizeOf,
} from "./node.js";
export { type Space, spaceOf } from "./space.js";
export { cancelTransposes } from "./transposes.js";
export { type Windows, windowsOf } from "./windows.js";
export { workOf } from "./work.js";
