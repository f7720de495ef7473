/**
 * The only operations a solver performs on a state. A state may live in a typed array, on a device, or be split over
 * several tensors; the solvers never look inside. `float64Space` is the plain one, with fused single-pass kernels.
 */

import { ConfigError } from "../errors.js";
import { dot } from "../linalg/vectors.js";
import { combineKernels, KERNEL_WIDTH as WIDTH } from "./combine-kernels.js";

/** A real vector space of fixed dimension whose elements are mutable buffers of type V. */
export interface VectorSpace<V> {
  readonly dimension: number;
  /** Distance from 1 to the next number its components can hold; that of float64 if left out. */
  readonly epsilon?: number;
  /** A new zero vector. */
  create(): V;
  copy(from: V, to: V): void;
  /** out ← Σ c_i v_i. Vectors with a zero coefficient are not read. `out` may be one of the vectors. */
  combine(out: V, coefficients: readonly number[], vectors: readonly V[]): void;
  /** sqrt(mean_i (e_i / (atol + rtol·max(|before_i|, |after_i|)))²): 1 means "as large as asked for". */
  errorNorm(error: V, before: V, after: V, rtol: number, atol: number): number;
  dot(a: V, b: V): number;
  /** Whether every component is finite. */
  isFinite(v: V): boolean;
}

/** R^dimension as `Float64Array`s. `combine` reads every vector once and allocates nothing. */
export function float64Space(dimension: number): VectorSpace<Float64Array> {
  if (!Number.isInteger(dimension) || dimension < 1) {
    throw new ConfigError(`float64Space: dimension must be a positive integer, got ${dimension}.`);
  }
  const c = new Float64Array(WIDTH);
  const v: Float64Array[] = [];

  return {
    dimension,
    create: () => new Float64Array(dimension),
    copy: (from, to) => to.set(from),
    combine(out, coefficients, vectors) {
      // `out` goes first if it takes part, so that the first pass reads it before writing to it.
      let own = 0;
      for (let i = 0; i < vectors.length; i++) {
        if (vectors[i] === out) own += coefficients[i]!;
      }
      let width = 0;
      if (own !== 0) {
        v[0] = out;
        c[0] = own;
        width = 1;
      }
      for (let i = 0; i < vectors.length; i++) {
        const vector = vectors[i]!;
        const factor = coefficients[i]!;
        if (factor === 0 || vector === out) continue;
        if (width === WIDTH) {
          combineKernels[WIDTH]!(out, c, v);
          v[0] = out;
          c[0] = 1;
          width = 1;
        }
        v[width] = vector;
        c[width] = factor;
        width++;
      }
      if (width === 0) out.fill(0);
      else combineKernels[width]!(out, c, v);
    },
    errorNorm(error, before, after, rtol, atol) {
      let even = 0;
      let odd = 0;
      const n = dimension;
      const paired = n - (n % 2);
      for (let i = 0; i < paired; i += 2) {
        const p = error[i]! / (atol + rtol * Math.max(Math.abs(before[i]!), Math.abs(after[i]!)));
        const q = error[i + 1]! / (atol + rtol * Math.max(Math.abs(before[i + 1]!), Math.abs(after[i + 1]!)));
        even += p * p;
        odd += q * q;
      }
      if (paired < n) {
        const p =
          error[paired]! / (atol + rtol * Math.max(Math.abs(before[paired]!), Math.abs(after[paired]!)));
        even += p * p;
      }
      return Math.sqrt((even + odd) / n);
    },
    dot: (a, b) => dot(a, b),
    isFinite(vector) {
      // 0·x is 0 for finite x and NaN otherwise, so one sum without branches answers for all components.
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      const n = dimension;
      const whole = n - (n % 4);
      for (let i = 0; i < whole; i += 4) {
        s0 += vector[i]! * 0;
        s1 += vector[i + 1]! * 0;
        s2 += vector[i + 2]! * 0;
        s3 += vector[i + 3]! * 0;
      }
      for (let i = whole; i < n; i++) s0 += vector[i]! * 0;
      return s0 + s1 + s2 + s3 === 0;
    },
  };
}
