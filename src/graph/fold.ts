/**
 * What bound inputs alone decide, taken out of a graph so that an engine computes it once and not at every call: of a gcn's
 * first layer ÂX. Knows nothing of engines.
 */
import { narrow } from "./builder.js";
import { createGraph, type Graph } from "./graph.js";
import type { Node, OpName } from "./node.js";

export interface BoundSplit {
  /** From bound inputs, the tensors that `rest` takes as inputs of the same names; null where there are none. */
  readonly folded: Graph | null;
  /** The outputs of the given graph, from its inputs and those tensors. */
  readonly rest: Graph;
}

/** Free or cheap to compute, and larger than what they are made of: these stay where they are used. */
const VIEWS: ReadonlySet<OpName> = new Set(["reshape", "broadcast", "slice", "pad"]);

/**
 * Every node of `graph` that depends on `bound` inputs, beside them on constants only, and is used by one that depends on more becomes an
 * input of `rest`. An output that depends on nothing else stays as it is.
 */
export function splitBound(graph: Graph, bound: Iterable<string>): BoundSplit {
  const names = new Set(bound);
  /** What a node depends on: constants alone, bound inputs too, or more. */
  const known = new Map<Node, "constant" | "bound" | "free">();
  for (const node of graph.nodes) {
    const { op, attributes } = narrow(node);
    const parts = node.operands.map((operand) => known.get(operand));
    if (op === "input") known.set(node, names.has(attributes.name) ? "bound" : "free");
    else known.set(node, parts.includes("free") ? "free" : parts.includes("bound") ? "bound" : "constant");
  }
  const folded: Record<string, Node> = {};
  const kept = new Map<Node, Node>();
  const rebuild = (node: Node): Node => {
    const operands = node.operands.map((operand) => kept.get(operand) ?? keep(operand));
    return operands.every((operand, i) => operand === node.operands[i]) ? node : { ...node, operands };
  };
  const keep = (node: Node): Node => {
    const stays = node.operands.length === 0 || known.get(node) === "constant";
    const made = stays ? node : VIEWS.has(node.op) ? rebuild(node) : takeOut(node);
    kept.set(node, made);
    return made;
  };
  const takeOut = (node: Node): Node => {
    const name = `folded-${node.id}`;
    folded[name] = node;
    const input: Node<"input"> = {
      id: node.id,
      op: "input",
      operands: [],
      attributes: { name },
      shape: node.shape,
    };
    return input;
  };
  for (const node of graph.nodes) if (known.get(node) === "free") kept.set(node, rebuild(node));
  if (Object.keys(folded).length === 0) return { folded: null, rest: graph };
  const outputs = Object.entries(graph.outputs).map(([name, node]) => [
    name,
    known.get(node) === "free" ? (kept.get(node) as Node) : node,
  ]);
  return {
    folded: createGraph(`${graph.name}-folded`, folded),
    rest: createGraph(graph.name, Object.fromEntries(outputs)),
  };
}
