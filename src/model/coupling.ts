/**
 * Whether a result of one sample depends on another, read off the graph: the axis of the samples is followed through every operation. And
 * whether it depends on how many there are, read off two graphs.
 */
import {
  type AnyNode,
  type Node,
  narrow,
  type OpName,
  type Shape,
  sizeOf,
  topologicalOrder,
} from "../graph/index.js";

/**
 * Where the samples are: along an axis, n long, or within one, which then runs over [outer, n, inner]. `mixed`: entries depend on several
 * samples. Null: on none.
 */
export type Place = SampleAxis | "mixed" | null;

export interface SampleAxis {
  readonly axis: number;
  readonly outer: number;
  readonly inner: number;
}

type Rule<K extends OpName> = (
  node: Extract<AnyNode, { op: K }>,
  places: readonly Place[],
  samples: number,
) => Place;

const first = (_: unknown, [place]: readonly Place[]): Place => place as Place;

/** Operands broadcast against one another: axes are counted from the last. */
const broadcast = (
  node: { readonly operands: readonly Node[]; readonly shape: Shape },
  places: readonly Place[],
): Place =>
  common(
    places.map((place, i) => shifted(place, node.shape.length - (node.operands[i] as Node).shape.length)),
  );

const shifted = (place: Place, by: number): Place =>
  place === null || place === "mixed" ? place : { ...place, axis: place.axis + by };

function common(places: readonly Place[]): Place {
  const known = places.filter((place) => place !== null);
  const [one] = known;
  if (one === undefined) return null;
  return known.every((place) => JSON.stringify(place) === JSON.stringify(one)) ? one : "mixed";
}

/** What a reduction over, or a cut along, `axes` leaves: nothing is mixed unless the samples are among them. */
const apart =
  <K extends OpName>(axesOf: (node: Extract<AnyNode, { op: K }>) => readonly number[]): Rule<K> =>
  (node, [place]) =>
    place === null || place === "mixed" || place === undefined || !axesOf(node).includes(place.axis)
      ? (place as Place)
      : "mixed";

const rules: { readonly [K in OpName]: Rule<K> } = {
  // Parameters. Matrices between the samples mix from the start; see couplesSamples.
  input: () => null,
  constant: () => null,
  add: broadcast,
  sub: broadcast,
  mul: broadcast,
  div: broadcast,
  neg: first,
  exp: first,
  log: first,
  log1p: first,
  sqrt: first,
  sin: first,
  cos: first,
  tanh: first,
  sigmoid: first,
  sech2: first,
  erf: first,
  matmul: (node, [x, y]) => {
    const rank = node.shape.length;
    const { transposeA, transposeB } = node.attributes;
    const side = (place: Place, operand: Node, transposed: boolean, summed: 1 | 2): Place => {
      if (place === null || place === "mixed") return place;
      const own = operand.shape.length;
      const fromEnd = own - place.axis;
      if (fromEnd > 2) return shifted(place, rank - own);
      const effective = transposed ? 3 - fromEnd : fromEnd;
      if (effective === summed) return "mixed";
      return { ...place, axis: rank - effective };
    };
    const [a, b] = node.operands as [Node, Node];
    return common([side(x as Place, a, transposeA, 1), side(y as Place, b, transposeB, 2)]);
  },
  transpose: (node, [place]) =>
    place === null || place === "mixed"
      ? place
      : {
          ...(place as { axis: number; outer: number; inner: number }),
          axis: node.attributes.permutation.indexOf(place!.axis),
        },
  reshape: (node, [place], samples) => {
    if (place === null || place === "mixed" || place === undefined) return place as Place;
    const from = node.operands[0]!.shape;
    // In the flat order the samples are the middle of [outer, n, inner]; find an axis that holds that middle whole.
    const outer = sizeOf(from.slice(0, place.axis)) * place.outer;
    const inner = sizeOf(from.slice(place.axis + 1)) * place.inner;
    let before = 1;
    for (const [axis, length] of node.shape.entries()) {
      const after = sizeOf(node.shape.slice(axis + 1));
      if (
        outer % before === 0 &&
        inner % after === 0 &&
        (outer / before) * samples * (inner / after) === length
      )
        return { axis, outer: outer / before, inner: inner / after };
      before *= length;
    }
    return "mixed";
  },
  broadcast,
  sum: apart(({ attributes }) => attributes.axes),
  max: apart(({ attributes }) => attributes.axes),
  slice: apart(({ attributes }) => [attributes.axis]),
  pad: apart(({ attributes }) => [attributes.axis]),
  gather: apart(({ attributes }) => [attributes.axis]),
  concat: (node, places) => {
    const place = common(places);
    return place !== null && place !== "mixed" && place.axis === node.attributes.axis ? "mixed" : place;
  },
  pieceOf: first,
  lookup: first,
};

