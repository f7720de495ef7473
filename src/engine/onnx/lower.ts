/** Graph → ONNX model: one lowering rule per operation. Knows the operator set, not the runtime. */
import {
  type AnyNode,
  ERF_LARGE,
  ERF_MIDDLE,
  ERF_ONE,
  ERF_SMALL,
  erfLarge,
  erfMiddle,
  erfSmall,
  erfTail,
  type Graph,
  type Node,
  narrow,
  type OpName,
  type Quotient,
  sameShape,
  sizeOf,
} from "../../graph/index.js";
import {
  attribute,
  elementType,
  encodeModel,
  type OnnxNode,
  type OnnxTensor,
  valueInfo,
} from "../../onnx/index.js";
import type { Dtype, Tensors } from "../engine.js";
import { convolution, convolutionAdjoint, gatherFromProduct } from "./convolution.js";
import type { Emitter, Fusion } from "./emitter.js";

type Lowering<K extends OpName> = (
  e: Emitter,
  node: Extract<AnyNode, { op: K }>,
  inputs: readonly string[],
  output: string,
) => void;

const direct =
  <K extends OpName>(opType: string): Lowering<K> =>
  (e, _, inputs, output) => {
    e.emit(opType, inputs, [], output);
  };

const lowerings: { readonly [K in Exclude<OpName, "input" | "constant">]: Lowering<K> } = {
  add: direct("Add"),
  sub: direct("Sub"),
  mul: direct("Mul"),
  div: direct("Div"),
  neg: direct("Neg"),
  exp: direct("Exp"),
  log: direct("Log"),
  // Kahan's x·ln(u)/(u − 1), u = fl(1 + x): the error of u cancels; where u = 1 the answer is x.
  log1p: (e, _, [x], output) => {
    const u = e.emit("Add", [x!, e.number(1)]);
    const off = e.emit("Sub", [u, e.number(1)]);
    const isOne = e.emit("Equal", [off, e.number(0)]);
    const divisor = e.emit("Where", [isOne, e.number(1), off]);
    const scaled = e.emit("Div", [e.emit("Mul", [x!, e.emit("Log", [u])]), divisor]);
    e.emit("Where", [isOne, x!, scaled], [], output);
  },
  sqrt: direct("Sqrt"),
  sin: direct("Sin"),
  cos: direct("Cos"),
  tanh: direct("Tanh"),
  // The operator Sigmoid is 1 − σ(−x) for x < 0, zero from −37 on.
  sigmoid: (e, _, [x], output) => {
    e.emit(
      "Div",
      [e.number(1), e.emit("Add", [e.emit("Exp", [e.emit("Neg", [x!])]), e.number(1)])],
      [],
      output,
    );
  },
  // 4/(w + 1/w)², w = exp(x): zero where w overflows.
  sech2: (e, _, [x], output) => {
    const w = e.emit("Exp", [x!]);
    const sum = e.emit("Add", [w, e.emit("Reciprocal", [w])]);
    e.emit("Div", [e.number(4), e.emit("Mul", [sum, sum])], [], output);
  },
  erf: (e, _, [x], output) => {
    if (e.type === elementType.float32) e.emit("Erf", [x!], [], output);
    else lowerErf(e, x!, output);
  },
  matmul: (e, node, [x, y], output) => {
    const { transposeA, transposeB } = node.attributes;
    const [a, b] = node.operands as [Node, Node];
    if (a.shape.length === 2 && b.shape.length === 2) {
      // A product with a transposed left factor is a third slower; a data matrix is transposed once, beforehand.
      const flipped = transposeA ? e.transposed(a) : null;
      const flags = [
        attribute("transA", Number(transposeA && flipped === null)),
        attribute("transB", Number(transposeB)),
      ];
      e.emit("Gemm", [flipped ?? x!, y!], flags, output);
      return;
    }
    const flip = (name: string, operand: Node): string => {
      const rank = operand.shape.length;
      const order = operand.shape.map((_, i) => (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i));
      return e.emit("Transpose", [name], [attribute("perm", order)]);
    };
    e.emit("MatMul", [transposeA ? flip(x!, a) : x!, transposeB ? flip(y!, b) : y!], [], output);
  },
  // Axes that stay neighbours are one axis to the runtime, which in float64 is ten times slower in four axes than in two.
  transpose: (e, node, [x], output) => {
    const { permutation } = node.attributes;
    const starts = permutation.filter((axis, i) => i === 0 || axis !== permutation[i - 1]! + 1);
    if (starts.length === permutation.length) {
      e.emit("Transpose", [x!], [attribute("perm", permutation)], output);
      return;
    }
    const ascending = [...starts].sort((p, q) => p - q);
    const { shape } = node.operands[0] as Node;
    const merged = ascending.map((start, k) => sizeOf(shape.slice(start, ascending[k + 1])));
    const flat = e.emit("Reshape", [x!, e.integers(merged)]);
    const order = starts.map((start) => ascending.indexOf(start));
    const flipped = e.emit("Transpose", [flat], [attribute("perm", order)]);
    e.emit("Reshape", [flipped, e.integers(node.shape)], [], output);
  },
  reshape: (e, node, [x], output) => {
    e.emit("Reshape", [x!, e.integers(node.attributes.shape)], [], output);
  },
  broadcast: (e, node, [x], output) => {
    e.emit("Expand", [x!, e.integers(node.attributes.shape)], [], output);
  },
  sum: (e, node, [x], output) => {
    e.emit("ReduceSum", [x!, e.integers(node.attributes.axes)], [attribute("keepdims", 1)], output);
  },
  slice: (e, { attributes: { axis, start, end } }, [x], output) => {
    e.emit("Slice", [x!, e.integers([start]), e.integers([end]), e.integers([axis])], [], output);
  },
  pad: (e, { attributes: { axis, before, after }, shape }, [x], output) => {
    const amounts = [
      ...shape.map((_, i) => (i === axis ? before : 0)),
      ...shape.map((_, i) => (i === axis ? after : 0)),
    ];
    e.emit("Pad", [x!, e.integers(amounts), e.number(0)], [], output);
  },
  concat: (e, node, inputs, output) => {
    e.emit("Concat", inputs, [attribute("axis", node.attributes.axis)], output);
  },
  gather: (e, node, [x], output) => {
    const { axis, indices } = node.attributes;
    const shape = node.operands[0]!.shape;
    const zeros = shape.map((length, i) => (i === axis ? 1 : length));
    // ONNX counts −1 from the end, where the zeros are put.
    const source = indices.includes(-1)
      ? e.emit("Concat", [x!, e.emit("Expand", [e.number(0), e.integers(zeros)])], [attribute("axis", axis)])
      : x!;
    e.emit("Gather", [source, e.indices(indices)], [attribute("axis", axis)], output);
  },
  max: (e, node, [x], output) => {
    e.emit("ReduceMax", [x!], [attribute("axes", node.attributes.axes), attribute("keepdims", 1)], output);
  },
  pieceOf: (e, { attributes: { breakpoints } }, [z], output) => {
    const above = breakpoints.map((breakpoint) => {
      const isAbove = e.emit("Greater", [z!, e.number(breakpoint)]);
      return e.emit("Where", [isAbove, e.number(1), e.number(0)]);
    });
    sumAll(e, above, output);
  },
  lookup: (e, node, [m], output) => {
    const { values } = node.attributes;
    if (values.length === 2) {
      const [first, second] = values as [number, number];
      if (hasExactRise(first, second)) {
        const rise = e.emit("Mul", [m!, e.number(second - first)]);
        e.emit("Add", [rise, e.number(first)], [], output);
        return;
      }
      const above = e.emit("Mul", [m!, e.number(second)]);
      const below = e.emit("Mul", [e.emit("Sub", [e.number(1), m!]), e.number(first)]);
      e.emit("Add", [above, below], [], output);
      return;
    }
    // Σ_k values[k]·hat(m − k), hat(x) = max(0, 1 − |x|): exact at integers.
    const hats = values.flatMap((value, k) => {
      if (value === 0) return [];
      const distance = e.emit("Abs", [e.emit("Sub", [m!, e.number(k)])]);
      const hat = e.emit("Max", [e.emit("Sub", [e.number(1), distance]), e.number(0)]);
      return [e.emit("Mul", [hat, e.number(value)])];
    });
    sumAll(e, hats, output);
  },
};

