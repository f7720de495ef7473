/** Local functions of a model: every call becomes the nodes of its function, so that only operators are left. */
import { OnnxError } from "./error.js";
import type { Attribute, OperatorNode } from "./node.js";

export interface LocalFunction {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Version of each operator set, by its domain. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly nodes: readonly OperatorNode[];
  /** Values of attributes that a call leaves out. */
  readonly defaults: ReadonlyMap<string, Attribute>;
}

/** Of calls within calls, and of nodes, calls among them: a small file could announce any number of either. */
const [MOST_DEPTH, MOST_NODES] = [64, 50_000];

/**
 * @param given names of values that no node makes
 * @throws OnnxError where functions call themselves, become too many nodes, or speak another version of the operators than the model
 */
export function inlineFunctions(
  nodes: readonly OperatorNode[],
  functions: readonly LocalFunction[],
  opsets: ReadonlyMap<string, number>,
  given: readonly string[],
): readonly OperatorNode[] {
  if (functions.length === 0) return nodes;
  const byKey = new Map(functions.map((own) => [keyOf(own.domain, own.name, own.overload), own]));
  const taken: Taken = {
    nodes: new Set(nodes.map(({ name }) => name)),
    values: new Set([...given, ...nodes.flatMap(({ inputs, outputs }) => [...inputs, ...outputs])]),
  };
  let visits = 0;
  const made: OperatorNode[] = [];
  const expand = (node: OperatorNode, depth: number): void => {
    // Calls count too: forty functions that call the next one twice are 2⁴⁰ calls, even if the last is empty.
    if (++visits > MOST_NODES)
      throw new OnnxError(
        `has functions that come to more than ${MOST_NODES} nodes and calls (${node.operator})`,
      );
    const own = byKey.get(keyOf(node.domain, node.operator, node.overload));
    if (own === undefined) made.push(node);
    else {
      const version = own.opsets.get("");
      if (version !== undefined && version !== opsets.get(""))
        throw new OnnxError(
          `has the function ${own.name} in operator set ${version}, and the graph is in ${opsets.get("")}; export it again with functions inlined`,
        );
      if (depth === MOST_DEPTH)
        throw new OnnxError(`has functions that call one another more than ${MOST_DEPTH} deep (${own.name})`);
      for (const inner of bodyOf(node, own, taken)) expand(inner, depth + 1);
    }
  };
  for (const node of nodes) expand(node, 0);
  return made;
}

const keyOf = (domain: string, name: string, overload: string): string =>
  JSON.stringify([domain, name, overload]);

/** Names that the graph has, or a call before. */
interface Taken {
  readonly nodes: Set<string>;
  readonly values: Set<string>;
}

function unique(name: string, taken: Set<string>): string {
  let free = name;
  while (taken.has(free)) free += "'";
  taken.add(free);
  return free;
}

/** The nodes of a function with the values and attributes of one call; what is its own is named below the call. */
function bodyOf(call: OperatorNode, own: LocalFunction, taken: Taken): OperatorNode[] {
  if (call.inputs.length > own.inputs.length || call.outputs.length > own.outputs.length)
    throw new OnnxError(
      `calls the function ${own.name} (${call.name}) with ${call.inputs.length} inputs and ${call.outputs.length} outputs; it has ${own.inputs.length} and ${own.outputs.length}`,
    );
  const names = new Map<string, string>();
  own.outputs.forEach((name, k) => {
    if (call.outputs[k]) names.set(name, call.outputs[k]);
  });
  own.inputs.forEach((name, k) => {
    names.set(name, call.inputs[k] ?? "");
  });
  const outer = (name: string): string => {
    const known = name === "" ? "" : names.get(name);
    if (known !== undefined) return known;
    const free = unique(`${call.name}/${name}`, taken.values);
    names.set(name, free);
    return free;
  };
  return own.nodes.map((node) => ({
    ...node,
    name: unique(`${call.name}/${node.name}`, taken.nodes),
    inputs: node.inputs.map(outer),
    outputs: node.outputs.map(outer),
    attributes: new Map(
      [...node.attributes].flatMap(([name, attribute]): [string, Attribute][] => {
        if (attribute.kind !== "reference") return [[name, attribute]];
        const value = call.attributes.get(attribute.value) ?? own.defaults.get(attribute.value);
        return value === undefined ? [] : [[name, value]];
      }),
    ),
  }));
}
