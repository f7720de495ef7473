/**
 * Running error analysis: one rule per operation, graph → graph. Beside every node stands a bound of how far its computed value may be
 * from that of exact arithmetic on the same inputs, in float64 or a finer arithmetic and whatever the order of its sums (Higham, Accuracy
 * and Stability of Numerical Algorithms, 3.3). Errors are bounded entry by entry: where layers follow on layers the bounds grow by a factor
 * each, and more than the errors do.
 */
import {
  type AnyNode,
  type GraphBuilder,
  type Node,
  narrow,
  type OpName,
  sizeOf,
  topologicalOrder,
} from "../graph/index.js";
import { sigmoidSlope } from "./reverse.js";

/** Bound of the node's error given those of its operands; null stands for none. */
type ErrorRule<K extends OpName> = (
  b: GraphBuilder,
  node: Extract<AnyNode, { op: K }>,
  errors: readonly (Node | null)[],
) => Node | null;

/** Roundoffs of the engines' exp, log and tanh, which are off by up to four, and of what is made of them. */
const ELEMENTARY = 8;

/** |x| */
function sizeNode(b: GraphBuilder, x: Node): Node {
  return b.mul(x, b.lookup(b.pieceOf(x, [0]), [-1, 1]));
}

/** x where it is positive, else 0: a quotient by it is then no number that could be mistaken for a bound. */
const positive = (b: GraphBuilder, x: Node): Node => b.mul(x, b.pieceOf(x, [0]));

const exact = (): null => null;

/** Operations that only move entries. */
const moved =
  <K extends OpName>(
    move: (b: GraphBuilder, error: Node, node: Extract<AnyNode, { op: K }>) => Node,
  ): ErrorRule<K> =>
  (b, node, [error]) =>
    error ? move(b, error, node) : null;

