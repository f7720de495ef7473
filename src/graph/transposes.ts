/**
 * Transposes moved towards the outputs, where pairs of them cancel: what is done to a transposed tensor becomes the transpose of what is done
 * to the tensor. A chain of convolutions so stays in the layout of its first. Knows nothing of engines.
 */
import { GraphBuilder, narrow } from "./builder.js";
import { createGraph, type Graph } from "./graph.js";
import { type AnyNode, type Node, type OpName, type Shape, sizeOf } from "./node.js";

/** The value transpose(node, order): its axis i is axis order[i] of the node. */
interface View {
  readonly node: Node;
  readonly order: readonly number[];
}

type Rule<K extends OpName> = (
  b: GraphBuilder,
  node: Extract<AnyNode, { op: K }>,
  views: readonly View[],
) => View;

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);
const inverse = (order: readonly number[]): number[] => order.map((_, axis) => order.indexOf(axis));
const isIdentity = (order: readonly number[]): boolean => order.every((axis, i) => axis === i);
const plain = (node: Node): View => ({ node, order: range(node.shape.length) });

/** Whether only axes of length 1 move. */
function isFree({ node, order }: View): boolean {
  const moved = order.filter((axis) => node.shape[axis] !== 1);
  return moved.every((axis, i) => i === 0 || axis > moved[i - 1]!);
}

function permute(b: GraphBuilder, node: Node, order: readonly number[]): Node {
  if (isIdentity(order)) return node;
  if (!isFree({ node, order })) return b.transpose(node, order);
  return b.reshape(
    node,
    order.map((axis) => node.shape[axis] as number),
  );
}

const settle = (b: GraphBuilder, { node, order }: View): Node => permute(b, node, order);

/** The view with axes of length 1 before it, up to a rank. */
function padded(b: GraphBuilder, { node, order }: View, rank: number): View {
  const extra = rank - order.length;
  if (extra === 0) return { node, order };
  const ones = new Array<number>(extra).fill(1);
  return {
    node: b.reshape(node, [...ones, ...node.shape]),
    order: [...range(extra), ...order.map((axis) => axis + extra)],
  };
}

/** The node whose transpose by `order` the view is. A scalar is its own in every layout. */
function laidOut(b: GraphBuilder, view: View, order: readonly number[]): Node {
  if (view.order.length === 0) return view.node;
  const { node, order: own } = padded(b, view, order.length);
  return permute(
    b,
    node,
    inverse(order).map((i) => own[i] as number),
  );
}

/** The layout that costs least to bring all to: that of the largest of full rank, of equals a transposed one. */
function commonOrder(views: readonly View[]): readonly number[] {
  const rank = Math.max(...views.map(({ order }) => order.length));
  const full = views.filter(({ order }) => order.length === rank);
  const most = Math.max(...full.map(({ node }) => sizeOf(node.shape)));
  const largest = full.filter(({ node }) => sizeOf(node.shape) === most);
  return (largest.find(({ order }) => !isIdentity(order)) ?? (largest[0] as View)).order;
}

/** Operations to which one axis is as good as another. */
const entrywise = (b: GraphBuilder, { op, attributes }: Node, views: readonly View[]): View => {
  const order = commonOrder(views);
  const operands = views.map((view) => laidOut(b, view, order));
  return { node: b.derive(op as "add", operands, attributes), order };
};

const alongAxes = (b: GraphBuilder, node: Node<"sum"> | Node<"max">, [view]: readonly View[]): View => {
  const { node: source, order } = view as View;
  const axes = node.attributes.axes.map((axis) => order[axis] as number);
  return { node: b.derive(node.op, [source], { axes }), order };
};

const alongAxis = (
  b: GraphBuilder,
  { op, attributes }: Node<"slice"> | Node<"pad"> | Node<"concat"> | Node<"gather">,
  views: readonly View[],
): View => {
  const order = commonOrder(views);
  const operands = views.map((view) => laidOut(b, view, order));
  const axis = order[attributes.axis] as number;
  return { node: b.derive(op as "concat", operands, { ...attributes, axis }), order };
};

const rules: { readonly [K in Exclude<OpName, "input">]: Rule<K> } = {
  constant: (b, { attributes: { value }, shape }) => plain(b.constant(value, shape)),
  add: entrywise,
  sub: entrywise,
  mul: entrywise,
  div: entrywise,
  neg: entrywise,
  exp: entrywise,
  log: entrywise,
  log1p: entrywise,
  sqrt: entrywise,
  sin: entrywise,
  cos: entrywise,
  tanh: entrywise,
  sigmoid: entrywise,
  sech2: entrywise,
  erf: entrywise,
  pieceOf: entrywise,
  lookup: entrywise,
  sum: alongAxes,
  max: alongAxes,
  slice: alongAxis,
  pad: alongAxis,
  concat: alongAxis,
  // Where it makes more, or would copy shorter runs, the transpose comes first.
  gather: (b, node, [view]) => {
    const { node: source, order } = view as View;
    const run = (shape: Shape, axis: number): number => sizeOf(shape.slice(axis + 1));
    const { axis } = node.attributes;
    const stays =
      sizeOf(node.shape) <= sizeOf(source.shape) &&
      run(source.shape, order[axis] as number) >= run(node.shape, axis);
    return alongAxis(b, node, [stays ? (view as View) : plain(settle(b, view as View))]);
  },
  transpose: (_, { attributes: { permutation } }, [view]) => ({
    node: view!.node,
    order: permutation.map((axis) => view!.order[axis] as number),
  }),
  broadcast: (b, { attributes: { shape } }, [view]) => {
    const { node, order } = padded(
      b,
      isFree(view as View) ? (view as View) : plain(settle(b, view as View)),
      shape.length,
    );
    const target = inverse(order).map((i) => shape[i] as number);
    return { node: b.broadcast(node, target), order };
  },
  reshape: (b, { attributes: { shape } }, [view]) => reshaped(b, view as View, shape),
  matmul: (b, { attributes: { transposeA, transposeB } }, views) => {
    const [x, y] = views.map((view) => asFactor(b, view)) as [Factor, Factor];
    const options = { transposeA: transposeA !== x.flipped, transposeB: transposeB !== y.flipped };
    return plain(b.matmul(x.node, y.node, options));
  },
};

