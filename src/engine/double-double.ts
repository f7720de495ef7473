/**
 * An interpreter in double-double arithmetic: numbers are unevaluated sums of two float64, good to 2⁻¹⁰² of their size (Dekker 1971; Hida, Li
 * & Bailey 2001). What float64 engines compute is held against it; it is forty times slower than the reference engine.
 */
import { type AnyNode, type Graph, type Node, narrow, type OpName, sizeOf } from "../graph/index.js";
import { checkInput, type Tensors } from "./engine.js";
import { broadcastIndex, matmulLayout, moves } from "./reference.js";

/** Twice the error of one operation relative to its result, elementary functions counted as some; see autodiff/rounding.ts. */
export const DOUBLE_DOUBLE_ROUNDOFF = 2 ** -101;

/** high + low, |low| ≤ ulp(high)/2 */
interface Pair {
  readonly high: Float64Array;
  readonly low: Float64Array;
}

const SPLITTER = 2 ** 27 + 1;

// Results of the scalar routines below: two numbers come back without an allocation.
let high = 0;
let low = 0;

/** high + low = a + b where |a| ≥ |b|. */
function renormalise(a: number, b: number): void {
  high = a + b;
  low = Number.isFinite(high) ? b - (high - a) : 0;
}

function add(ah: number, al: number, bh: number, bl: number): void {
  const s = ah + bh;
  if (!Number.isFinite(s)) {
    high = s;
    low = 0;
    return;
  }
  const v = s - ah;
  const e = ah - (s - v) + (bh - v);
  const t = al + bl;
  const w = t - al;
  const f = al - (t - w) + (bl - w);
  renormalise(s, e + t);
  renormalise(high, low + f);
}

/** Error of the float64 product p = ab. */
function productError(a: number, b: number, p: number): number {
  const ca = SPLITTER * a;
  const a1 = ca - (ca - a);
  const a2 = a - a1;
  const cb = SPLITTER * b;
  const b1 = cb - (cb - b);
  const b2 = b - b1;
  return a1 * b1 - p + a1 * b2 + a2 * b1 + a2 * b2;
}

function multiply(ah: number, al: number, bh: number, bl: number): void {
  const p = ah * bh;
  if (p === 0 || !Number.isFinite(p)) {
    high = p;
    low = 0;
    return;
  }
  renormalise(p, productError(ah, bh, p) + (ah * bl + al * bh));
}

function divide(ah: number, al: number, bh: number, bl: number): void {
  const q1 = ah / bh;
  if (q1 === 0 || !Number.isFinite(q1) || !Number.isFinite(bh)) {
    high = q1;
    low = 0;
    return;
  }
  multiply(bh, bl, q1, 0);
  add(ah, al, -high, -low);
  const [rh, rl] = [high, low];
  const q2 = rh / bh;
  multiply(bh, bl, q2, 0);
  add(rh, rl, -high, -low);
  const q3 = high / bh;
  renormalise(q1, q2);
  add(high, low, q3, 0);
}

function squareRoot(ah: number, al: number): void {
  const root = Math.sqrt(ah);
  if (!(root > 0) || !Number.isFinite(root)) {
    high = root;
    low = 0;
    return;
  }
  // One Newton step from float64, √a ≈ s + (a − s²)/(2s).
  multiply(root, 0, root, 0);
  add(ah, al, -high, -low);
  renormalise(root, high / (2 * root));
}

/** Sums of parts of 40 bits, so that the products of the first two with integers up to 2¹³ are exact; good to 2⁻¹⁴⁰. */
const LN2 = [0.6931471805601177, -1.7239444525610826e-13, -4.00865610552017e-26] as const;
const HALF_PI = [1.5707963267941523, 7.443547480488527e-13, -1.9034889620193266e-25] as const;

/** x − k·(sum of the parts) */
function reduce(xh: number, xl: number, k: number, parts: readonly [number, number, number]): void {
  add(xh, xl, -k * parts[0], 0);
  add(high, low, -k * parts[1], 0);
  add(high, low, -k * parts[2], 0);
}

/** 1/k! as pairs. */
const INVERSE_FACTORIALS = (() => {
  const table: (readonly [number, number])[] = [[1, 0]];
  for (let k = 1; k <= 30; k++) {
    const [h, l] = table[k - 1] as readonly [number, number];
    divide(h, l, k, 0);
    table.push([high, low]);
  }
  return table;
})();

/** Halvings before the series of e^x − 1. */
const HALVINGS = 5;
const TERMS = 14;