/** The runtime has no erf in float64: all four intervals, each on arguments that it can take, and the one that holds x is chosen. */
function lowerErf(e: Emitter, x: string, output: string): void {
  const polynomial = (coefficients: readonly number[], u: string): string =>
    coefficients
      .slice(0, -1)
      .reduceRight(
        (sum, coefficient) => e.emit("Add", [e.emit("Mul", [sum, u]), e.number(coefficient)]),
        e.number(coefficients.at(-1) as number),
      );
  const quotient = ({ p, q }: Quotient, u: string): string =>
    e.emit("Div", [polynomial(p, u), polynomial(q, u)]);
  const size = e.emit("Abs", [x]);
  const square = e.emit("Mul", [x, x]);
  const isBelow = (bound: number): string => e.emit("Less", [size, e.number(bound)]);
  const middle = e.emit("Add", [quotient(erfMiddle, e.emit("Sub", [size, e.number(1)])), e.number(ERF_ONE)]);
  const far = e.emit("Max", [size, e.number(ERF_MIDDLE)]);
  const farSquare = e.emit("Mul", [far, far]);
  const u = e.emit("Reciprocal", [farSquare]);
  const share = e.emit("Where", [isBelow(ERF_LARGE), quotient(erfLarge, u), quotient(erfTail, u)]);
  const exponent = e.emit("Sub", [e.emit("Sub", [share, e.number(0.5625)]), farSquare]);
  const rest = e.emit("Div", [e.emit("Exp", [exponent]), far]);
  const beyond = e.emit("Where", [isBelow(ERF_MIDDLE), middle, e.emit("Sub", [e.number(1), rest])]);
  const signed = e.emit("Where", [e.emit("Less", [x, e.number(0)]), e.emit("Neg", [beyond]), beyond]);
  const small = e.emit("Add", [x, e.emit("Mul", [x, quotient(erfSmall, square)])]);
  e.emit("Where", [isBelow(ERF_SMALL), small, signed], [], output);
}

