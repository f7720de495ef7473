/**
 * The rows of a matrix J in factors: with respect to one affine map row s is the outer product of an input, one for each sample, and a signal.
 * K = JJᵀ, Jv and Jᵀu from these. Most signals next to an entry are a single 1, and rows of different units are then orthogonal.
 */
import type { NormalFactor } from "../../model/index.js";

/** What a row's signal is where it is not a single 1, at the unit that it names. */
export const [NONE, DENSE] = [-1, -2];

/** One affine map. Rows belong to m samples. */
export interface Layer {
  readonly factor: NormalFactor;
  /** [m, fanIn] */
  readonly inputs: Float64Array;
  /** [m, m] inner products of inputs, 1 for a bias added; NaN where they are not known yet. */
  readonly products: Float64Array;
  /** Of each row: the unit of its single 1, or `NONE`, `DENSE`. */
  readonly kinds: Int32Array;
  /** [rows, fanOut] of the dense ones. */
  readonly signals: Float64Array;
}

export interface LayerRows {
  readonly gram: Float64Array;
  /** J·v */
  along(v: Float64Array): Float64Array;
  /** (Σ_i (J_si v_i)²)^½ */
  terms(v: Float64Array): Float64Array;
  /** out ← out + Jᵀu */
  add(out: Float64Array, u: Float64Array): void;
}

/**
 * @param rowOf of each row, its sample among the m
 * @param work is told of floating-point operations
 */
export function createLayerRows(
  layers: readonly Layer[],
  rowOf: Int32Array,
  work: (operations: number) => void,
): LayerRows {
  const count = rowOf.length;
  let squared: readonly Layer[] | null = null;
  return {
    gram: gramOf(layers, rowOf, work),
    along: (v) => productsWith(layers, rowOf, v, work),
    terms(v) {
      squared ??= layers.map((layer) => ({
        ...layer,
        inputs: layer.inputs.map((x) => x * x),
        signals: layer.signals.map((x) => x * x),
      }));
      const squares = productsWith(
        squared,
        rowOf,
        v.map((x) => x * x),
        work,
      );
      return squares.map(Math.sqrt);
    },
    add(out, u) {
      for (const layer of layers) addLayer(layer, rowOf, count, out, u, work);
    },
  };
}

function gramOf(
  layers: readonly Layer[],
  rowOf: Int32Array,
  work: (operations: number) => void,
): Float64Array {
  const n = rowOf.length;
  const gram = new Float64Array(n * n);
  let operations = 0;
  for (const { factor, inputs, products, kinds, signals } of layers) {
    const { fanIn, fanOut, bias } = factor;
    const m = Math.sqrt(products.length);
    for (let i = 0; i < n; i++) {
      const a = kinds[i]!;
      if (a === NONE) continue;
      for (let j = 0; j <= i; j++) {
        const b = kinds[j]!;
        if (b === NONE) continue;
        let signal = 0;
        if (a >= 0) signal = b < 0 ? signals[j * fanOut + a]! : a === b ? 1 : 0;
        else if (b >= 0) signal = signals[i * fanOut + b]!;
        else {
          for (let c = 0, p = i * fanOut, q = j * fanOut; c < fanOut; c++)
            signal += signals[p++]! * signals[q++]!;
          operations += 2 * fanOut;
        }
        if (signal === 0) continue;
        const at = rowOf[i]! * m + rowOf[j]!;
        let product = products[at]!;
        if (Number.isNaN(product)) {
          product = bias === null ? 0 : 1;
          for (let c = 0, p = rowOf[i]! * fanIn, q = rowOf[j]! * fanIn; c < fanIn; c++)
            product += inputs[p++]! * inputs[q++]!;
          products[at] = products[rowOf[j]! * m + rowOf[i]!] = product;
          operations += 2 * fanIn;
        }
        gram[i * n + j]! += signal * product;
        operations += 2;
      }
    }
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) gram[j * n + i] = gram[i * n + j]!;
  work(operations);
  return gram;
}

/** J·v. What a sample's inputs make of v is computed once for all its dense rows. */
function productsWith(
  layers: readonly Layer[],
  rowOf: Int32Array,
  v: Float64Array,
  work: (operations: number) => void,
): Float64Array {
  const n = rowOf.length;
  const sums = new Float64Array(n);
  let operations = 0;
  for (const { factor, inputs, products, kinds, signals } of layers) {
    const { weight, bias, fanIn, fanOut } = factor;
    const m = Math.sqrt(products.length);
    const images = new Float64Array(m * fanOut);
    const isKnown = new Uint8Array(m);
    for (let s = 0; s < n; s++) {
      const kind = kinds[s]!;
      if (kind === NONE) continue;
      const row = rowOf[s]!;
      if (kind >= 0) {
        let sum = bias === null ? 0 : v[bias + kind]!;
        for (let c = 0, p = row * fanIn, at = weight! + kind; c < fanIn; c++, at += fanOut)
          sum += inputs[p++]! * v[at]!;
        sums[s]! += sum;
        operations += 2 * fanIn;
        continue;
      }
      const image = row * fanOut;
      if (isKnown[row] === 0) {
        isKnown[row] = 1;
        if (bias !== null) for (let o = 0; o < fanOut; o++) images[image + o] = v[bias + o]!;
        for (let c = 0, at = weight!; c < fanIn; c++) {
          const input = inputs[row * fanIn + c]!;
          for (let o = 0; o < fanOut; o++) images[image + o]! += input * v[at++]!;
        }
        operations += 2 * fanIn * fanOut;
      }
      let sum = 0;
      for (let o = 0, p = s * fanOut; o < fanOut; o++) sum += signals[p++]! * images[image + o]!;
      sums[s]! += sum;
      operations += 2 * fanOut;
    }
  }
  work(operations);
  return sums;
}

/** out ← out + Jᵀu in one affine map: one outer product a sample for all its dense rows. */
function addLayer(
  { factor, inputs, products, kinds, signals }: Layer,
  rowOf: Int32Array,
  n: number,
  out: Float64Array,
  u: Float64Array,
  work: (operations: number) => void,
): void {
  const { weight, bias, fanIn, fanOut } = factor;
  const m = Math.sqrt(products.length);
  const sums = new Float64Array(m * fanOut);
  const isDense = new Uint8Array(m);
  let operations = 0;
  for (let s = 0; s < n; s++) {
    const kind = kinds[s]!;
    const share = u[s]!;
    if (kind === NONE || share === 0) continue;
    const row = rowOf[s]!;
    if (kind >= 0) {
      if (bias !== null) out[bias + kind]! += share;
      for (let c = 0, p = row * fanIn, at = weight! + kind; c < fanIn; c++, at += fanOut)
        out[at]! += share * inputs[p++]!;
      operations += 2 * fanIn;
      continue;
    }
    isDense[row] = 1;
    for (let o = 0, p = s * fanOut, q = row * fanOut; o < fanOut; o++) sums[q++]! += share * signals[p++]!;
    operations += 2 * fanOut;
  }
  for (let row = 0; row < m; row++) {
    if (isDense[row] === 0) continue;
    const from = row * fanOut;
    if (bias !== null) for (let o = 0; o < fanOut; o++) out[bias + o]! += sums[from + o]!;
    for (let c = 0, at = weight!; c < fanIn; c++) {
      const input = inputs[row * fanIn + c]!;
      for (let o = 0; o < fanOut; o++) out[at++]! += input * sums[from + o]!;
    }
    operations += 2 * fanIn * fanOut;
  }
  work(operations);
}
