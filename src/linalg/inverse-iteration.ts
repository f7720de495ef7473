/**
 * The smallest eigenpair of a positive semidefinite operator by inverse iteration, each solve by conjugate gradients from the
 * last vector: what it returns is an upper bound of λ_min at every stage. Meant to be warm-started.
 */
import { conjugateGradients } from "./conjugate-gradients.js";
import { measurePair, type Operator, type RitzPair } from "./operator.js";
import { normalise } from "./vectors.js";

export interface InverseIterationOptions {
  readonly operator: Operator;
  readonly start: Float64Array;
  /** Found when the residual is at most this part of the value. */
  readonly tolerance: number;
  readonly maxProducts: number;
  readonly onProduct?: (products: number) => void;
  readonly signal?: AbortSignal;
}

export interface InverseIterationResult {
  readonly pair: RitzPair;
  readonly products: number;
  readonly converged: boolean;
}

/** A solve reduces ‖Ax − v‖/‖v‖ to this before the next one begins: more would be wasted on a vector that is still wrong. */
const SOLVE_TO = 0.1;

export async function inverseIteration(options: InverseIterationOptions): Promise<InverseIterationResult> {
  const { operator, tolerance, maxProducts, onProduct, signal } = options;
  const n = operator.size;
  const v = options.start.slice();
  if (normalise(v) === 0) throw new RangeError("inverseIteration: the start vector is zero.");
  let products = 0;
  const counted: Operator = {
    size: n,
    apply: (x, out) => {
      products++;
      onProduct?.(products);
      return operator.apply(x, out);
    },
  };
  let pair = await measurePair(counted, v.slice());
  const image = new Float64Array(n);
  for (;;) {
    const converged = pair.residual <= tolerance * pair.value;
    if (converged || pair.value <= 0 || products + 2 > maxProducts || signal?.aborted)
      return { pair, products, converged };
    // Ax = v from x = v/θ, whose residual is v − Av/θ, of length residual/θ.
    let curvature = 0;
    const { x } = await conjugateGradients(
      async (p) => {
        curvature = await counted.apply(p, image);
        return image;
      },
      pair.vector,
      {
        guess: Float64Array.from(pair.vector, (value) => value / pair.value),
        tolerance: (SOLVE_TO * pair.residual) / pair.value,
        curvature: () => curvature,
        // The last one is for a look at what came out.
        maxProducts: maxProducts - products - 1,
        signal,
      },
    );
    if (normalise(x) === 0) return { pair, products, converged: false };
    const better = await measurePair(counted, x);
    if (!(better.value < pair.value) && better.residual >= pair.residual)
      return { pair, products, converged: false };
    if (better.value <= pair.value || better.residual < pair.residual) pair = better;
  }
}
