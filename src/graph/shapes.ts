/** Shape rules: what each operation makes of its operands' shapes, and what it refuses. */
import type { OpAttributes, OpName, Shape } from "./node.js";
import { sizeOf } from "./node.js";

type ShapeRule<K extends OpName> = (operands: readonly Shape[], attributes: OpAttributes[K]) => Shape;

/** The common shape of two operands under NumPy broadcasting. @throws Error naming both shapes. */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const p = a[a.length - rank + i] ?? 1;
    const q = b[b.length - rank + i] ?? 1;
    if (p !== q && p !== 1 && q !== 1) {
      throw new Error(`shapes [${a}] and [${b}] do not broadcast: ${p} against ${q}`);
    }
    return p === 1 ? q : p;
  });
}

const same = ([a]: readonly Shape[]): Shape => a as Shape;
const both = ([a, b]: readonly Shape[]): Shape => broadcastShapes(a as Shape, b as Shape);

function axisOf(shape: Shape, axis: number): number {
  const length = shape[axis];
  if (length === undefined) throw new Error(`axis ${axis} of shape [${shape}] does not exist`);
  return length;
}

function replaceAxis(shape: Shape, axis: number, length: number): Shape {
  return shape.map((old, i) => (i === axis ? length : old));
}

/** The shape after a reduction over `axes`. */
function keepAxes(shape: Shape, axes: readonly number[]): Shape {
  for (const axis of axes) axisOf(shape, axis);
  return shape.map((length, i) => (axes.includes(i) ? 1 : length));
}

/** Source-given shapes (`input`, `constant`) are set by the builder; their rules are never consulted. */
export const shapeRules: { readonly [K in Exclude<OpName, "input" | "constant">]: ShapeRule<K> } = {
  add: both,
  sub: both,
  mul: both,
  div: both,
  neg: same,
  exp: same,
  log: same,
  log1p: same,
  sqrt: same,
  sin: same,
  cos: same,
  tanh: same,
  sigmoid: same,
  sech2: same,
  erf: same,
  matmul: ([a, b], { transposeA, transposeB }) => {
    if (a === undefined || b === undefined || a.length < 2 || b.length < 2) {
      throw new Error(`matmul takes matrices, got [${a}] and [${b}]`);
    }
    const [p, q] = a.slice(-2) as [number, number];
    const [r, s] = b.slice(-2) as [number, number];
    const [rows, inner] = transposeA ? [q, p] : [p, q];
    const [innerB, columns] = transposeB ? [s, r] : [r, s];
    if (inner !== innerB) {
      throw new Error(
        `matmul of [${a}]${transposeA ? "ᵀ" : ""} and [${b}]${transposeB ? "ᵀ" : ""}: ${inner} against ${innerB}`,
      );
    }
    return [...broadcastShapes(a.slice(0, -2), b.slice(0, -2)), rows, columns];
  },
  transpose: ([a], { permutation }) => {
    const shape = a as Shape;
    if (
      permutation.length !== shape.length ||
      [...permutation].sort((p, q) => p - q).some((p, i) => p !== i)
    ) {
      throw new Error(`transpose of [${shape}]: [${permutation}] is not a permutation of its axes`);
    }
    return permutation.map((axis) => shape[axis] as number);
  },
  reshape: ([a], { shape }) => {
    if (sizeOf(a as Shape) !== sizeOf(shape))
      throw new Error(`reshape of [${a}] to [${shape}] changes the size`);
    return shape;
  },
  broadcast: ([a], { shape }) => {
    const result = broadcastShapes(a as Shape, shape);
    if (result.length !== shape.length || result.some((length, i) => length !== shape[i])) {
      throw new Error(`[${a}] does not broadcast to [${shape}]`);
    }
    return shape;
  },
  sum: ([a], { axes }) => keepAxes(a as Shape, axes),
  slice: ([a], { axis, start, end }) => {
    const length = axisOf(a as Shape, axis);
    if (!(0 <= start && start < end && end <= length)) {
      throw new Error(`slice ${start}:${end} of axis ${axis} of [${a}] is empty or outside`);
    }
    return replaceAxis(a as Shape, axis, end - start);
  },
  pad: ([a], { axis, before, after }) =>
    replaceAxis(a as Shape, axis, before + axisOf(a as Shape, axis) + after),
  concat: (shapes, { axis }) => {
    const first = shapes[0] as Shape;
    let total = 0;
    for (const shape of shapes) {
      if (shape.length !== first.length || shape.some((length, i) => i !== axis && length !== first[i])) {
        throw new Error(`concat along axis ${axis}: [${shape}] does not fit [${first}]`);
      }
      total += axisOf(shape, axis);
    }
    return replaceAxis(first, axis, total);
  },
  gather: ([a], { axis, indices }) => {
    const length = axisOf(a as Shape, axis);
    if (indices.length === 0) throw new Error(`gather along axis ${axis} of [${a}]: there are no indices`);
    const wrong = indices.find((index) => !(-1 <= index && index < length));
    if (wrong !== undefined)
      throw new Error(`gather along axis ${axis} of [${a}]: index ${wrong} is not in −1 … ${length - 1}`);
    return replaceAxis(a as Shape, axis, indices.length);
  },
  max: ([a], { axes }) => keepAxes(a as Shape, axes),
  pieceOf: ([a], { breakpoints }) => {
    if (breakpoints.some((b, i) => i > 0 && !(b > (breakpoints[i - 1] as number)))) {
      throw new Error(`pieceOf: breakpoints [${breakpoints}] must increase`);
    }
    return a as Shape;
  },
  lookup: ([a], { values }) => {
    if (values.length < 1) throw new Error("lookup: the table is empty");
    return a as Shape;
  },
};
