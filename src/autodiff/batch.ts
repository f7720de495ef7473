/**
 * Many evaluations at once: one rule per operation, graph → graph, after which some nodes carry one more, leading axis. With it rows of
 * a Jacobian, Hessian products and several θ side by side exist for every graph.
 */
import {
  type AnyNode,
  type GraphBuilder,
  type Node,
  narrow,
  type OpName,
  sameShape,
  topologicalOrder,
} from "../graph/index.js";

/** An operand as the rule meets it: `rank` without the leading axis, which it has only where `batched`. */
interface Operand {
  readonly node: Node;
  readonly rank: number;
  readonly batched: boolean;
}

/** The node over all `size` instances; at least one operand is batched. */
type BatchRule<K extends OpName> = (
  b: GraphBuilder,
  node: Extract<AnyNode, { op: K }>,
  operands: readonly Operand[],
  size: number,
) => Node;

/** NumPy aligns shapes at their ends: a batched operand of lower rank gets axes of length 1 behind the leading one. */
function align(b: GraphBuilder, { node, rank, batched }: Operand, to: number): Node {
  if (!batched || rank === to) return node;
  const [size, ...own] = node.shape as [number, ...number[]];
  return b.reshape(node, [size, ...new Array<number>(to - rank).fill(1), ...own]);
}

const aligned =
  <K extends OpName>(
    build: (b: GraphBuilder, node: Extract<AnyNode, { op: K }>, x: Node, y: Node) => Node,
  ): BatchRule<K> =>
  (b, node, [x, y]) => {
    const rank = Math.max(x!.rank, y!.rank);
    return build(b, node, align(b, x!, rank), align(b, y!, rank));
  };

const unary =
  <K extends OpName>(
    build: (b: GraphBuilder, x: Node, node: Extract<AnyNode, { op: K }>) => Node,
  ): BatchRule<K> =>
  (b, node, [x]) =>
    build(b, x!.node, node);

const next = (axis: number): number => axis + 1;

/** Sources are never batched by a rule: the caller says which are. */
const source = (): never => {
  throw new Error("batch: an input or constant has no operands to be batched");
};

const batchRules: { readonly [K in OpName]: BatchRule<K> } = {
  input: source,
  constant: source,
  add: aligned((b, _, x, y) => b.add(x, y)),
  sub: aligned((b, _, x, y) => b.sub(x, y)),
  mul: aligned((b, _, x, y) => b.mul(x, y)),
  div: aligned((b, _, x, y) => b.div(x, y)),
  neg: unary((b, x) => b.neg(x)),
  exp: unary((b, x) => b.exp(x)),
  log: unary((b, x) => b.log(x)),
  log1p: unary((b, x) => b.log1p(x)),
  sin: unary((b, x) => b.sin(x)),
  cos: unary((b, x) => b.cos(x)),
  sqrt: unary((b, x) => b.sqrt(x)),
  tanh: unary((b, x) => b.tanh(x)),
  sigmoid: unary((b, x) => b.sigmoid(x)),
  sech2: unary((b, x) => b.sech2(x)),
  erf: unary((b, x) => b.erf(x)),
  matmul: aligned((b, { attributes }, x, y) => b.matmul(x, y, attributes)),
  transpose: unary((b, x, { attributes }) => b.transpose(x, [0, ...attributes.permutation.map(next)])),
  reshape: (b, { attributes }, [x], size) => b.reshape(x!.node, [size, ...attributes.shape]),
  broadcast: (b, { attributes: { shape } }, [x], size) =>
    b.broadcast(align(b, x!, shape.length), [size, ...shape]),
  sum: unary((b, x, { attributes }) => b.sum(x, attributes.axes.map(next))),
  slice: unary((b, x, { attributes: { axis, start, end } }) => b.slice(x, axis + 1, start, end)),
  pad: unary((b, x, { attributes: { axis, before, after } }) => b.pad(x, axis + 1, before, after)),
  concat: (b, { attributes: { axis } }, operands, size) =>
    b.concat(
      operands.map((operand) => (operand.batched ? operand.node : repeat(b, operand.node, size))),
      axis + 1,
    ),
  gather: unary((b, x, { attributes: { axis, indices } }) => b.gather(x, axis + 1, indices)),
  max: unary((b, x, { attributes }) => b.max(x, attributes.axes.map(next))),
  pieceOf: unary((b, x, { attributes }) => b.pieceOf(x, attributes.breakpoints)),
  lookup: unary((b, x, { attributes }) => b.lookup(x, attributes.values)),
};

const repeat = (b: GraphBuilder, node: Node, size: number): Node =>
  b.broadcast(b.reshape(node, [1, ...node.shape]), [size, ...node.shape]);

/**
 * `outputs` for many values of some nodes at once. `many` maps a node of shape [...] to the node [size, ...] of its values, which need
 * not be inputs; all have the same `size`. What does not depend on them is computed once.
 * @returns the outputs with the leading axis, also where they do not depend on `many`
 * @throws Error where a value does not have the shape of its node behind the leading axis
 */
export function batch(
  b: GraphBuilder,
  outputs: readonly Node[],
  many: ReadonlyMap<Node, Node>,
  size: number,
): Node[] {
  for (const [node, values] of many) {
    if (!sameShape(values.shape, [size, ...node.shape]))
      throw new Error(`batch: ${size} values of [${node.shape}] are given as [${values.shape}]`);
  }
  const batched = new Map<Node, Node>(many);
  for (const node of topologicalOrder(outputs)) {
    if (batched.has(node) || !node.operands.some((operand) => batched.has(operand))) continue;
    const operands = node.operands.map((operand): Operand => {
      const known = batched.get(operand);
      return { node: known ?? operand, rank: operand.shape.length, batched: known !== undefined };
    });
    const made = (batchRules[node.op] as BatchRule<OpName>)(b, narrow(node), operands, size);
    batched.set(node, b.broadcast(made, [size, ...node.shape]));
  }
  return outputs.map((output) => batched.get(output) ?? repeat(b, output, size));
}
