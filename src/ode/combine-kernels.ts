/**
 * out ← Σ c_i v_i for 1 to 8 vectors: one pass over memory, coefficients and vectors in locals. Written out and unrolled
 * because V8 neither unrolls nor vectorises: this halves the time of the short sums and takes a tenth off the long ones.
 */

/** Vectors the widest kernel reads in one pass. */
export const KERNEL_WIDTH = 8;

/** out ← Σ_{i<m} c_i v_i; `out` may be one of the vectors, for every element is read before it is written. */
export type CombineKernel = (out: Float64Array, c: Float64Array, v: readonly Float64Array[]) => void;

/** `combineKernels[m]` sums m vectors; there is none for 0. */
export const combineKernels: readonly (CombineKernel | null)[] = [
  null,
  (out, c, v) => {
    const [c0] = [c[0]!];
    const [v0] = [v[0]!];
    const n = out.length;
    const whole = n - (n % 4);
    for (let i = 0; i < whole; i += 4) {
      const r0 = c0 * v0[i]!;
      const r1 = c0 * v0[i + 1]!;
      const r2 = c0 * v0[i + 2]!;
      const r3 = c0 * v0[i + 3]!;
      out[i] = r0;
      out[i + 1] = r1;
      out[i + 2] = r2;
      out[i + 3] = r3;
    }
    for (let i = whole; i < n; i++) out[i] = c0 * v0[i]!;
  },
  (out, c, v) => {
    const [c0, c1] = [c[0]!, c[1]!];
    const [v0, v1] = [v[0]!, v[1]!];
    const n = out.length;
    const whole = n - (n % 4);
    for (let i = 0; i < whole; i += 4) {
      const r0 = c0 * v0[i]! + c1 * v1[i]!;
      const r1 = c0 * v0[i + 1]! + c1 * v1[i + 1]!;
      const r2 = c0 * v0[i + 2]! + c1 * v1[i + 2]!;
      const r3 = c0 * v0[i + 3]! + c1 * v1[i + 3]!;
      out[i] = r0;
      out[i + 1] = r1;
      out[i + 2] = r2;
      out[i + 3] = r3;
    }
    for (let i = whole; i < n; i++) out[i] = c0 * v0[i]! + c1 * v1[i]!;
  },
  (out, c, v) => {
    const [c0, c1, c2] = [c[0]!, c[1]!, c[2]!];
    const [v0, v1, v2] = [v[0]!, v[1]!, v[2]!];
    const n = out.length;
    const whole = n - (n % 4);
    for (let i = 0; i < whole; i += 4) {
      const r0 = c0 * v0[i]! + c1 * v1[i]! + c2 * v2[i]!;
      const r1 = c0 * v0[i + 1]! + c1 * v1[i + 1]! + c2 * v2[i + 1]!;
      const r2 = c0 * v0[i + 2]! + c1 * v1[i + 2]! + c2 * v2[i + 2]!;
      const r3 = c0 * v0[i + 3]! + c1 * v1[i + 3]! + c2 * v2[i + 3]!;
      out[i] = r0;
      out[i + 1] = r1;
      out[i + 2] = r2;
      out[i + 3] = r3;
    }
    for (let i = whole; i < n; i++) out[i] = c0 * v0[i]! + c1 * v1[i]! + c2 * v2[i]!;
  },
  (out, c, v) => {
    const [c0, c1, c2, c3] = [c[0]!, c[1]!, c[2]!, c[3]!];
    const [v0, v1, v2, v3] = [v[0]!, v[1]!, v[2]!, v[3]!];
    const n = out.length;
    const whole = n - (n % 4);
    for (let i = 0; i < whole; i += 4) {
      const r0 = c0 * v0[i]! + c1 * v1[i]! + c2 * v2[i]! + c3 * v3[i]!;
      const r1 = c0 * v0[i + 1]! + c1 * v1[i + 1]! + c2 * v2[i + 1]! + c3 * v3[i + 1]!;
      const r2 = c0 * v0[i + 2]! + c1 * v1[i + 2]! + c2 * v2[i + 2]! + c3 * v3[i + 2]!;
      const r3 = c0 * v0[i + 3]! + c1 * v1[i + 3]! + c2 * v2[i + 3]! + c3 * v3[i + 3]!;
      out[i] = r0;
      out[i + 1] = r1;
      out[i + 2] = r2;
      out[i + 3] = r3;
    }
    for (let i = whole; i < n; i++) out[i] = c0 * v0[i]! + c1 * v1[i]! + c2 * v2[i]! + c3 * v3[i]!;
  },
  (out, c, v) => {
    const [c0, c1, c2, c3, c4] = [c[0]!, c[1]!, c[2]!, c[3]!, c[4]!];
    const [v0, v1, v2, v3, v4] = [v[0]!, v[1]!, v[2]!, v[3]!, v[4]!];
    const n = out.length;
    const whole = n - (n % 2);
    for (let i = 0; i < whole; i += 2) {
      const r0 = c0 * v0[i]! + c1 * v1[i]! + c2 * v2[i]! + c3 * v3[i]! + c4 * v4[i]!;
      const r1 = c0 * v0[i + 1]! + c1 * v1[i + 1]! + c2 * v2[i + 1]! + c3 * v3[i + 1]! + c4 * v4[i + 1]!;
      out[i] = r0;
      out[i + 1] = r1;
    }
    for (let i = whole; i < n; i++)
      out[i] = c0 * v0[i]! + c1 * v1[i]! + c2 * v2[i]! + c3 * v3[i]! + c4 * v4[i]!;
  },
  (out, c, v) => {
    const [c0, c1, c2, c3, c4, c5] = [c[0]!, c[1]!, c[2]!, c[3]!, c[4]!, c[5]!];
    const [v0, v1, v2, v3, v4, v5] = [v[0]!, v[1]!, v[2]!, v[3]!, v[4]!, v[5]!];
    const n = out.length;
    const whole = n - (n % 2);
    for (let i = 0; i < whole; i += 2) {
      const r0 = c0 * v0[i]! + c1 * v1[i]! + c2 * v2[i]! + c3 * v3[i]! + c4 * v4[i]! + c5 * v5[i]!;
      const r1 =
        c0 * v0[i + 1]! +
        c1 * v1[i + 1]! +
        c2 * v2[i + 1]! +
        c3 * v3[i + 1]! +
        c4 * v4[i + 1]! +
        c5 * v5[i + 1]!;
      out[i] = r0;
      out[i + 1] = r1;
    }
    for (let i = whole; i < n; i++)
      out[i] = c0 * v0[i]! + c1 * v1[i]! + c2 * v2[i]! + c3 * v3[i]! + c4 * v4[i]! + c5 * v5[i]!;
  },
  (out, c, v) => {
    const [c0, c1, c2, c3, c4, c5, c6] = [c[0]!, c[1]!, c[2]!, c[3]!, c[4]!, c[5]!, c[6]!];
    const [v0, v1, v2, v3, v4, v5, v6] = [v[0]!, v[1]!, v[2]!, v[3]!, v[4]!, v[5]!, v[6]!];
    const n = out.length;
    const whole = n - (n % 2);
    for (let i = 0; i < whole; i += 2) {
      const r0 =
        c0 * v0[i]! + c1 * v1[i]! + c2 * v2[i]! + c3 * v3[i]! + c4 * v4[i]! + c5 * v5[i]! + c6 * v6[i]!;
      const r1 =
        c0 * v0[i + 1]! +
        c1 * v1[i + 1]! +
        c2 * v2[i + 1]! +
        c3 * v3[i + 1]! +
        c4 * v4[i + 1]! +
        c5 * v5[i + 1]! +
        c6 * v6[i + 1]!;
      out[i] = r0;
      out[i + 1] = r1;
    }
    for (let i = whole; i < n; i++)
      out[i] =
        c0 * v0[i]! + c1 * v1[i]! + c2 * v2[i]! + c3 * v3[i]! + c4 * v4[i]! + c5 * v5[i]! + c6 * v6[i]!;
  },
  (out, c, v) => {
    const [c0, c1, c2, c3, c4, c5, c6, c7] = [c[0]!, c[1]!, c[2]!, c[3]!, c[4]!, c[5]!, c[6]!, c[7]!];
    const [v0, v1, v2, v3, v4, v5, v6, v7] = [v[0]!, v[1]!, v[2]!, v[3]!, v[4]!, v[5]!, v[6]!, v[7]!];
    const n = out.length;
    const whole = n - (n % 2);
    for (let i = 0; i < whole; i += 2) {
      const r0 =
        c0 * v0[i]! +
        c1 * v1[i]! +
        c2 * v2[i]! +
        c3 * v3[i]! +
        c4 * v4[i]! +
        c5 * v5[i]! +
        c6 * v6[i]! +
        c7 * v7[i]!;
      const r1 =
        c0 * v0[i + 1]! +
        c1 * v1[i + 1]! +
        c2 * v2[i + 1]! +
        c3 * v3[i + 1]! +
        c4 * v4[i + 1]! +
        c5 * v5[i + 1]! +
        c6 * v6[i + 1]! +
        c7 * v7[i + 1]!;
      out[i] = r0;
      out[i + 1] = r1;
    }
    for (let i = whole; i < n; i++)
      out[i] =
        c0 * v0[i]! +
        c1 * v1[i]! +
        c2 * v2[i]! +
        c3 * v3[i]! +
        c4 * v4[i]! +
        c5 * v5[i]! +
        c6 * v6[i]! +
        c7 * v7[i]!;
  },
];
