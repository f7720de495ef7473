/**
 * What flows along the edges of an ONNX graph: a node of our graph, or numbers known now. One algebra for both, so that an operator is written
 * once and shape arithmetic, constants and masks fold by the way.
 */
import { erf, type GraphBuilder, type Node, type Shape, sizeOf } from "../../graph/index.js";

export type ValueType = "float" | "int" | "bool";

export interface Value {
  readonly type: ValueType;
  readonly shape: Shape;
  /** Row-major, where the numbers are known now; truth is 1. */
  readonly known: Float64Array | null;
  /** Null where they are known. */
  readonly node: Node | null;
}

/** Entries of numbers that are computed here. */
const MOST_KNOWN = 2 ** 27;

type Unary = "neg" | "exp" | "log" | "sqrt" | "sin" | "cos" | "tanh" | "sigmoid" | "erf";
type Binary = "add" | "sub" | "mul" | "div";

const unary: { readonly [K in Unary]: (x: number) => number } = {
  neg: (x) => -x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  erf,
};

const binary: { readonly [K in Binary]: (x: number, y: number) => number } = {
  add: (x, y) => x + y,
  sub: (x, y) => x - y,
  mul: (x, y) => x * y,
  div: (x, y) => x / y,
};

export class Algebra {
  readonly #nodes = new WeakMap<Value, Node>();

  constructor(
    readonly b: GraphBuilder,
    /** What an operator cannot do. */
    readonly fail: (message: string) => never,
  ) {}

  of(node: Node, type: ValueType = "float"): Value {
    return { type, shape: node.shape, known: null, node };
  }

  known(data: Float64Array, shape: Shape, type: ValueType = "float"): Value {
    return { type, shape, known: data, node: null };
  }

  number(value: number, type: ValueType = "float"): Value {
    return this.known(Float64Array.of(value), [], type);
  }

  ints(values: readonly number[]): Value {
    return this.known(Float64Array.from(values), [values.length], "int");
  }

  /** A node of our graph; numbers become a constant, where all are one a number. */
  node(value: Value): Node {
    if (value.node !== null) return value.node;
    const made = this.#nodes.get(value);
    if (made !== undefined) return made;
    const data = value.known as Float64Array;
    const [first] = data;
    const node =
      first !== undefined && data.every((entry) => Object.is(entry, first))
        ? this.b.constant(first, value.shape)
        : this.b.constant(data, value.shape);
    this.#nodes.set(value, node);
    return node;
  }

