/** How much room the values of a graph take while it is evaluated. */
import type { Graph } from "./graph.js";
import type { Node } from "./node.js";
import { sizeOf } from "./node.js";

export interface Space {
  /** Most numbers alive at once: a value lives from where it is made to its last use. Inputs and outputs are the caller's. */
  readonly peak: number;
  /** All numbers made, where an engine keeps every value. */
  readonly sum: number;
}

/** Room of one evaluation in numbers. A reshape shares the room of its operand. */
export function spaceOf(graph: Graph): Space {
  /** The node whose room a node's value lies in. */
  const place = new Map<Node, Node>();
  const lastUse = new Map<Node, number>();
  const outputs = new Set<Node>();
  graph.nodes.forEach((node, i) => {
    const [operand] = node.operands;
    place.set(node, node.op === "reshape" && operand !== undefined ? (place.get(operand) as Node) : node);
    for (const used of node.operands) lastUse.set(place.get(used) as Node, i);
  });
  for (const node of Object.values(graph.outputs)) outputs.add(place.get(node) as Node);
  const own = (node: Node): number =>
    place.get(node) !== node || node.op === "input" || outputs.has(node) ? 0 : sizeOf(node.shape);
  const freed = new Map<number, Node[]>();
  for (const [node, i] of lastUse) freed.set(i, [...(freed.get(i) ?? []), node]);
  let alive = 0;
  let peak = 0;
  let sum = 0;
  graph.nodes.forEach((node, i) => {
    alive += own(node);
    sum += own(node);
    peak = Math.max(peak, alive);
    for (const done of freed.get(i) ?? []) alive -= own(done);
  });
  return { peak, sum };
}
