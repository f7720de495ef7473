/** The reference engine: a plain float64 interpreter, one loop per operation. The oracle of every other engine. */

import {
  type AnyNode,
  erf,
  type Graph,
  type Node,
  narrow,
  type OpName,
  type Shape,
  sizeOf,
  splitBound,
} from "../graph/index.js";
import { checkInput, type Engine, type Program, type Tensors } from "./engine.js";
import { createIndexCache } from "./index-cache.js";

/** Evaluates one node into `out`, given its operands' data. */
type Kernel<K extends OpName> = (
  node: Extract<AnyNode, { op: K }>,
  operands: readonly Float64Array[],
  out: Float64Array,
) => void;

const unary =
  <K extends OpName>(f: (x: number) => number): Kernel<K> =>
  (_, [x], out) => {
    for (let i = 0; i < out.length; i++) out[i] = f(x![i] as number);
  };

const binary =
  <K extends OpName>(f: (x: number, y: number) => number): Kernel<K> =>
  (node, [x, y], out) => {
    const [a, b] = node.operands as unknown as [Node, Node];
    if (x!.length === out.length && y!.length === out.length) {
      for (let i = 0; i < out.length; i++) out[i] = f(x![i] as number, y![i] as number);
      return;
    }
    const p = broadcastIndex(a.shape, node.shape);
    const q = broadcastIndex(b.shape, node.shape);
    for (let i = 0; i < out.length; i++)
      out[i] = f(x![p[i] as number] as number, y![q[i] as number] as number);
  };

/** Operations that only move entries. */
export const moves: {
  readonly [K in "transpose" | "reshape" | "broadcast" | "slice" | "pad" | "concat" | "gather"]: Kernel<K>;
} = {
  transpose: (node, [x], out) => {
    const shape = node.operands[0]!.shape;
    const from = stridesOf(shape);
    const strides = node.attributes.permutation.map((axis) => from[axis] as number);
    const index = walk(node.shape, strides);
    for (let i = 0; i < out.length; i++) out[i] = x![index[i] as number] as number;
  },
  reshape: (_, [x], out) => out.set(x!),
  broadcast: (node, [x], out) => {
    const index = broadcastIndex(node.operands[0]!.shape, node.shape);
    for (let i = 0; i < out.length; i++) out[i] = x![index[i] as number] as number;
  },
  slice: (node, [x], out) => {
    const { axis, start, end } = node.attributes;
    const { outer, length, inner } = around(node.operands[0]!.shape, axis);
    const width = (end - start) * inner;
    for (let o = 0; o < outer; o++) {
      const from = (o * length + start) * inner;
      out.set(x!.subarray(from, from + width), o * width);
    }
  },
  pad: (node, [x], out) => {
    const { axis, before } = node.attributes;
    const { outer, length, inner } = around(node.operands[0]!.shape, axis);
    const total = node.shape[axis] as number;
    out.fill(0);
    for (let o = 0; o < outer; o++) {
      out.set(x!.subarray(o * length * inner, (o + 1) * length * inner), (o * total + before) * inner);
    }
  },
  concat: (node, operands, out) => {
    const { axis } = node.attributes;
    const total = node.shape[axis] as number;
    let start = 0;
    operands.forEach((data, i) => {
      const { outer, length, inner } = around(node.operands[i]!.shape, axis);
      for (let o = 0; o < outer; o++) {
        out.set(data.subarray(o * length * inner, (o + 1) * length * inner), (o * total + start) * inner);
      }
      start += length;
    });
  },
  gather: (node, [x], out) => {
    const { axis, indices } = node.attributes;
    const { outer, length, inner } = around(node.operands[0]!.shape, axis);
    for (let o = 0, at = 0; o < outer; o++) {
      for (const index of indices) {
        const from = (o * length + index) * inner;
        if (index < 0) out.fill(0, at, at + inner);
        else for (let i = 0; i < inner; i++) out[at + i] = x![from + i] as number;
        at += inner;
      }
    }
  },
};