  add = (x: Value, y: Value): Value => this.#binary("add", x, y);
  sub = (x: Value, y: Value): Value => this.#binary("sub", x, y);
  mul = (x: Value, y: Value): Value => (isOne(y, x) ? x : isOne(x, y) ? y : this.#binary("mul", x, y));
  neg = (x: Value): Value => this.#unary("neg", x);
  exp = (x: Value): Value => this.#unary("exp", x);
  log = (x: Value): Value => this.#unary("log", x);
  sqrt = (x: Value): Value => this.#unary("sqrt", x);
  sin = (x: Value): Value => this.#unary("sin", x);
  cos = (x: Value): Value => this.#unary("cos", x);
  tanh = (x: Value): Value => this.#unary("tanh", x);
  sigmoid = (x: Value): Value => this.#unary("sigmoid", x);
  erf = (x: Value): Value => this.#unary("erf", x);

  /** Of integers towards zero, as ONNX divides them. */
  div(x: Value, y: Value): Value {
    if (isOne(y, x)) return x;
    if (x.type !== "int") return this.#binary("div", x, y);
    return this.zip(x, y, "int", (p, q) => Math.trunc(p / q));
  }

  scale = (x: Value, factor: number): Value => (factor === 1 ? x : this.mul(x, this.number(factor, x.type)));

  /** Entry by entry on numbers that must be known. */
  zip(x: Value, y: Value, type: ValueType, map: (p: number, q: number) => number): Value {
    const shape = this.#broadcast(x, y);
    const [p, q] = [this.#spread(x, shape), this.#spread(y, shape)];
    return this.known(
      p.map((value, i) => map(value, q[i] as number)),
      shape,
      type,
    );
  }

  map(x: Value, type: ValueType, map: (p: number) => number): Value {
    return this.known(this.numbers(x).map(map), x.shape, type);
  }

  /** @throws where they depend on the data or on parameters */
  numbers(
    value: Value,
    what = "works on numbers that the file fixes, and here they depend on the data or on parameters",
  ): Float64Array {
    return value.known ?? this.fail(what);
  }

  reshape(x: Value, shape: Shape): Value {
    if (sizeOf(x.shape) !== sizeOf(shape))
      this.fail(`makes [${shape}] of [${x.shape}], which has another size`);
    if (x.known !== null) return { ...x, shape };
    // A reshape of a reshape is one of what is below.
    const node = x.node as Node;
    const source = node.op === "reshape" ? (node.operands[0] as Node) : node;
    return this.of(this.b.reshape(source, shape), x.type);
  }

  transpose(x: Value, permutation: readonly number[]): Value {
    if (permutation.every((axis, i) => axis === i)) return x;
    if (x.known === null) return this.of(this.b.transpose(x.node as Node, permutation), x.type);
    const shape = permutation.map((axis) => x.shape[axis] as number);
    const strides = stridesOf(x.shape);
    return this.#pick(x, shape, (at) =>
      permutation.reduce((sum, axis, i) => sum + at[i]! * strides[axis]!, 0),
    );
  }

  /** Numbers that would fill more than one axis of constants stay small: the graph repeats them. */
  broadcast(x: Value, shape: Shape): Value {
    if (x.shape.join() === shape.join()) return x;
    if (x.known === null) return this.of(this.b.broadcast(x.node as Node, shape), x.type);
    const isOne = x.known.length === 1;
    if (x.type === "float" && !isOne) return this.of(this.b.broadcast(this.node(x), shape), x.type);
    return this.known(this.#spread(x, shape), shape, x.type);
  }

  slice(x: Value, axis: number, start: number, end: number): Value {
    if (start === 0 && end === x.shape[axis]) return x;
    if (x.known === null) return this.of(this.b.slice(x.node as Node, axis, start, end), x.type);
    return this.gather(
      x,
      axis,
      Int32Array.from({ length: Math.max(0, end - start) }, (_, i) => start + i),
    );
  }

  gather(x: Value, axis: number, indices: Int32Array): Value {
    if (x.known === null) return this.of(this.b.gather(x.node as Node, axis, indices), x.type);
    const shape = x.shape.map((length, i) => (i === axis ? indices.length : length));
    const strides = stridesOf(x.shape);
    return this.#pick(x, shape, (at) =>
      at.reduce((sum, place, i) => sum + (i === axis ? (indices[place] as number) : place) * strides[i]!, 0),
    );
  }

  concat(parts: readonly Value[], axis: number): Value {
    const filled = parts.filter(({ shape }) => shape[axis] !== 0);
    const [first] = filled;
    if (first === undefined) return parts[0] as Value;
    if (filled.length === 1) return first;
    if (filled.some(({ known }) => known === null))
      return this.of(
        this.b.concat(
          filled.map((part) => this.node(part)),
          axis,
        ),
        first.type,
      );
    const length = filled.reduce((sum, { shape }) => sum + (shape[axis] as number), 0);
    const shape = first.shape.map((own, i) => (i === axis ? length : own));
    const inner = sizeOf(shape.slice(axis + 1));
    const outer = sizeOf(shape.slice(0, axis));
    const data = new Float64Array(sizeOf(shape));
    for (let o = 0, at = 0; o < outer; o++)
      for (const part of filled) {
        const run = (part.shape[axis] as number) * inner;
        data.set((part.known as Float64Array).subarray(o * run, (o + 1) * run), at);
        at += run;
      }
    return this.known(data, shape, first.type);
  }

  /** Sum over axes, which stay with length 1. */
  sum(x: Value, axes: readonly number[]): Value {
    if (axes.length === 0) return x;
    if (x.known === null) return this.of(this.b.sum(x.node as Node, axes), x.type);
    return this.reduce(x, axes, (p, q) => p + q);
  }

  /** Of numbers that must be known. */
  reduce(x: Value, axes: readonly number[], join: (p: number, q: number) => number): Value {
    const data = this.numbers(x);
    const shape = x.shape.map((length, i) => (axes.includes(i) ? 1 : length));
    const out = new Float64Array(sizeOf(shape));
    const seen = new Uint8Array(out.length);
    const strides = stridesOf(shape);
    forEachPlace(x.shape, (at, i) => {
      const to = at.reduce((sum, place, axis) => sum + (axes.includes(axis) ? 0 : place * strides[axis]!), 0);
      out[to] = seen[to] === 0 ? (data[i] as number) : join(out[to] as number, data[i] as number);
      seen[to] = 1;
    });
    return this.known(out, shape, x.type);
  }

  #unary(op: Unary, x: Value): Value {
    if (x.known !== null) return this.map(x, x.type, unary[op]);
    return this.of(this.b[op](x.node as Node), x.type);
  }