/** Whether below + (above − below) is above, in both precisions. */
function hasExactRise(below: number, above: number): boolean {
  const rise = above - below;
  return below + rise === above && Math.fround(Math.fround(below) + Math.fround(rise)) === Math.fround(above);
}

function sumAll(e: Emitter, terms: readonly string[], output: string): void {
  const [first, ...rest] = terms as [string, ...string[]];
  const sum = rest.slice(0, -1).reduce((partial, term) => e.emit("Add", [partial, term]), first);
  if (rest.length === 0) e.emit("Identity", [sum], [], output);
  else e.emit("Add", [sum, rest[rest.length - 1] as string], [], output);
}

/**
 * Serialises `graph` in the given precision. Inputs and outputs keep their names; the transposes of `bound` ones that it needs become part
 * of the model, with `embed` they themselves too: no inputs any more, they are on the device once and for all.
 */
export function lowerToOnnx(graph: Graph, dtype: Dtype, bound: Tensors = {}, embed = false): Uint8Array {
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  const type = elementType[dtype];
  const names = new Map<Node, string>();
  const users = new Map<Node, number>();
  for (const node of [...graph.nodes.flatMap((n) => n.operands), ...Object.values(graph.outputs)]) {
    users.set(node, (users.get(node) ?? 0) + 1);
  }
  const tables = new Map<Int32Array, string>();
  let count = 0;
  const store = (name: string, dims: readonly number[], data_type: number, data: ArrayBufferView): string => {
    const raw_data = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (!initializers.has(name)) initializers.set(name, { name, dims, data_type, raw_data });
    return name;
  };
  const real = (value: Float64Array): ArrayBufferView =>
    dtype === "float64" ? value : Float32Array.from(value);
  const e: Emitter = {
    type,
    transposed(node) {
      const known = narrow(node);
      const value = known.op === "input" ? bound[known.attributes.name] : undefined;
      if (value === undefined) return null;
      const [rows, columns] = node.shape as [number, number];
      const flipped = value.map((_, k) => value[(k % rows) * columns + Math.floor(k / rows)] as number);
      return store(`${e.name(node)}-transposed`, [columns, rows], type, real(flipped));
    },
    emit(op_type, input, attributes = [], output = `t${count++}`) {
      nodes.push({ op_type, input, output: [output], attribute: attributes });
      return output;
    },
    number: (value) => store(`number:${value}`, [], type, real(Float64Array.of(value))),
    integers: (values) =>
      store(`integers:${values}`, [values.length], elementType.int64, BigInt64Array.from(values, BigInt)),
    indices(values) {
      const name = tables.get(values) ?? `indices-${tables.size}`;
      tables.set(values, name);
      return store(name, [values.length], elementType.int32, values);
    },
    name: (node) => names.get(node) as string,
  };
  const solely = (node: Node): boolean => users.get(node) === 1;
  const fusions = new Map<Node, Fusion>();
  const needed = new Set<Node>(Object.values(graph.outputs));
  for (const node of [...graph.nodes].reverse()) {
    if (!needed.has(node)) continue;
    const fusion = fuse(node, dtype, solely);
    if (fusion !== undefined) fusions.set(node, fusion);
    for (const operand of fusion?.operands ?? node.operands) needed.add(operand);
  }
  for (const node of graph.nodes) {
    const known = narrow(node);
    const name = known.op === "input" ? known.attributes.name : `n${node.id}`;
    names.set(node, name);
    if (known.op === "input" || !needed.has(node)) continue;
    const fusion = fusions.get(node);
    if (known.op === "constant") store(name, node.shape, type, real(known.attributes.value));
    else if (fusion !== undefined) fusion.emit(e, name);
    else (lowerings[known.op] as Lowering<OpName>)(e, known as never, node.operands.map(e.name), name);
  }
  const output = Object.entries(graph.outputs).map(([name, node]) => {
    e.emit("Identity", [e.name(node)], [], name);
    return valueInfo(name, type, node.shape);
  });
  const isEmbedded = (name: string): boolean => embed && bound[name] !== undefined;
  const free = graph.inputs.filter((node) => !isEmbedded(node.attributes.name));
  for (const { attributes, shape } of graph.inputs)
    if (isEmbedded(attributes.name))
      store(attributes.name, shape, type, real(bound[attributes.name] as Float64Array));
  const input = free.map((node) => valueInfo(node.attributes.name, type, node.shape));
  return encodeModel({
    name: graph.name,
    node: nodes,
    initializer: [...initializers.values()],
    input,
    output,
  });
}