/** @param roundoff of one operation, relative to its result */
function errorRulesOf(roundoff: number): { readonly [K in OpName]: ErrorRule<K> } {
  const own = (b: GraphBuilder, node: Node, roundoffs = 1): Node =>
    b.scale(sizeNode(b, node), roundoffs * roundoff);

  /** Sum of the bounds that are not null, and of the node's own rounding. */
  const withOwn = (b: GraphBuilder, node: Node, terms: readonly (Node | null)[], roundoffs = 1): Node =>
    terms.reduce<Node>((sum, term) => (term === null ? sum : b.add(sum, term)), own(b, node, roundoffs));

  /** A sum of `count` terms, in any order, whose absolute values sum to `total`. */
  const ofSum = (b: GraphBuilder, total: Node, count: number): Node =>
    b.scale(total, (count / 2 + 1) * roundoff);

  /** A function whose change over an operand's error e is at most `change`. */
  const elementary =
    <K extends OpName>(change: (b: GraphBuilder, node: Node, x: Node, e: Node) => Node): ErrorRule<K> =>
    (b, node, [e]) =>
      withOwn(b, node, [e ? change(b, node, node.operands[0] as Node, e) : null], ELEMENTARY);

  return {
    input: exact,
    constant: exact,
    add: withOwn,
    sub: withOwn,
    mul: (b, node, [dx, dy]) => {
      const [x, y] = node.operands as [Node, Node];
      return withOwn(b, node, [
        dx ? b.mul(dx, dy ? b.add(sizeNode(b, y), dy) : sizeNode(b, y)) : null,
        dy ? b.mul(sizeNode(b, x), dy) : null,
      ]);
    },
    div: (b, node, [dx, dy]) => {
      const y = sizeNode(b, node.operands[1] as Node);
      const least = dy ? positive(b, b.sub(y, dy)) : y;
      return withOwn(b, node, [
        dx ? b.div(dx, least) : null,
        dy ? b.div(b.mul(sizeNode(b, node), dy), least) : null,
      ]);
    },
    neg: moved((_, error) => error),
    exp: elementary((b, node, _, e) => b.mul(node, b.mul(e, b.exp(e)))),
    log: elementary((b, _, x, e) => b.div(e, positive(b, b.sub(x, e)))),
    log1p: elementary((b, _, x, e) => b.div(e, positive(b, b.sub(b.add(x, b.constant(1)), e)))),
    // √x − √y = (x − y)/(√x + √y)
    sqrt: elementary((b, node, x, e) => b.div(e, b.add(node, b.sqrt(positive(b, b.sub(x, e)))))),
    // Reduced arguments make these good to a roundoff of 1, not of their value.
    sin: (b, node, [e]) => withOwn(b, node, [e ?? null, b.constant(ELEMENTARY * roundoff)]),
    cos: (b, node, [e]) => withOwn(b, node, [e ?? null, b.constant(ELEMENTARY * roundoff)]),
    // Over a distance e the slopes of tanh and σ, and sech², grow by a factor of e^{2e}, e^e and e^{2e} at most.
    tanh: elementary((b, _, x, e) => b.mul(b.mul(b.sech2(x), b.exp(b.scale(e, 2))), e)),
    sigmoid: elementary((b, _, x, e) => b.mul(b.mul(sigmoidSlope(b, x), b.exp(e)), e)),
    sech2: elementary((b, node, _, e) => b.mul(b.mul(node, b.exp(b.scale(e, 2))), b.scale(e, 2))),
    // Its slope is nowhere above 2/√π.
    erf: elementary((b, _node, _x, e) => b.scale(e, 2 / Math.sqrt(Math.PI))),
    matmul: (b, node, [dx, dy]) => {
      const [x, y] = node.operands as [Node, Node];
      const terms = x.shape[x.shape.length - (node.attributes.transposeA ? 2 : 1)] as number;
      const [sizeX, sizeY] = [sizeNode(b, x), sizeNode(b, y)];
      const rounding = ofSum(b, sizeY, terms);
      const right = b.matmul(sizeX, dy ? b.add(rounding, dy) : rounding, node.attributes);
      return dx ? b.add(right, b.matmul(dx, dy ? b.add(sizeY, dy) : sizeY, node.attributes)) : right;
    },
    transpose: moved((b, error, node) => b.transpose(error, node.attributes.permutation)),
    reshape: moved((b, error, node) => b.reshape(error, node.shape)),
    broadcast: moved((b, error, node) => b.broadcast(error, node.shape)),
    sum: (b, node, [e]) => {
      const { axes } = node.attributes;
      const x = node.operands[0] as Node;
      const rounding = ofSum(b, b.sum(sizeNode(b, x), axes), sizeOf(x.shape) / sizeOf(node.shape));
      return e ? b.add(b.sum(e, axes), rounding) : rounding;
    },
    slice: moved((b, error, { attributes: { axis, start, end } }) => b.slice(error, axis, start, end)),
    pad: moved((b, error, { attributes: { axis, before, after } }) => b.pad(error, axis, before, after)),
    concat: (b, { operands, attributes: { axis } }, errors) =>
      errors.every((error) => error === null)
        ? null
        : b.concat(
            operands.map((part, i) => errors[i] ?? b.constant(0, part.shape)),
            axis,
          ),
    gather: moved((b, error, { attributes: { axis, indices } }) => b.gather(error, axis, indices)),
    // The largest of several only shifts exponents, and with any other shift the result were the same; of one it is that one.
    max: (b, { operands: [x], shape, attributes: { axes } }, [e]) =>
      e && sizeOf(x!.shape) === sizeOf(shape) ? b.max(e, axes) : null,
    // Breakpoints that z and its error leave open.
    pieceOf: (b, { operands, attributes: { breakpoints } }, [e]) =>
      e
        ? b.sub(
            b.pieceOf(b.add(operands[0] as Node, e), breakpoints),
            b.pieceOf(b.sub(operands[0] as Node, e), breakpoints),
          )
        : null,
    // A piece that is not known may be any.
    lookup: moved((b, error, { attributes: { values } }) =>
      b.scale(b.pieceOf(error, [0]), Math.max(...values) - Math.min(...values)),
    ),
  };
}

/**
 * Bounds of the rounding errors of `outputs`, each of its output's shape; null where there is none. Inputs count as exact unless
 * `given` holds a bound. What no bound can be had of comes out as not finite.
 * @param roundoff twice that of the arithmetic: one for the operation, one for what the bound itself loses in being computed
 */
export function roundingErrors(
  b: GraphBuilder,
  outputs: readonly Node[],
  given: ReadonlyMap<Node, Node> = new Map(),
  roundoff: number = Number.EPSILON,
): (Node | null)[] {
  const errorRules = errorRulesOf(roundoff);
  const known = new Map<Node, Node | null>(given);
  for (const node of topologicalOrder(outputs)) {
    if (known.has(node)) continue;
    const errors = node.operands.map((operand) => known.get(operand) ?? null);
    const error = (errorRules[node.op] as ErrorRule<OpName>)(b, narrow(node), errors);
    known.set(node, error === null ? null : b.broadcast(error, node.shape));
  }
  return outputs.map((output) => known.get(output) ?? null);
}
