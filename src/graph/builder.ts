/**
 * Builds nodes, checking shapes as it goes. Equal expressions become one node (hash-consing), so a derivative
 * built beside its forward pass shares the forward pass.
 */
import type { AnyNode, Node, OpAttributes, OpName, Shape } from "./node.js";
import { sameShape, sizeOf } from "./node.js";
import { broadcastShapes, shapeRules } from "./shapes.js";
import { describeIndices, type Windows, windowsOf } from "./windows.js";

type Derived = Exclude<OpName, "input" | "constant">;

/** Creates the nodes of one family of graphs. Methods throw Error on shapes that do not fit. */
export class GraphBuilder {
  readonly #byKey = new Map<string, Node>();
  readonly #tables = new IndexTables();
  #count = 0;

  /** Graphs of one builder may take inputs of the same name in different shapes: one graph may not. */
  input(name: string, shape: Shape): Node<"input"> {
    const key = `input:${name}:${shape}`;
    const known = this.#byKey.get(key) as Node<"input"> | undefined;
    if (known !== undefined) return known;
    return this.#register(key, {
      id: this.#count,
      op: "input",
      operands: [],
      attributes: { name },
      shape,
    });
  }

  /** A tensor known now; `value` is not copied. A number becomes a scalar. */
  constant(value: number | Float64Array, shape: Shape = []): Node<"constant"> {
    const data = typeof value === "number" ? new Float64Array(sizeOf(shape)).fill(value) : value;
    if (data.length !== sizeOf(shape))
      throw new Error(`constant of ${data.length} entries does not fill [${shape}]`);
    const key =
      typeof value === "number"
        ? `constant:${Object.is(value, -0) ? "-0" : value}:${shape}`
        : `constant#${this.#count}`;
    const known = this.#byKey.get(key) as Node<"constant"> | undefined;
    return (
      known ??
      this.#register(key, {
        id: this.#count,
        op: "constant",
        operands: [],
        attributes: { value: data },
        shape,
      })
    );
  }

  add = (a: Node, b: Node): Node => this.derive("add", [a, b], {});
  sub = (a: Node, b: Node): Node => this.derive("sub", [a, b], {});
  mul = (a: Node, b: Node): Node => this.derive("mul", [a, b], {});
  div = (a: Node, b: Node): Node => this.derive("div", [a, b], {});
  neg = (a: Node): Node => this.derive("neg", [a], {});
  exp = (a: Node): Node => this.derive("exp", [a], {});
  log = (a: Node): Node => this.derive("log", [a], {});
  log1p = (a: Node): Node => this.derive("log1p", [a], {});
  sqrt = (a: Node): Node => this.derive("sqrt", [a], {});
  sin = (a: Node): Node => this.derive("sin", [a], {});
  cos = (a: Node): Node => this.derive("cos", [a], {});
  tanh = (a: Node): Node => this.derive("tanh", [a], {});
  sigmoid = (a: Node): Node => this.derive("sigmoid", [a], {});
  sech2 = (a: Node): Node => this.derive("sech2", [a], {});
  erf = (a: Node): Node => this.derive("erf", [a], {});

  scale(a: Node, factor: number): Node {
    return factor === 1 ? a : this.mul(a, this.constant(factor));
  }

  matmul(a: Node, b: Node, options: { transposeA?: boolean; transposeB?: boolean } = {}): Node {
    return this.derive("matmul", [a, b], {
      transposeA: options.transposeA ?? false,
      transposeB: options.transposeB ?? false,
    });
  }

  transpose = (a: Node, permutation: readonly number[]): Node =>
    this.derive("transpose", [a], { permutation });

  reshape(a: Node, shape: Shape): Node {
    return sameShape(a.shape, shape) ? a : this.derive("reshape", [a], { shape });
  }

  broadcast(a: Node, shape: Shape): Node {
    return sameShape(a.shape, shape) ? a : this.derive("broadcast", [a], { shape });
  }

  /** Sum over `axes` (all by default), which stay as dimensions of length 1. */
  sum(a: Node, axes: readonly number[] = a.shape.map((_, i) => i)): Node {
    return axes.length === 0 ? a : this.derive("sum", [a], { axes });
  }

  /** Sum of all entries, a scalar. */
  total = (a: Node): Node => this.reshape(this.sum(a), []);

  slice(a: Node, axis: number, start: number, end: number): Node {
    return start === 0 && end === a.shape[axis] ? a : this.derive("slice", [a], { axis, start, end });
  }

  pad(a: Node, axis: number, before: number, after: number): Node {
    return before === 0 && after === 0 ? a : this.derive("pad", [a], { axis, before, after });
  }

  concat(parts: readonly Node[], axis: number): Node {
    return parts.length === 1 ? (parts[0] as Node) : this.derive("concat", parts, { axis });
  }

  /** Entries of `a` along `axis` at `indices`; −1 gives zeros. The indices are not copied; where they are sliding windows, `windows` says so. */
  gather(a: Node, axis: number, indices: Int32Array, windows?: Windows): Node {
    const isIdentity = indices.length === a.shape[axis] && indices.every((index, i) => index === i);
    if (isIdentity) return a;
    const known = this.#tables.intern(indices);
    if (windows !== undefined) describeIndices(known, { windows, of: "gather" });
    return this.derive("gather", [a], { axis, indices: known });
  }

  /**
   * The adjoint of a gather: entry k of `length` along `axis` is the sum of all entries whose index is k. Every k lists its places,
   * shorter lists filled up with −1; the lists are gathered one after the other and summed.
   */
  scatter(a: Node, axis: number, indices: Int32Array, length: number): Node {
    const known = this.#tables.intern(indices);
    const { most, places } = placesOf(known, length);
    const windows = windowsOf(known, "gather");
    if (windows !== undefined) describeIndices(places, { windows, of: "scatter" });
    const picked = this.gather(a, axis, places);
    if (most === 1) return picked;
    const [before, after] = [a.shape.slice(0, axis), a.shape.slice(axis + 1)];
    const lists = this.reshape(picked, [...before, most, length, ...after]);
    return this.reshape(this.sum(lists, [axis]), [...before, length, ...after]);
  }

  /** The largest entry over `axes`, which stay as dimensions of length 1; to derivatives a constant. */
  max = (a: Node, axes: readonly number[]): Node => this.derive("max", [a], { axes });

  /** The same values with derivative zero: the largest of one, along a leading axis, where engines copy rows. */
  detached = (x: Node): Node => this.reshape(this.max(this.reshape(x, [1, ...x.shape]), [0]), x.shape);
  pieceOf = (z: Node, breakpoints: readonly number[]): Node => this.derive("pieceOf", [z], { breakpoints });

  lookup(pieces: Node, values: readonly number[]): Node {
    const first = values[0] as number;
    return values.every((value) => value === first)
      ? this.constant(first)
      : this.derive("lookup", [pieces], { values });
  }

  /** Sums `a` down to `shape`: the adjoint of broadcasting `shape` to `a.shape`. */
  sumTo(a: Node, shape: Shape): Node {
    if (sameShape(a.shape, shape)) return a;
    broadcastShapes(a.shape, shape);
    const extra = a.shape.length - shape.length;
    const axes = a.shape.flatMap((length, i) =>
      i < extra || (shape[i - extra] === 1 && length !== 1) ? [i] : [],
    );
    return this.reshape(this.sum(a, axes), shape);
  }

  /** Any operation by its name, for passes that rebuild graphs. */
  derive<K extends Derived>(op: K, operands: readonly Node[], attributes: OpAttributes[K]): Node {
    const key = `${op}:${operands.map((node) => node.id)}:${this.#keyOf(attributes)}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const rule = shapeRules[op] as (shapes: readonly Shape[], attributes: OpAttributes[K]) => Shape;
    const shape = rule(
      operands.map((node) => node.shape),
      attributes,
    );
    return this.#register(key, { id: this.#count, op, operands, attributes, shape });
  }

  /** Index lists may be long: they are known by their number among the tables. */
  #keyOf(attributes: object): string {
    return JSON.stringify(attributes, (_, value: unknown) =>
      value instanceof Int32Array ? this.#tables.numberOf(this.#tables.intern(value)) : value,
    );
  }

  #register<K extends OpName>(key: string, node: Node<K>): Node<K> {
    this.#count += 1;
    this.#byKey.set(key, node as Node);
    return node;
  }
}

const knownPlaces = new WeakMap<Int32Array, Places>();

interface Places {
  readonly length: number;
  readonly most: number;
  readonly places: Int32Array;
}

/** For every k < `length` the places p with indices[p] = k: `most` lists of `length` entries, −1 where a list is shorter. */
function placesOf(indices: Int32Array, length: number): Places {
  const known = knownPlaces.get(indices);
  if (known?.length === length) return known;
  const counts = new Int32Array(length);
  for (const index of indices) if (index >= 0) counts[index]! += 1;
  const most = counts.reduce((p, q) => Math.max(p, q), 1);
  const places = new Int32Array(most * length).fill(-1);
  counts.fill(0);
  indices.forEach((index, place) => {
    if (index < 0) return;
    places[(counts[index] as number) * length + index] = place;
    counts[index]! += 1;
  });
  const found = { length, most, places };
  knownPlaces.set(indices, found);
  return found;
}

/** Equal index lists become one, so that equal gathers become one node. */
class IndexTables {
  readonly #byHash = new Map<number, Int32Array[]>();
  readonly #numbers = new Map<Int32Array, number>();

  intern(indices: Int32Array): Int32Array {
    if (this.#numbers.has(indices)) return indices;
    // FNV-1a over the entries: only a key into short lists that are compared entry by entry.
    let hash = 0x811c9dc5 ^ indices.length;
    for (const index of indices) hash = Math.imul(hash ^ index, 0x01000193);
    const alike = this.#byHash.get(hash) ?? [];
    const known = alike.find(
      (table) => table.length === indices.length && table.every((index, i) => index === indices[i]),
    );
    if (known !== undefined) return known;
    this.#byHash.set(hash, [...alike, indices]);
    this.#numbers.set(indices, this.#numbers.size);
    return indices;
  }

  numberOf(table: Int32Array): number {
    return this.#numbers.get(table) as number;
  }
}

/** Narrows a node to the union discriminated by `op`. */
export function narrow(node: Node): AnyNode {
  return node as AnyNode;
}