/** What one step of the runtime does, or fewer than the graph has, of the nodes that end in this one. */
function fuse(node: Node, dtype: Dtype, solely: (node: Node) => boolean): Fusion | undefined {
  const own =
    dtype === "float32"
      ? (convolutionWithBias(node, solely) ?? convolution(node) ?? convolutionAdjoint(node))
      : undefined;
  return (
    own ?? affine(node, solely) ?? gatherFromProduct(node, solely) ?? step(node, dtype) ?? stretched(node)
  );
}

/** W·columns + b of a convolutional layer. */
function convolutionWithBias(node: Node, solely: (node: Node) => boolean): Fusion | undefined {
  const [product, bias] = node.operands as [Node, Node];
  const isBias =
    node.op === "add" && bias.shape.length === 2 && bias.shape[0] === node.shape[0] && bias.shape[1] === 1;
  return isBias && solely(product) ? convolution(product, bias) : undefined;
}

/** X·W + b of an affine layer, when nothing else needs X·W: one Gemm does both. */
function affine(node: Node, solely: (node: Node) => boolean): Fusion | undefined {
  const [operand, bias] = node.operands as [Node, Node];
  if (node.op !== "add") return undefined;
  const product = narrow(operand);
  if (
    product.op !== "matmul" ||
    product.operands.some(({ shape }) => shape.length !== 2) ||
    bias.shape.length > 2 ||
    sizeOf(node.shape) !== sizeOf(product.shape) ||
    !solely(operand)
  )
    return undefined;
  const { transposeA, transposeB } = product.attributes;
  const flags = [attribute("transA", Number(transposeA)), attribute("transB", Number(transposeB))];
  const operands = [...product.operands, bias];
  return { operands, emit: (e, output) => void e.emit("Gemm", operands.map(e.name), flags, output) };
}

