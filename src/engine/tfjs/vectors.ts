/** Vectors that stay tensors, and the algebra of solvers over them. Every change makes a new tensor and frees the old one. */
import type { ResidentVector } from "../engine.js";
import { type Tensor, type Tf, upload } from "./lower.js";

/** Length of the partial sums of a long vector: with float32 a plain sum of a million terms is worth four digits. */
const PARTIAL = 512;

/** A mutable vector: a name for the tensor that holds it now. */
export class TensorVector implements ResidentVector {
  readonly size: number;
  tensor: Tensor;
  readonly #tf: Tf;

  constructor(tf: Tf, size: number) {
    this.size = size;
    this.tensor = tf.zeros([size]);
    this.#tf = tf;
  }

  read(): Float64Array {
    return Float64Array.from(this.tensor.dataSync());
  }

  write(values: Float64Array): void {
    this.replace(upload(this.#tf, values, [this.size]));
  }

  /** Takes `tensor` over and frees the one before. */
  replace(tensor: Tensor): void {
    this.tensor.dispose();
    this.tensor = tensor;
  }
}

/** Σ c_i v_i as a new tensor; null where all coefficients are zero. */
export function combineTensors(
  tf: Tf,
  coefficients: readonly number[],
  vectors: readonly TensorVector[],
): Tensor | null {
  let sum: Tensor | null = null;
  vectors.forEach(({ tensor }, i) => {
    const factor = coefficients[i]!;
    if (factor === 0) return;
    const term = factor === 1 ? tensor : tf.mul(tensor, factor);
    sum = sum === null ? term : tf.add(sum, term);
  });
  return sum;
}

/** sqrt(mean (e/(atol + rtol·max(|before|, |after|)))²), read back. */
export function errorNormOf(
  tf: Tf,
  error: Tensor,
  before: Tensor,
  after: Tensor,
  rtol: number,
  atol: number,
): number {
  const square = tf.tidy(() => {
    const scale = tf.add(tf.mul(tf.maximum(tf.abs(before), tf.abs(after)), rtol), atol);
    return sumOf(tf, tf.square(tf.div(error, scale)));
  });
  return Math.sqrt(readScalar(square) / error.size);
}

export function dotOf(tf: Tf, a: Tensor, b: Tensor): number {
  return readScalar(tf.tidy(() => sumOf(tf, tf.mul(a, b))));
}

/** 0·x is 0 for finite x and NaN otherwise, so one sum answers for all components. */
export function isFiniteTensor(tf: Tf, v: Tensor): boolean {
  return readScalar(tf.tidy(() => tf.sum(tf.mul(v, 0)))) === 0;
}

/** Σ v_i by partial sums. */
function sumOf(tf: Tf, v: Tensor): Tensor {
  if (v.size <= PARTIAL) return tf.sum(v);
  const rows = Math.ceil(v.size / PARTIAL);
  const short = rows * PARTIAL - v.size;
  const padded = short === 0 ? v : tf.pad(v, [[0, short]]);
  return tf.sum(tf.sum(tf.reshape(padded, [rows, PARTIAL]), 1));
}

/** Reads a scalar and frees it. */
export function readScalar(tensor: Tensor): number {
  const [value] = tensor.dataSync();
  tensor.dispose();
  return value as number;
}