/**
 * Where the samples are in nodes built from `x` [n, ...].
 * @param reduced what a sum over all samples is: `mixed` where coupling is asked for, null where it is the place of what still has them
 */
export function followSamples(
  x: Node,
  relations: readonly Node[],
  reduced: "mixed" | null,
): (nodes: readonly Node[]) => Place[] {
  const samples = x.shape[0] as number;
  const places = new Map<Node, Place>([
    ...relations.map((relation) => [relation, "mixed"] as const),
    [x, { axis: 0, outer: 1, inner: 1 }],
  ]);
  const follow = (node: Node): Place => {
    const own = node.operands.map((operand) => places.get(operand) ?? null);
    if (own.includes("mixed")) return "mixed";
    if (own.every((p) => p === null)) return null;
    const place = (rules[node.op] as Rule<OpName>)(narrow(node), own, samples);
    return place === "mixed" && (node.op === "sum" || node.op === "max") ? reduced : place;
  };
  return (nodes) => {
    for (const node of unvisited(nodes, places)) places.set(node, follow(node));
    return nodes.map((node) => places.get(node) ?? null);
  };
}

/** Operands first, without those that are known and what they are made of. */
function unvisited(nodes: readonly Node[], known: ReadonlyMap<Node, Place>): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  const stack = [...nodes];
  while (stack.length > 0) {
    const node = stack[stack.length - 1] as Node;
    const waiting =
      known.has(node) || seen.has(node) ? [] : node.operands.filter((o) => !known.has(o) && !seen.has(o));
    if (waiting.length > 0) {
      stack.push(...waiting);
      continue;
    }
    stack.pop();
    if (known.has(node) || seen.has(node)) continue;
    seen.add(node);
    order.push(node);
  }
  return order;
}

/**
 * Whether row i of `nodes` [n, ...] may depend on other samples than the i-th of `x` [n, ...]. Where the graph is too intricate to tell, it
 * is taken to. An n that no other length is a multiple of keeps axes apart that only happen to be as long.
 * @param relations matrices [n, n] between the samples: what is made of them, degrees included, belongs to no sample alone
 */
export function couplesSamples(nodes: readonly Node[], x: Node, relations: readonly Node[] = []): boolean {
  // Samples that end on another axis than the first, or within one, stand in rows of other samples.
  const isRowOfOne = (place: Place): boolean =>
    place === null || (place !== "mixed" && place.axis === 0 && place.outer === 1 && place.inner === 1);
  return !followSamples(x, relations, "mixed")(nodes).every(isRowOfOne);
}

/**
 * Whether numbers of the graphs differ where their numbers of samples do: constants, or the attributes of operations; shapes may. A constant
 * that has a row per sample must be one number throughout, for nothing says which row belongs to which sample.
 */
export function dependsOnCount(nodes: readonly Node[], others: readonly Node[]): boolean {
  const [order, other] = [topologicalOrder(nodes), topologicalOrder(others)];
  return (
    order.length !== other.length || order.some((node, i) => differs(narrow(node), narrow(other[i] as Node)))
  );
}

function differs(p: AnyNode, q: AnyNode): boolean {
  if (p.op !== q.op) return true;
  if (p.op === "constant" && q.op === "constant") {
    const [a, b] = [p.attributes.value, q.attributes.value];
    const [first] = a;
    return p.shape.join() === q.shape.join()
      ? a.some((value, i) => !Object.is(value, b[i]))
      : [...a, ...b].some((value) => value !== first);
  }
  if (p.op === "reshape" || p.op === "broadcast") return false;
  return JSON.stringify(p.attributes) !== JSON.stringify(q.attributes);
}