/** Factors, each a number of its own, that together take the smallest positive number beyond 1. */
const RAISE = { float64: [2 ** 1023, 2 ** 52], float32: [2 ** 127, 2 ** 23] } as const;

/** A look-up whose piece is one comparison, v₁ above the breakpoint and v₀ below: such a piece is never computed. */
function step(node: Node, dtype: Dtype): Fusion | undefined {
  const known = narrow(node);
  if (known.op !== "lookup" || known.attributes.values.length !== 2) return undefined;
  const source = narrow(node.operands[0] as Node);
  if (source.op !== "pieceOf" || source.attributes.breakpoints.length !== 1) return undefined;
  const [below, above] = known.attributes.values as [number, number];
  const [breakpoint] = source.attributes.breakpoints as [number];
  const z = source.operands[0] as Node;
  return {
    operands: [z],
    emit(e, output) {
      if (breakpoint === 0 && 0 < below && below < above && above <= 1) {
        // Raised by powers of two even the smallest z > 0 is beyond 1: what is cut off to [v₀, v₁] is one or the other, in a third less time.
        const raised = RAISE[dtype].reduce(
          (name, factor) => e.emit("Mul", [name, e.number(factor)]),
          e.name(z),
        );
        e.emit("Clip", [raised, e.number(below), e.number(above)], [], output);
        return;
      }
      const isAbove = e.emit("Greater", [e.name(z), e.number(breakpoint)]);
      if (!hasExactRise(below, above)) {
        e.emit("Where", [isAbove, e.number(above), e.number(below)], [], output);
        return;
      }
      // Exact, and twice as fast as Where on two scalars.
      const rise = above - below;
      const one = e.emit("Cast", [isAbove], [attribute("to", e.type)]);
      const scaled = rise === 1 ? one : e.emit("Mul", [one, e.number(rise)]);
      if (below === 0) e.emit("Identity", [scaled], [], output);
      else e.emit("Add", [scaled, e.number(below)], [], output);
    },
  };
}

const BROADCASTING: Partial<Record<OpName, string>> = { add: "Add", sub: "Sub", mul: "Mul", div: "Div" };

/** An operation whose one operand is stretched to the shape of the other: the runtime does that as it goes. */
function stretched(node: Node): Fusion | undefined {
  const operator = BROADCASTING[node.op];
  if (operator === undefined) return undefined;
  const wide = node.operands.findIndex(
    (operand, i) => operand.op === "broadcast" && sameShape(node.operands[1 - i]!.shape, node.shape),
  );
  if (wide < 0) return undefined;
  const operands = node.operands.map((operand, i) => (i === wide ? (operand.operands[0] as Node) : operand));
  return { operands, emit: (e, output) => void e.emit(operator, operands.map(e.name), [], output) };
}
