/** Vectors as float64 arrays, or stretches of them: products, sums, lengths. */

/** Σ a_i·b_i, over whole arrays or stretches of them. */
export function dot(
  a: Float64Array,
  b: Float64Array,
  startA = 0,
  startB = 0,
  length = a.length - startA,
): number {
  // Four partial sums: as fast as the loop can be, and better rounded than one.
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += (a[startA + i] as number) * (b[startB + i] as number);
    s1 += (a[startA + i + 1] as number) * (b[startB + i + 1] as number);
    s2 += (a[startA + i + 2] as number) * (b[startB + i + 2] as number);
    s3 += (a[startA + i + 3] as number) * (b[startB + i + 3] as number);
  }
  for (; i < length; i++) s0 += (a[startA + i] as number) * (b[startB + i] as number);
  return s0 + s1 + (s2 + s3);
}

export function squaredNorm(v: Float64Array): number {
  return dot(v, v);
}

/** a ← a + factor·b, over whole arrays or stretches of them. */
export function addScaled(
  a: Float64Array,
  b: Float64Array,
  factor: number,
  startA = 0,
  startB = 0,
  length = a.length - startA,
): void {
  if (factor === 0) return;
  for (let i = 0; i < length; i++)
    a[startA + i] = (a[startA + i] as number) + factor * (b[startB + i] as number);
}

/** Scales v to length 1; returns its length before. What is zero or not finite stays as it is. */
export function normalise(v: Float64Array): number {
  let scale = 0;
  for (let i = 0; i < v.length; i++) scale = Math.max(scale, Math.abs(v[i] as number)); // NaN stays
  if (scale === 0 || !Number.isFinite(scale)) return scale;
  let sum = 0;
  for (let i = 0; i < v.length; i++) sum += ((v[i] as number) / scale) ** 2;
  const length = scale * Math.sqrt(sum);
  for (let i = 0; i < v.length; i++) v[i] = (v[i] as number) / length;
  return length;
}
