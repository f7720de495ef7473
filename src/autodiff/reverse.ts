/** Reverse mode: one vector–Jacobian rule per operation, graph → graph. */
import {
  type AnyNode,
  type GraphBuilder,
  type Node,
  narrow,
  type OpName,
  topologicalOrder,
} from "../graph/index.js";

/** Cotangents of the operands given the cotangent `g` of the node; null where the derivative vanishes. */
type VjpRule<K extends OpName> = (
  b: GraphBuilder,
  node: Extract<AnyNode, { op: K }>,
  g: Node,
) => readonly (Node | null)[];

/** σ'(x), not as σ(1 − σ): that has no digits left where σ is saturated. */
export function sigmoidSlope(b: GraphBuilder, x: Node): Node {
  return b.scale(b.sech2(b.scale(x, 0.5)), 0.25);
}

/** Derivative of the node sech²(x): −2·tanh(x)·sech²(x). */
export function sech2Slope(b: GraphBuilder, node: Node): Node {
  return b.scale(b.mul(b.tanh(node.operands[0] as Node), node), -2);
}

/** 2/√π·e^{−x²} */
export function erfSlope(b: GraphBuilder, x: Node): Node {
  return b.scale(b.exp(b.neg(b.mul(x, x))), 2 / Math.sqrt(Math.PI));
}

const none = (): readonly null[] => [null];

const vjpRules: { readonly [K in OpName]: VjpRule<K> } = {
  input: () => [],
  constant: () => [],
  add: (b, { operands: [x, y] }, g) => [b.sumTo(g, x!.shape), b.sumTo(g, y!.shape)],
  sub: (b, { operands: [x, y] }, g) => [b.sumTo(g, x!.shape), b.neg(b.sumTo(g, y!.shape))],
  mul: (b, { operands: [x, y] }, g) => [b.sumTo(b.mul(g, y!), x!.shape), b.sumTo(b.mul(g, x!), y!.shape)],
  div: (b, node, g) => {
    const [x, y] = node.operands as [Node, Node];
    const dx = b.div(g, y);
    return [b.sumTo(dx, x.shape), b.neg(b.sumTo(b.mul(dx, node as Node), y.shape))];
  },
  neg: (b, _, g) => [b.neg(g)],
  exp: (b, node, g) => [b.mul(g, node as Node)],
  log: (b, { operands: [x] }, g) => [b.div(g, x!)],
  log1p: (b, { operands: [x] }, g) => [b.div(g, b.add(b.constant(1), x!))],
  sin: (b, { operands: [x] }, g) => [b.mul(g, b.cos(x!))],
  cos: (b, { operands: [x] }, g) => [b.neg(b.mul(g, b.sin(x!)))],
  sqrt: (b, node, g) => [b.div(b.scale(g, 0.5), node as Node)],
  tanh: (b, { operands: [x] }, g) => [b.mul(g, b.sech2(x!))],
  sigmoid: (b, { operands: [x] }, g) => [b.mul(g, sigmoidSlope(b, x!))],
  sech2: (b, node, g) => [b.mul(g, sech2Slope(b, node as Node))],
  erf: (b, { operands: [x] }, g) => [b.mul(g, erfSlope(b, x!))],
  matmul: (b, { operands, attributes: { transposeA, transposeB } }, g) => {
    const [x, y] = operands as [Node, Node];
    const dx = transposeA
      ? b.matmul(y, g, { transposeA: transposeB, transposeB: true })
      : b.matmul(g, y, { transposeB: !transposeB });
    const dy = transposeB
      ? b.matmul(g, x, { transposeA: true, transposeB: transposeA })
      : b.matmul(x, g, { transposeA: !transposeA });
    return [b.sumTo(dx, x.shape), b.sumTo(dy, y.shape)];
  },
  transpose: (b, { attributes: { permutation } }, g) => [
    b.transpose(
      g,
      permutation.map((_, axis) => permutation.indexOf(axis)),
    ),
  ],
  reshape: (b, { operands: [x] }, g) => [b.reshape(g, x!.shape)],
  broadcast: (b, { operands: [x] }, g) => [b.sumTo(g, x!.shape)],
  sum: (b, { operands: [x] }, g) => [b.broadcast(g, x!.shape)],
  slice: (b, { operands: [x], attributes: { axis, start, end } }, g) => [
    b.pad(g, axis, start, (x!.shape[axis] as number) - end),
  ],
  pad: (b, { operands: [x], attributes: { axis, before } }, g) => [
    b.slice(g, axis, before, before + (x!.shape[axis] as number)),
  ],
  concat: (b, { operands, attributes: { axis } }, g) => {
    let start = 0;
    return operands.map((part) => {
      const end = start + (part.shape[axis] as number);
      const cotangent = b.slice(g, axis, start, end);
      start = end;
      return cotangent;
    });
  },
  gather: (b, { operands: [x], attributes: { axis, indices } }, g) => [
    b.scatter(g, axis, indices, x!.shape[axis] as number),
  ],
  max: none,
  pieceOf: none,
  lookup: none,
};

