/** Forward mode: one Jacobian–vector rule per operation, graph → graph. Over `gradient` it gives Hessian products. */
import {
  type AnyNode,
  type GraphBuilder,
  type Node,
  narrow,
  type OpName,
  topologicalOrder,
} from "../graph/index.js";
import { erfSlope, gradient, sech2Slope, sigmoidSlope } from "./reverse.js";

/** Tangent of the node given those of its operands (null is zero; at least one is not). */
type JvpRule<K extends OpName> = (
  b: GraphBuilder,
  node: Extract<AnyNode, { op: K }>,
  tangents: readonly (Node | null)[],
) => Node | null;

const linear =
  <K extends OpName>(rule: (b: GraphBuilder, node: Node, tangent: Node) => Node): JvpRule<K> =>
  (b, node, [dx]) =>
    rule(b, node as Node, dx as Node);

/** Sum of the terms that are not zero, at the node's full shape. */
function combine(
  b: GraphBuilder,
  node: { readonly shape: readonly number[] },
  ...terms: (Node | null)[]
): Node | null {
  const present = terms.filter((term) => term !== null);
  return present.length === 0
    ? null
    : b.broadcast(
        present.reduce((p, q) => b.add(p, q)),
        node.shape,
      );
}

const vanishes = (): null => null;

const jvpRules: { readonly [K in OpName]: JvpRule<K> } = {
  input: vanishes,
  constant: vanishes,
  add: (b, node, [dx, dy]) => combine(b, node, dx ?? null, dy ?? null),
  sub: (b, node, [dx, dy]) => combine(b, node, dx ?? null, dy ? b.neg(dy) : null),
  mul: (b, node, [dx, dy]) => {
    const [x, y] = node.operands as [Node, Node];
    return combine(b, node, dx ? b.mul(dx, y) : null, dy ? b.mul(x, dy) : null);
  },
  div: (b, node, [dx, dy]) => {
    const y = node.operands[1] as Node;
    return combine(b, node, dx ? b.div(dx, y) : null, dy ? b.neg(b.mul(node as Node, b.div(dy, y))) : null);
  },
  neg: linear((b, _, dx) => b.neg(dx)),
  exp: linear((b, node, dx) => b.mul(dx, node)),
  log: linear((b, node, dx) => b.div(dx, node.operands[0] as Node)),
  log1p: linear((b, node, dx) => b.div(dx, b.add(b.constant(1), node.operands[0] as Node))),
  sin: linear((b, node, dx) => b.mul(dx, b.cos(node.operands[0] as Node))),
  cos: linear((b, node, dx) => b.neg(b.mul(dx, b.sin(node.operands[0] as Node)))),
  sqrt: linear((b, node, dx) => b.div(b.scale(dx, 0.5), node)),
  tanh: linear((b, node, dx) => b.mul(dx, b.sech2(node.operands[0] as Node))),
  sigmoid: linear((b, node, dx) => b.mul(dx, sigmoidSlope(b, node.operands[0] as Node))),
  sech2: linear((b, node, dx) => b.mul(dx, sech2Slope(b, node))),
  erf: linear((b, node, dx) => b.mul(dx, erfSlope(b, node.operands[0] as Node))),
  matmul: (b, node, [dx, dy]) => {
    const [x, y] = node.operands as [Node, Node];
    return combine(
      b,
      node,
      dx ? b.matmul(dx, y, node.attributes) : null,
      dy ? b.matmul(x, dy, node.attributes) : null,
    );
  },
  transpose: (b, node, [dx]) => b.transpose(dx as Node, node.attributes.permutation),
  reshape: (b, node, [dx]) => b.reshape(dx as Node, node.shape),
  broadcast: (b, node, [dx]) => b.broadcast(dx as Node, node.shape),
  sum: (b, node, [dx]) => b.sum(dx as Node, node.attributes.axes),
  slice: (b, { attributes: { axis, start, end } }, [dx]) => b.slice(dx as Node, axis, start, end),
  pad: (b, { attributes: { axis, before, after } }, [dx]) => b.pad(dx as Node, axis, before, after),
  concat: (b, { operands, attributes: { axis } }, tangents) =>
    b.concat(
      operands.map((part, i) => tangents[i] ?? b.constant(0, part.shape)),
      axis,
    ),
  gather: (b, { attributes: { axis, indices } }, [dx]) => b.gather(dx as Node, axis, indices),
  max: vanishes,
  pieceOf: vanishes,
  lookup: vanishes,
};

/** Tangents of `outputs` along `tangents` of `wrt`: Σ_w (∂o/∂w) ẇ for every o; null stands for zero. */
export function pushforward(
  b: GraphBuilder,
  outputs: readonly Node[],
  wrt: readonly Node[],
  tangents: readonly Node[],
): (Node | null)[] {
  const known = new Map<Node, Node | null>(wrt.map((node, i) => [node, tangents[i] as Node]));
  for (const node of topologicalOrder(outputs)) {
    if (known.has(node)) continue;
    const operandTangents = node.operands.map((operand) => known.get(operand) ?? null);
    const rule = jvpRules[node.op] as JvpRule<OpName>;
    known.set(
      node,
      operandTangents.every((tangent) => tangent === null) ? null : rule(b, narrow(node), operandTangents),
    );
  }
  return outputs.map((output) => known.get(output) ?? null);
}

/** Hessian–vector product ∇²L·v by forward over reverse. */
export function hessianProduct(b: GraphBuilder, loss: Node, theta: Node, v: Node): Node {
  const [g] = gradient(b, loss, [theta]) as [Node];
  const [product] = pushforward(b, [g], [theta], [v]);
  return product ?? b.constant(0, theta.shape);
}