const kernels: { readonly [K in OpName]: Kernel<K> } = {
  ...moves,
  input: () => {},
  constant: () => {},
  add: binary((x, y) => x + y),
  sub: binary((x, y) => x - y),
  mul: binary((x, y) => x * y),
  div: binary((x, y) => x / y),
  neg: unary((x) => -x),
  exp: unary(Math.exp),
  log: unary(Math.log),
  log1p: unary(Math.log1p),
  sqrt: unary(Math.sqrt),
  sin: unary(Math.sin),
  cos: unary(Math.cos),
  tanh: unary(Math.tanh),
  sigmoid: unary((x) => 1 / (1 + Math.exp(-x))),
  sech2: unary((x) => {
    const e = Math.exp(-2 * Math.abs(x));
    return (4 * e) / ((1 + e) * (1 + e));
  }),
  erf: unary(erf),
  matmul: (node, [x, y], out) => {
    const { m, n, inner, count, startA, startB, rowA, colA, rowB, colB } = matmulLayout(node);
    out.fill(0);
    for (let s = 0; s < count; s++) {
      const [baseA, baseB] = [startA(s), startB(s)];
      for (let i = 0; i < m; i++) {
        const row = (s * m + i) * n;
        for (let k = 0; k < inner; k++) {
          const factor = x![baseA + i * rowA + k * colA] as number;
          const start = baseB + k * rowB;
          for (let j = 0; j < n; j++)
            out[row + j] = (out[row + j] as number) + factor * (y![start + j * colB] as number);
        }
      }
    }
  },
  sum: (node, [x], out) => {
    const index = broadcastIndex(node.shape, node.operands[0]!.shape);
    out.fill(0);
    for (let i = 0; i < x!.length; i++) {
      const k = index[i] as number;
      out[k] = (out[k] as number) + (x![i] as number);
    }
  },
  max: (node, [x], out) => {
    const index = broadcastIndex(node.shape, node.operands[0]!.shape);
    out.fill(Number.NEGATIVE_INFINITY);
    for (let i = 0; i < x!.length; i++) {
      const k = index[i] as number;
      out[k] = Math.max(out[k] as number, x![i] as number);
    }
  },
  pieceOf: (node, [z], out) => {
    const { breakpoints } = node.attributes;
    for (let i = 0; i < out.length; i++) {
      let piece = 0;
      for (const breakpoint of breakpoints) if ((z![i] as number) > breakpoint) piece++;
      out[i] = piece;
    }
  },
  lookup: (node, [m], out) => {
    const { values } = node.attributes;
    for (let i = 0; i < out.length; i++) {
      const index = Math.min(Math.max(m![i] as number, 0), values.length - 1);
      const k = Math.floor(index);
      const f = index - k;
      out[i] =
        f === 0 ? (values[k] as number) : (1 - f) * (values[k] as number) + f * (values[k + 1] as number);
    }
  },
};

/** A program that also answers synchronously, for solvers that cannot wait. */
export interface ReferenceProgram extends Program {
  runSync(inputs: Tensors, into?: Tensors): Tensors;
}

export interface ReferenceEngine extends Engine {
  compile(graph: Graph, bound?: Tensors): Promise<ReferenceProgram>;
}

export function createReferenceEngine(): ReferenceEngine {
  return {
    kind: "reference",
    device: "cpu",
    dtype: "float64",
    threads: 1,
    description: "reference interpreter",
    notes: [],
    resident: null,
    compile: async (graph, bound) => compileReference(graph, bound),
    dispose: async () => {},
  };
}

/** Compiles without waiting: the reference engine has nothing to load. */
export function compileReference(graph: Graph, bound: Tensors = {}): ReferenceProgram {
  const { folded, rest } = splitBound(graph, Object.keys(bound));
  return folded === null
    ? interpret(graph, bound)
    : interpret(rest, { ...bound, ...interpret(folded, bound).runSync({}) });
}

