/** Conjugate gradients for symmetric positive semidefinite systems known by their products (Hestenes & Stiefel 1952). */

export interface ConjugateGradientsOptions {
  /** Stops once ‖b − Ax‖ ≤ tolerance·‖b‖. */
  readonly tolerance: number;
  readonly guess?: Float64Array | undefined;
  /** Default 4n + 20: rounding makes n a hope rather than a bound. */
  readonly maxProducts?: number;
}

export interface LinearSolution {
  readonly x: Float64Array;
  /** ‖b − Ax‖/‖b‖ by the recurrence. */
  readonly residual: number;
  readonly products: number;
}

/** Ax = b for a consistent system; x is the solution nearest to the guess. */
export async function conjugateGradients(
  product: (x: Float64Array) => Promise<Float64Array>,
  b: Float64Array,
  { tolerance, guess, maxProducts = 4 * b.length + 20 }: ConjugateGradientsOptions,
): Promise<LinearSolution> {
  const norm = Math.sqrt(dot(b, b));
  const x = guess === undefined ? new Float64Array(b.length) : guess.slice();
  const r = b.slice();
  let products = 0;
  if (guess?.some((value) => value !== 0)) {
    products++;
    const image = await product(x);
    for (let i = 0; i < r.length; i++) r[i] = (r[i] as number) - (image[i] as number);
  }
  const p = r.slice();
  let rr = dot(r, r);
  while (Math.sqrt(rr) > tolerance * norm && products < maxProducts) {
    products++;
    const image = await product(p);
    const curvature = dot(p, image);
    if (!(curvature > 0)) break;
    const alpha = rr / curvature;
    for (let i = 0; i < x.length; i++) {
      x[i] = (x[i] as number) + alpha * (p[i] as number);
      r[i] = (r[i] as number) - alpha * (image[i] as number);
    }
    const next = dot(r, r);
    const beta = next / rr;
    for (let i = 0; i < p.length; i++) p[i] = (r[i] as number) + beta * (p[i] as number);
    rr = next;
  }
  return { x, residual: norm === 0 ? 0 : Math.sqrt(rr) / norm, products };
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}