/** e^x − 1 for |x| < 0.4, good relative to itself. */
function smallExpm1(xh: number, xl: number): void {
  const [rh, rl] = [xh / 2 ** HALVINGS, xl / 2 ** HALVINGS];
  let [sh, sl] = [0, 0];
  for (let k = TERMS; k >= 1; k--) {
    const [fh, fl] = INVERSE_FACTORIALS[k] as readonly [number, number];
    add(sh, sl, fh, fl);
    multiply(high, low, rh, rl);
    [sh, sl] = [high, low];
  }
  // (1 + s)² − 1 = 2s + s²
  for (let k = 0; k < HALVINGS; k++) {
    multiply(sh, sl, sh, sl);
    add(2 * sh, 2 * sl, high, low);
    [sh, sl] = [high, low];
  }
}

function exponential(xh: number, xl: number): void {
  if (!(xh > -745) || !(xh < 709)) {
    high = Math.exp(xh);
    low = 0;
    return;
  }
  const k = Math.round(xh / LN2[0]);
  reduce(xh, xl, k, LN2);
  smallExpm1(high, low);
  add(high, low, 1, 0);
  // In two factors: 2^−1074 is a number, 2^1074 is none.
  const [first, second] = [2 ** Math.trunc(k / 2), 2 ** (k - Math.trunc(k / 2))];
  high = high * first * second;
  low = low * first * second;
}

/** e^x − 1 */
function expm1(xh: number, xl: number): void {
  if (Math.abs(xh) < 0.3) smallExpm1(xh, xl);
  else {
    exponential(xh, xl);
    add(high, low, -1, 0);
  }
}

/** ln(1 + x) by two Newton steps from float64, y − (e^y − 1 − x)/e^y. */
function logarithm1p(xh: number, xl: number): void {
  let [yh, yl] = [Math.log1p(xh), 0];
  if (!Number.isFinite(yh) || yh === 0) {
    high = yh;
    low = yh === 0 ? xl : 0;
    return;
  }
  for (let step = 0; step < 2; step++) {
    expm1(yh, yl);
    const [eh, el] = [high, low];
    add(xh, xl, -eh, -el);
    const [dh, dl] = [high, low];
    add(eh, el, 1, 0);
    divide(dh, dl, high, low);
    add(yh, yl, high, low);
    [yh, yl] = [high, low];
  }
}

/** ln(2^k m) = k·ln 2 + ln(1 + (m − 1)) */
function logarithm(xh: number, xl: number): void {
  const k = Math.round(Math.log2(xh));
  if (!Number.isFinite(k)) {
    high = Math.log(xh);
    low = 0;
    return;
  }
  const [first, second] = [2 ** -Math.trunc(k / 2), 2 ** (Math.trunc(k / 2) - k)];
  add(xh * first * second, xl * first * second, -1, 0);
  logarithm1p(high, low);
  reduce(high, low, -k, LN2);
}

/** e^{−2|x|} − 1 */
const decayed = (xh: number, xl: number): void => (xh < 0 ? expm1(2 * xh, 2 * xl) : expm1(-2 * xh, -2 * xl));

/** −m/(2 + m) with m = e^{−2|x|} − 1 */
function hyperbolicTangent(xh: number, xl: number): void {
  decayed(xh, xl);
  const [mh, ml] = [high, low];
  add(mh, ml, 2, 0);
  const sign = xh < 0 ? 1 : -1;
  divide(sign * mh, sign * ml, high, low);
}

/** 4e/(1 + e)² with e = e^{−2|x|} */
function squaredSecant(xh: number, xl: number): void {
  if (xh < 0) exponential(2 * xh, 2 * xl);
  else exponential(-2 * xh, -2 * xl);
  const [eh, el] = [high, low];
  add(eh, el, 1, 0);
  multiply(high, low, high, low);
  divide(4 * eh, 4 * el, high, low);
}

/** 2/√π */
const ERF_SLOPE = [1.1283791670955126, 1.533545961316588e-17] as const;

