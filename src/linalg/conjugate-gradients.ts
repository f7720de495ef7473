/** Conjugate gradients for symmetric positive semidefinite systems known by their products (Hestenes & Stiefel 1952). */
import { addScaled, dot, squaredNorm } from "./vectors.js";

export interface ConjugateGradientsOptions {
  /** Stops once ‖b − Ax‖ ≤ tolerance·‖b‖. */
  readonly tolerance: number;
  readonly guess?: Float64Array | undefined;
  /** Default 4n + 20: rounding makes n a hope rather than a bound. */
  readonly maxProducts?: number;
  /** pᵀAp of the last product, where that is known better than from p and Ap. */
  readonly curvature?: () => number;
  /** Checked before each product. */
  readonly signal?: AbortSignal | undefined;
}

export interface LinearSolution {
  readonly x: Float64Array;
  /** ‖b − Ax‖/‖b‖ by the recurrence. */
  readonly residual: number;
  readonly products: number;
}

/** Ax = b for a consistent system; x is the solution nearest to the guess. What `product` returns need not live on. */
export async function conjugateGradients(
  product: (x: Float64Array) => Promise<Float64Array>,
  b: Float64Array,
  { tolerance, guess, maxProducts = 4 * b.length + 20, ...options }: ConjugateGradientsOptions,
): Promise<LinearSolution> {
  const norm = Math.sqrt(squaredNorm(b));
  const x = guess === undefined ? new Float64Array(b.length) : guess.slice();
  const r = b.slice();
  let products = 0;
  if (guess?.some((value) => value !== 0)) {
    products++;
    const image = await product(x);
    addScaled(r, image, -1);
  }
  const p = r.slice();
  let rr = squaredNorm(r);
  while (Math.sqrt(rr) > tolerance * norm && products < maxProducts && !options.signal?.aborted) {
    products++;
    const image = await product(p);
    const curvature = options.curvature?.() ?? dot(p, image);
    if (!(curvature > 0)) break;
    const alpha = rr / curvature;
    addScaled(x, p, alpha);
    addScaled(r, image, -alpha);
    const next = squaredNorm(r);
    const beta = next / rr;
    for (let i = 0; i < p.length; i++) p[i] = (r[i] as number) + beta * (p[i] as number);
    rr = next;
  }
  return { x, residual: norm === 0 ? 0 : Math.sqrt(rr) / norm, products };
}
