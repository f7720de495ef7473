/** How much arithmetic a graph is: the unit in which a Hessian product is so many gradients, the same on every machine. */
import { narrow } from "./builder.js";
import type { Graph } from "./graph.js";
import { sizeOf } from "./node.js";

/** Additions and multiplications of the matrix products, and one for every entry that another operation makes. */
export function workOf(graph: Graph): number {
  let work = 0;
  for (const node of graph.nodes) {
    const known = narrow(node);
    if (known.op === "matmul") {
      const [a] = known.operands;
      const inner = a!.shape[a!.shape.length - (known.attributes.transposeA ? 2 : 1)]!;
      work += 2 * inner * sizeOf(node.shape);
    } else if (known.op !== "input" && known.op !== "constant" && known.op !== "reshape") {
      work += sizeOf(node.shape);
    }
  }
  return work;
}
