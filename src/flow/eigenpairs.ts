/**
 * The eigenpairs of ∇²L above a threshold, along a curve: block Lanczos that goes on from the last vectors, with two spare ones below the threshold, so
 * that an eigenvalue is met before it gets there. As many are tracked as that takes.
 */
import { blockLanczos } from "../linalg/block-lanczos.js";
import type { RitzPair } from "../linalg/operator.js";
import type { Memory } from "../memory.js";
import { createRandom } from "../random.js";
import type { Products } from "./batched.js";

export interface EigenpairOptions {
  /** P */
  readonly size: number;
  /** ∇²L(θ)·v */
  readonly products: Products;
  readonly threshold: number;
  /** Most pairs above it. */
  readonly most: number;
  readonly seed: number;
  readonly memory: Memory;
}

export interface Eigenpairs {
  /** Above the threshold, the largest first; their residuals are at most 3e-3 of the largest. */
  readonly above: readonly RitzPair[];
  /** Those below, less exact. */
  readonly spare: readonly RitzPair[];
  /** Whether more than `most` lie above; `above` then holds one more than `most`. */
  readonly isFull: boolean;
  readonly converged: boolean;
}

const SPARE = 2;
/**
 * Residuals as parts of the largest eigenvalue: of pairs that may lie above the threshold, and of others. A third of it pins the sharpness no better than to 1e-5 instead of
 * 3e-5, and moves no number that is compared with descent, for a tenth more products.
 */
const RESIDUAL = { above: 3e-3, below: 0.1 } as const;
const MOST_PRODUCTS = 300;
/** Part of a random direction that the last spare vector gets each time: no eigenvector stays unseen for being orthogonal to all of them. */
const RANDOM_SHARE = 0.02;

export interface EigenpairTracker {
  at(theta: Float64Array): Promise<Eigenpairs>;
  /** The eigenvectors where it was looked at last, that of the largest eigenvalue first; not before. */
  vectors(): readonly Float64Array[];
}

export function trackEigenpairs(options: EigenpairOptions): EigenpairTracker {
  const { size, products, threshold, most, seed, memory } = options;
  const random = createRandom(seed).split("eigenpairs");
  const state = memory.keep("eigenpairs", {
    vectors: [] as Float64Array[],
    random: random.position(),
  });
  if (memory.isResumed) random.setPosition(state.random);
  return {
    vectors: () => state.vectors,
    async at(theta) {
      const operator = { size, applyAll: (vectors: readonly Float64Array[]) => products(theta, vectors) };
      const last = state.vectors.at(-1);
      if (last !== undefined)
        for (let i = 0; i < size; i++) last[i]! += (RANDOM_SHARE * random.normal()) / Math.sqrt(size);
      for (let tracked = Math.max(SPARE, state.vectors.length); ; tracked++) {
        const { largest, converged } = await blockLanczos({
          operator,
          start: state.vectors,
          ...{ largest: tracked, smallest: 0, maxProducts: MOST_PRODUCTS, normal: random.normal },
          tolerance: ({ value, residual }) =>
            value + residual < threshold ? RESIDUAL.below : RESIDUAL.above,
        });
        const above = largest.filter(({ value }) => value > threshold);
        const isFull = above.length > most;
        // Fewer where a tracked one has fallen far behind.
        if (largest.length < size && largest.length < above.length + SPARE && !isFull) {
          state.vectors = largest.map(({ vector }) => vector);
          continue;
        }
        const kept = largest.slice(0, above.length + SPARE);
        state.vectors = kept.map(({ vector }) => vector.slice());
        state.random = random.position();
        return { above, spare: kept.slice(above.length), isFull, converged };
      }
    },
  };
}