function interpret(graph: Graph, bound: Tensors): ReferenceProgram {
  const position = new Map(graph.nodes.map((node, i) => [node, i]));
  const buffers = graph.nodes.map((node) => {
    if (node.op === "input") return new Float64Array(0);
    const known = narrow(node);
    return known.op === "constant" ? known.attributes.value : new Float64Array(sizeOf(node.shape));
  });
  const slots = graph.nodes.map((node) => node.operands.map((operand) => position.get(operand) as number));
  const runSync = (inputs: Tensors, into: Tensors = {}): Tensors => {
    graph.nodes.forEach((node, i) => {
      const known = narrow(node);
      if (known.op === "input") {
        const { name } = known.attributes;
        buffers[i] = checkInput(graph, name, sizeOf(node.shape), bound[name] ?? inputs[name]);
        return;
      }
      const operands = (slots[i] as number[]).map((slot) => buffers[slot] as Float64Array);
      (kernels[node.op] as Kernel<OpName>)(known as never, operands, buffers[i] as Float64Array);
    });
    return Object.fromEntries(
      Object.entries(graph.outputs).map(([name, node]) => {
        const data = buffers[position.get(node) as number] as Float64Array;
        const target = into[name];
        if (target === undefined) return [name, data];
        target.set(data);
        return [name, target];
      }),
    );
  };
  return { graph, runSync, run: async (inputs, into) => runSync(inputs, into) };
}

function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--)
    strides[i] = (strides[i + 1] as number) * (shape[i + 1] as number);
  return strides;
}

/** Offsets that are kept between calls (64 MiB). */
const indexCache = createIndexCache(2 ** 24);

/** Where the factors of a matrix product stand: entry (i, k) of the s-th left one at startA(s) + i·rowA + k·colA, (k, j) of the right one. */
export function matmulLayout(node: Extract<AnyNode, { op: "matmul" }>) {
  const [a, b] = node.operands as [Node, Node];
  const { transposeA, transposeB } = node.attributes;
  const [m, n] = node.shape.slice(-2) as [number, number];
  const inner = a.shape[a.shape.length - (transposeA ? 2 : 1)] as number;
  const batch = node.shape.slice(0, -2);
  const p = broadcastIndex(a.shape.slice(0, -2), batch);
  const q = broadcastIndex(b.shape.slice(0, -2), batch);
  const [rowA, colA] = transposeA ? [1, m] : [inner, 1];
  const [rowB, colB] = transposeB ? [1, inner] : [n, 1];
  return {
    ...{ m, n, inner, count: sizeOf(batch), rowA, colA, rowB, colB },
    startA: (s: number): number => (p[s] as number) * m * inner,
    startB: (s: number): number => (q[s] as number) * inner * n,
  };
}

/** For every entry of `to`, the entry of `from` that broadcasts to it. */
export function broadcastIndex(from: Shape, to: Shape): Int32Array {
  const strides = stridesOf(from);
  const extra = to.length - from.length;
  return walk(
    to,
    to.map((_, i) => (i < extra || from[i - extra] === 1 ? 0 : (strides[i - extra] as number))),
  );
}

/** Offsets of all entries of `shape` in a buffer with the given strides. */
function walk(shape: Shape, strides: readonly number[]): Int32Array {
  const key = `${shape}|${strides}`;
  return indexCache(key, () => walked(shape, strides));
}

function walked(shape: Shape, strides: readonly number[]): Int32Array {
  const index = new Int32Array(sizeOf(shape));
  let span = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const length = shape[axis] as number;
    const stride = strides[axis] as number;
    for (let i = span; i < span * length; i++)
      index[i] = (index[i % span] as number) + Math.floor(i / span) * stride;
    span *= length;
  }
  return index;
}

function around(shape: Shape, axis: number): { outer: number; length: number; inner: number } {
  return {
    outer: sizeOf(shape.slice(0, axis)),
    length: shape[axis] as number,
    inner: sizeOf(shape.slice(axis + 1)),
  };
}