interface Factor {
  readonly node: Node;
  readonly flipped: boolean;
}

/** A product transposes the last two axes by itself. */
function asFactor(b: GraphBuilder, view: View): Factor {
  const rank = view.order.length;
  const flip = [...range(rank - 2), rank - 1, rank - 2];
  const flipped = rank >= 2 && view.order.every((axis, i) => axis === flip[i]);
  return { node: flipped ? view.node : settle(b, view), flipped };
}

/**
 * A reshape splits and merges axes within groups of neighbours. It goes below the transpose where the axes of every group are neighbours
 * there too, in the same order.
 */
function reshaped(b: GraphBuilder, view: View, shape: Shape): View {
  const long = view.order.filter((axis) => view.node.shape[axis] !== 1);
  const rank = [...long].sort((p, q) => p - q);
  const groups = groupsOf(
    long.map((axis) => view.node.shape[axis] as number),
    shape,
  ).map(({ from, to, targets }) => ({ sources: long.slice(from, to), targets }));
  const fits = groups.every(({ sources }) =>
    sources.every((axis, k) => rank.indexOf(axis) === rank.indexOf(sources[0] as number) + k),
  );
  if (!fits || groups.length === 0) return plain(reshape(b, settle(b, view), shape));
  const axes = [...groups]
    .sort((p, q) => (p.sources[0] as number) - (q.sources[0] as number))
    .flatMap(({ targets }) => targets);
  const target = axes.map((axis) => shape[axis] as number);
  return { node: reshape(b, view.node, target), order: inverse(axes) };
}

const reshape = (b: GraphBuilder, node: Node, shape: Shape): Node =>
  b.reshape(node.op === "reshape" ? (node.operands[0] as Node) : node, shape);

/** The finest groups of equal size: entries from … to − 1 of `lengths`, all beyond 1, and the axes of `shape`; those of length 1 go along. */
function groupsOf(
  lengths: readonly number[],
  shape: Shape,
): { from: number; to: number; targets: number[] }[] {
  const groups: { from: number; to: number; targets: number[] }[] = [];
  let axis = 0;
  for (let from = 0, to = 0; from < lengths.length; from = to) {
    const targets: number[] = [];
    let [size, reached] = [lengths[to++] as number, 1];
    while (reached < size || reached === 1) {
      targets.push(axis);
      reached *= shape[axis++] as number;
      while (reached > size) size *= lengths[to++] as number;
    }
    groups.push({ from, to, targets });
  }
  for (; axis < shape.length; axis++) groups[groups.length - 1]?.targets.push(axis);
  return groups;
}

/** Entries that transposes move at every call, those within products of more than two axes included. */
function moved(graph: Graph, bound: ReadonlySet<string>): number {
  const free = new Set<Node>();
  let entries = 0;
  for (const node of graph.nodes) {
    const known = narrow(node);
    if (known.op === "input" ? !bound.has(known.attributes.name) : node.operands.some((x) => free.has(x)))
      free.add(node);
    if (!free.has(node)) continue;
    if (known.op === "transpose") entries += sizeOf(node.shape);
    if (known.op !== "matmul" || node.shape.length === 2) continue;
    const { transposeA, transposeB } = known.attributes;
    [transposeA, transposeB].forEach((flag, i) => {
      if (flag) entries += sizeOf(node.operands[i]!.shape);
    });
  }
  return entries;
}

/**
 * A graph of the same values with fewer transposes; the graph itself where there are not fewer. What depends on `bound` inputs alone is computed
 * once, so its transposes count nothing.
 */
export function cancelTransposes(graph: Graph, bound: Iterable<string> = []): Graph {
  if (!graph.nodes.some((node) => node.op === "transpose")) return graph;
  const b = new GraphBuilder();
  const views = new Map<Node, View>();
  for (const node of graph.nodes) {
    const known = narrow(node);
    const made =
      known.op === "input"
        ? plain(b.input(known.attributes.name, node.shape))
        : (rules[known.op] as Rule<OpName>)(
            b,
            known,
            node.operands.map((operand) => views.get(operand) as View),
          );
    views.set(node, made);
  }
  const outputs = Object.entries(graph.outputs).map(([name, node]) => [
    name,
    settle(b, views.get(node) as View),
  ]);
  const made = createGraph(graph.name, Object.fromEntries(outputs));
  const names = new Set(bound);
  return moved(made, names) < moved(graph, names) ? made : graph;
}