/**
 * Cotangents of `wrt` for the given cotangents of `outputs`: Σ_o (∂o/∂w)ᵀ ō for every w.
 * The nodes of `wrt` need not be inputs; null stands for zero.
 */
export function pullback(
  b: GraphBuilder,
  outputs: readonly Node[],
  cotangents: readonly Node[],
  wrt: readonly Node[],
): (Node | null)[] {
  const contributions = new Map<Node, Node[]>();
  const order = topologicalOrder(outputs);
  const relevant = dependents(order, wrt);
  outputs.forEach((output, i) => {
    append(contributions, output, cotangents[i] as Node);
  });
  const result = new Map<Node, Node>();
  for (let i = order.length - 1; i >= 0; i--) {
    const node = order[i] as Node;
    const list = contributions.get(node);
    if (list === undefined || !relevant.has(node)) continue;
    const cotangent = accumulate(b, list);
    result.set(node, cotangent);
    const rule = vjpRules[node.op] as VjpRule<OpName>;
    rule(b, narrow(node), cotangent).forEach((part, k) => {
      const operand = node.operands[k] as Node;
      if (part !== null && relevant.has(operand)) append(contributions, operand, part);
    });
  }
  return wrt.map((node) => result.get(node) ?? null);
}

/** Gradient of the scalar `output` with respect to each of `wrt`; zeros where it does not depend on one. */
export function gradient(b: GraphBuilder, output: Node, wrt: readonly Node[]): Node[] {
  if (output.shape.length !== 0) throw new Error(`gradient takes a scalar, got shape [${output.shape}]`);
  return pullback(b, [output], [b.constant(1)], wrt).map(
    (g, i) => g ?? b.constant(0, (wrt[i] as Node).shape),
  );
}

function dependents(order: readonly Node[], sources: readonly Node[]): Set<Node> {
  const found = new Set<Node>(sources);
  for (const node of order) if (node.operands.some((operand) => found.has(operand))) found.add(node);
  return found;
}

function append(map: Map<Node, Node[]>, key: Node, value: Node): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/**
 * Sum of the contributions to one cotangent. Slices of one vector (the layers of θ) contribute disjoint pads:
 * those become one concatenation instead of a sum of mostly-zero vectors.
 */
function accumulate(b: GraphBuilder, list: readonly Node[]): Node {
  const pads = list.map(narrow).filter((node) => node.op === "pad");
  const axis = pads[0]?.attributes.axis;
  if (
    list.length > 1 &&
    pads.length === list.length &&
    axis !== undefined &&
    pads.every((node) => node.attributes.axis === axis)
  ) {
    const sorted = [...pads].sort((p, q) => p.attributes.before - q.attributes.before);
    const parts: Node[] = [];
    let end = 0;
    const fill = (until: number): void => {
      if (until > end)
        parts.push(
          b.constant(
            0,
            list[0]!.shape.map((length, i) => (i === axis ? until - end : length)),
          ),
        );
    };
    const disjoint = sorted.every((node) => {
      const fits = node.attributes.before >= end;
      fill(node.attributes.before);
      parts.push(node.operands[0] as Node);
      end = node.attributes.before + (node.operands[0]!.shape[axis] as number);
      return fits;
    });
    if (disjoint) {
      fill(list[0]!.shape[axis] as number);
      return b.concat(parts, axis);
    }
  }
  return list.reduce((sum, part) => b.add(sum, part));
}