/** 2/√π·e^{−x²} Σ x(2x²)^k/(1·3·5⋯(2k + 1)): all terms of one sign, so that nothing cancels. From 9 on it is 1 to 1e-36. */
function errorFunction(xh: number, xl: number): void {
  if (!(Math.abs(xh) < 9)) {
    high = Math.sign(xh);
    low = 0;
    return;
  }
  multiply(xh, xl, xh, xl);
  const [sh, sl] = [high, low];
  let [th, tl] = [xh, xl];
  let [uh, ul] = [xh, xl];
  for (let k = 1; Math.abs(th) > 1e-34 * Math.abs(uh); k++) {
    multiply(th, tl, 2 * sh, 2 * sl);
    divide(high, low, 2 * k + 1, 0);
    [th, tl] = [high, low];
    add(uh, ul, th, tl);
    [uh, ul] = [high, low];
  }
  exponential(-sh, -sl);
  multiply(high, low, uh, ul);
  multiply(high, low, ...ERF_SLOPE);
}

function logistic(xh: number, xl: number): void {
  const sign = xh < 0 ? 1 : -1;
  exponential(sign * xh, sign * xl);
  const [eh, el] = [high, low];
  add(eh, el, 1, 0);
  if (xh < 0) divide(eh, el, high, low);
  else divide(1, 0, high, low);
}

/** Beyond it the argument is not reduced exactly any more. */
const LARGEST_ANGLE = 2 ** 13;

/** sin(x + quarter·π/2); no number for large |x|. */
function sine(xh: number, xl: number, quarter: number): void {
  if (!(Math.abs(xh) <= LARGEST_ANGLE)) {
    high = Number.NaN;
    low = 0;
    return;
  }
  const k = Math.round(xh / HALF_PI[0]);
  reduce(xh, xl, k, HALF_PI);
  const [rh, rl] = [high, low];
  multiply(rh, rl, rh, rl);
  const [qh, ql] = [-high, -low];
  const turns = (((k + quarter) % 4) + 4) % 4;
  // Series of the sine, or of the cosine, in −r².
  const isSine = turns % 2 === 0;
  let [sh, sl] = [0, 0];
  for (let n = isSine ? 27 : 28; n >= 0; n -= 2) {
    multiply(sh, sl, qh, ql);
    const [fh, fl] = INVERSE_FACTORIALS[n] as readonly [number, number];
    add(high, low, fh, fl);
    [sh, sl] = [high, low];
  }
  if (isSine) multiply(sh, sl, rh, rl);
  if (turns >= 2) {
    high = -high;
    low = -low;
  }
}

type Kernel<K extends OpName> = (
  node: Extract<AnyNode, { op: K }>,
  operands: readonly Pair[],
  out: Pair,
) => void;

const unary =
  <K extends OpName>(f: (xh: number, xl: number) => void): Kernel<K> =>
  (_, [x], out) => {
    for (let i = 0; i < out.high.length; i++) {
      f(x!.high[i] as number, x!.low[i] as number);
      out.high[i] = high;
      out.low[i] = low;
    }
  };

const binary =
  <K extends OpName>(f: (xh: number, xl: number, yh: number, yl: number) => void): Kernel<K> =>
  (node, [x, y], out) => {
    const [a, b] = node.operands as unknown as [Node, Node];
    const p = broadcastIndex(a.shape, node.shape);
    const q = broadcastIndex(b.shape, node.shape);
    for (let i = 0; i < out.high.length; i++) {
      const [j, k] = [p[i] as number, q[i] as number];
      f(x!.high[j] as number, x!.low[j] as number, y!.high[k] as number, y!.low[k] as number);
      out.high[i] = high;
      out.low[i] = low;
    }
  };

/** What only moves entries moves both halves alike. */
const moved =
  <K extends keyof typeof moves>(op: K): Kernel<K> =>
  (node, operands, out) => {
    const move = moves[op] as (node: AnyNode, operands: readonly Float64Array[], out: Float64Array) => void;
    for (const half of ["high", "low"] as const)
      move(
        node as AnyNode,
        operands.map((operand) => operand[half]),
        out[half],
      );
  };

const isAbove = (ah: number, al: number, bh: number, bl: number): boolean =>
  ah > bh || (ah === bh && al > bl);