  #binary(op: Binary, x: Value, y: Value): Value {
    const shape = this.#broadcast(x, y);
    if (x.known !== null && y.known !== null && sizeOf(shape) <= Math.max(x.known.length, y.known.length))
      return this.zip(x, y, x.type, binary[op]);
    return this.of(this.b[op](this.node(x), this.node(y)), x.type);
  }

  #broadcast(x: Value, y: Value): Shape {
    return (
      broadcastShape(x.shape, y.shape) ??
      this.fail(`takes [${x.shape}] and [${y.shape}], which do not broadcast`)
    );
  }

  #spread(x: Value, shape: Shape): Float64Array {
    const data = this.numbers(x);
    if (x.shape.join() === shape.join()) return data;
    const extra = shape.length - x.shape.length;
    const strides = stridesOf(x.shape);
    return this.#pick(x, shape, (at) =>
      x.shape.reduce((sum, length, i) => sum + (length === 1 ? 0 : at[i + extra]! * strides[i]!), 0),
    ).known as Float64Array;
  }

  #pick(x: Value, shape: Shape, indexOf: (at: readonly number[]) => number): Value {
    const size = sizeOf(shape);
    if (size > MOST_KNOWN) this.fail(`makes ${size} numbers of shape [${shape}]; ${MOST_KNOWN} is the most`);
    const from = x.known as Float64Array;
    const data = new Float64Array(size);
    forEachPlace(shape, (at, i) => {
      data[i] = from[indexOf(at)] as number;
    });
    return this.known(data, shape, x.type);
  }
}

/** Null where they do not broadcast. */
export function broadcastShape(a: Shape, b: Shape): Shape | null {
  const rank = Math.max(a.length, b.length);
  const shape = Array.from({ length: rank }, (_, i) => {
    const [p, q] = [a[a.length - rank + i] ?? 1, b[b.length - rank + i] ?? 1];
    return p === q || q === 1 ? p : p === 1 ? q : null;
  });
  return shape.includes(null) ? null : (shape as number[]);
}

/** Whether it is the number 1, which leaves `other` as it is. */
const isOne = ({ known, shape }: Value, other: Value): boolean =>
  known?.length === 1 && known[0] === 1 && shape.length <= other.shape.length;

export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--)
    strides[axis] = strides[axis + 1]! * (shape[axis + 1] as number);
  return strides;
}

/** Every place of a tensor in row-major order; the array is reused. */
function forEachPlace(shape: Shape, visit: (at: readonly number[], index: number) => void): void {
  const at = new Array<number>(shape.length).fill(0);
  const size = sizeOf(shape);
  for (let i = 0; i < size; i++) {
    visit(at, i);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at[axis]! += 1;
      if (at[axis]! < shape[axis]!) break;
      at[axis] = 0;
    }
  }
}
