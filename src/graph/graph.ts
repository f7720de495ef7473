/** A graph ready for an engine: named outputs, the nodes they need in evaluation order, a verifier and a printer. */
import { narrow } from "./builder.js";
import type { Node, OpName, Shape } from "./node.js";
import { sameShape, sizeOf } from "./node.js";
import { shapeRules } from "./shapes.js";

export interface Graph {
  readonly name: string;
  readonly inputs: readonly Node<"input">[];
  readonly outputs: Readonly<Record<string, Node>>;
  /** Every node that the outputs need, operands before users. */
  readonly nodes: readonly Node[];
}

/** Collects what the outputs need. @throws Error where `verifyGraph` finds a fault. */
export function createGraph(name: string, outputs: Readonly<Record<string, Node>>): Graph {
  const nodes = topologicalOrder(Object.values(outputs));
  const inputs = nodes.filter((node): node is Node<"input"> => node.op === "input");
  const graph = { name, inputs, outputs, nodes };
  verifyGraph(graph);
  return graph;
}

/** The nodes that `roots` depend on, themselves included, operands first. */
export function topologicalOrder(roots: readonly Node[]): Node[] {
  const order: Node[] = [];
  const state = new Map<Node, "open" | "done">();
  const stack = [...roots].reverse();
  while (stack.length > 0) {
    const node = stack[stack.length - 1] as Node;
    const seen = state.get(node);
    if (seen === undefined) {
      state.set(node, "open");
      for (let i = node.operands.length - 1; i >= 0; i--) {
        const operand = node.operands[i] as Node;
        if (!state.has(operand)) stack.push(operand);
      }
    } else {
      stack.pop();
      if (seen === "open") {
        state.set(node, "done");
        order.push(node);
      }
    }
  }
  return order;
}

/** Checks order, shapes and names of a graph, however it was made. @throws Error naming the node. */
export function verifyGraph(graph: Graph): void {
  const seen = new Set<Node>();
  const names = new Set<string>();
  for (const node of graph.nodes) {
    const subject = `graph ${graph.name}: node %${node.id} (${node.op})`;
    for (const operand of node.operands) {
      if (!seen.has(operand)) throw new Error(`${subject} uses %${operand.id} before it is computed`);
    }
    seen.add(node);
    const known = narrow(node);
    if (known.op === "input") {
      if (names.has(known.attributes.name))
        throw new Error(`${subject}: two inputs are named ${known.attributes.name}`);
      names.add(known.attributes.name);
    } else if (known.op === "constant") {
      if (known.attributes.value.length !== sizeOf(known.shape))
        throw new Error(`${subject}: data does not fill its shape`);
    } else {
      const rule = shapeRules[known.op] as (shapes: readonly Shape[], attributes: unknown) => Shape;
      const shape = rule(
        node.operands.map((operand) => operand.shape),
        node.attributes,
      );
      if (!sameShape(shape, node.shape))
        throw new Error(`${subject} says [${node.shape}], its rule says [${shape}]`);
    }
  }
  for (const [name, node] of Object.entries(graph.outputs)) {
    if (!seen.has(node)) throw new Error(`graph ${graph.name}: output ${name} is not among its nodes`);
  }
}

/** The graph as text, one node a line: `%7 = matmul(%3, %5ᵀ) : [50, 20]`. */
export function printGraph(graph: Graph): string {
  const lines = graph.nodes.map(
    (node) => `  %${node.id} = ${describeNode(node)} : [${node.shape.join(", ")}]`,
  );
  const outputs = Object.entries(graph.outputs).map(([name, node]) => `${name} = %${node.id}`);
  return `graph ${graph.name} {\n${lines.join("\n")}\n  return ${outputs.join(", ")}\n}`;
}

function describeNode(node: Node): string {
  const known = narrow(node);
  const operands = node.operands.map((operand) => `%${operand.id}`);
  switch (known.op) {
    case "input":
      return `input ${known.attributes.name}`;
    case "constant": {
      const { value } = known.attributes;
      return `constant ${value.length <= 4 ? Array.from(value).join(", ") : `${value[0]}, … (${value.length} entries)`}`;
    }
    case "matmul":
      return `matmul(${operands[0]}${known.attributes.transposeA ? "ᵀ" : ""}, ${operands[1]}${known.attributes.transposeB ? "ᵀ" : ""})`;
    default:
      return `${known.op}(${[...operands, ...describeAttributes(known.op, known.attributes)].join(", ")})`;
  }
}

function describeAttributes(op: OpName, attributes: object): string[] {
  if (op === "reshape" || op === "broadcast") return [];
  return Object.entries(attributes).map(([name, value]) => `${name}=${describeAttribute(value)}`);
}

function describeAttribute(value: unknown): string {
  if (value instanceof Int32Array)
    return value.length <= 8 ? `[${value}]` : `[${value.subarray(0, 8)}, … (${value.length} indices)]`;
  return Array.isArray(value) ? `[${value}]` : String(value);
}