const kernels: { readonly [K in OpName]: Kernel<K> } = {
  input: () => {},
  constant: () => {},
  add: binary(add),
  sub: binary((xh, xl, yh, yl) => add(xh, xl, -yh, -yl)),
  mul: binary(multiply),
  div: binary(divide),
  neg: unary((xh, xl) => {
    high = -xh;
    low = -xl;
  }),
  exp: unary(exponential),
  log: unary(logarithm),
  log1p: unary(logarithm1p),
  sqrt: unary(squareRoot),
  sin: unary((xh, xl) => sine(xh, xl, 0)),
  cos: unary((xh, xl) => sine(xh, xl, 1)),
  tanh: unary(hyperbolicTangent),
  sigmoid: unary(logistic),
  sech2: unary(squaredSecant),
  erf: unary(errorFunction),
  matmul: (node, [x, y], out) => {
    const { m, n, inner, count, startA, startB, rowA, colA, rowB, colB } = matmulLayout(node);
    for (let s = 0; s < count; s++)
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) {
          let [sum, rest] = [0, 0];
          let a = startA(s) + i * rowA;
          let b = startB(s) + j * colB;
          for (let k = 0; k < inner; k++, a += colA, b += rowB) {
            const [ah, bh] = [x!.high[a] as number, y!.high[b] as number];
            const p = ah * bh;
            const e = productError(ah, bh, p) + (ah * (y!.low[b] as number) + (x!.low[a] as number) * bh);
            const t = sum + p;
            const v = t - sum;
            // Renormalised at every term, so that errors grow with their number and not with its square.
            const low = sum - (t - v) + (p - v) + e + rest;
            sum = t + low;
            rest = low - (sum - t);
          }
          const at = (s * m + i) * n + j;
          out.high[at] = sum;
          out.low[at] = rest;
        }
  },
  transpose: moved("transpose"),
  reshape: moved("reshape"),
  broadcast: moved("broadcast"),
  sum: (node, [x], out) => {
    const index = broadcastIndex(node.shape, node.operands[0]!.shape);
    out.high.fill(0);
    out.low.fill(0);
    for (let i = 0; i < x!.high.length; i++) {
      const k = index[i] as number;
      add(out.high[k] as number, out.low[k] as number, x!.high[i] as number, x!.low[i] as number);
      out.high[k] = high;
      out.low[k] = low;
    }
  },
  slice: moved("slice"),
  pad: moved("pad"),
  concat: moved("concat"),
  gather: moved("gather"),
  max: (node, [x], out) => {
    const index = broadcastIndex(node.shape, node.operands[0]!.shape);
    out.high.fill(Number.NEGATIVE_INFINITY);
    out.low.fill(0);
    for (let i = 0; i < x!.high.length; i++) {
      const k = index[i] as number;
      const [xh, xl] = [x!.high[i] as number, x!.low[i] as number];
      if (!isAbove(xh, xl, out.high[k] as number, out.low[k] as number)) continue;
      out.high[k] = xh;
      out.low[k] = xl;
    }
  },
  pieceOf: (node, [z], out) => {
    const { breakpoints } = node.attributes;
    out.low.fill(0);
    for (let i = 0; i < out.high.length; i++)
      out.high[i] = breakpoints.filter((b) =>
        isAbove(z!.high[i] as number, z!.low[i] as number, b, 0),
      ).length;
  },
  lookup: (node, [m], out) => {
    const { values } = node.attributes;
    for (let i = 0; i < out.high.length; i++) {
      const [mh, ml] = [m!.high[i] as number, m!.low[i] as number];
      const index = Math.min(Math.max(mh, 0), values.length - 1);
      const k = Math.min(Math.floor(index), Math.max(values.length - 2, 0));
      const value = values[k] as number;
      add(index, index === mh ? ml : 0, -k, 0);
      const [fh, fl] = [high, low];
      add(values[k + 1] ?? value, 0, -value, 0);
      multiply(fh, fl, high, low);
      add(high, low, value, 0);
      out.high[i] = high;
      out.low[i] = low;
    }
  },
};

/** The outputs of a graph, its inputs taken for exact. @returns each as two arrays whose sum it is */
export function evaluateInDoubleDouble(graph: Graph, inputs: Tensors): Readonly<Record<string, Pair>> {
  const values = new Map<Node, Pair>();
  const exact = (value: Float64Array): Pair => ({ high: value, low: new Float64Array(value.length) });
  for (const node of graph.nodes) {
    const known = narrow(node);
    const size = sizeOf(node.shape);
    if (known.op === "input") {
      const { name } = known.attributes;
      values.set(node, exact(checkInput(graph, name, size, inputs[name])));
      continue;
    }
    if (known.op === "constant") {
      values.set(node, exact(known.attributes.value));
      continue;
    }
    const out: Pair = { high: new Float64Array(size), low: new Float64Array(size) };
    const operands = node.operands.map((operand) => values.get(operand) as Pair);
    (kernels[node.op] as Kernel<OpName>)(known as never, operands, out);
    values.set(node, out);
  }
  return Object.fromEntries(
    Object.entries(graph.outputs).map(([name, node]) => [name, values.get(node) as Pair]),
  );
}
