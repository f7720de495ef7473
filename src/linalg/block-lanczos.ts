/**
 * Extreme eigenpairs of a symmetric operator from several start vectors at once: Rayleigh–Ritz on a space that grows by the residuals of the pairs not
 * found yet (block Lanczos, Golub & Underwood 1977, as Davidson's method without a preconditioner), with thick restarts. It goes on from the
 * eigenvectors of a nearby operator, and finds as many equal eigenvalues as it has start vectors, where one vector finds further ones by rounding alone.
 */
import { NumericalError } from "../errors.js";
import { type Eigen, symmetricEigen } from "./eigen.js";
import { length } from "./norm.js";
import type { BlockOperator, Operator, RitzPair } from "./operator.js";
import { addScaled, dot, normalise } from "./vectors.js";

export interface BlockLanczosOptions {
  readonly operator: Operator | BlockOperator;
  /** To begin with, in any length and number, dependent or not; not changed. Missing ones are drawn. */
  readonly start: readonly Float64Array[];
  /** Eigenpairs wanted at each end. */
  readonly largest: number;
  readonly smallest: number;
  /** A pair is found when its residual is at most this part of the largest Ritz value in size, which may depend on the pair. */
  readonly tolerance: number | ((pair: { readonly value: number; readonly residual: number }) => number);
  /** Vectors kept at once, default 2·(largest + smallest) + 10; memory is twice as many. */
  readonly capacity?: number;
  readonly maxProducts: number;
  /** Standard normal. */
  readonly normal: () => number;
  readonly signal?: AbortSignal;
}

export interface BlockLanczosResult {
  /** Descending. */
  readonly largest: readonly RitzPair[];
  /** Ascending. */
  readonly smallest: readonly RitzPair[];
  readonly products: number;
  readonly converged: boolean;
}

/** What is left of a vector after orthogonalisation is a direction of its own above this part of it. */
const DEPENDENT = 1e-10;

/**
 * What is returned is the best there was, converged or not; residuals are computed, not estimated, with what rounding may hide of them added.
 * @throws NumericalError where a product is not finite
 */
export async function blockLanczos(options: BlockLanczosOptions): Promise<BlockLanczosResult> {
  const { operator, maxProducts, normal, signal } = options;
  const toleranceOf =
    typeof options.tolerance === "number" ? () => options.tolerance as number : options.tolerance;
  const { size } = operator;
  const largest = Math.min(options.largest, size);
  const smallest = Math.min(options.smallest, size);
  const wanted = Math.min(size, Math.max(1, largest + smallest));
  const capacity = Math.min(size, Math.max(options.capacity ?? 0, 2 * wanted + 10));
  const space = new Space(inBlocks(operator), capacity);
  await space.add(options.start.slice(0, capacity));
  while (space.dimension < wanted)
    await space.add(ranks(wanted - space.dimension).map(() => drawn(size, normal)));
  for (;;) {
    const ritz = symmetricEigen(space.projected(), space.dimension);
    const count = space.dimension;
    const norm = Math.max(Math.abs(ritz.values[0]!), Math.abs(ritz.values[count - 1]!));
    const rounding = 4 * Number.EPSILON * Math.sqrt(size) * norm;
    const top = ranks(Math.min(largest, count)).map((k) => space.pair(ritz, count - 1 - k));
    const low = ranks(Math.min(smallest, count)).map((k) => space.pair(ritz, k));
    const open = [...top, ...low].filter(
      ({ value, size: residual }) => residual > Math.max(toleranceOf({ value, residual }) * norm, rounding),
    );
    // The whole space holds the exact pairs.
    const converged = open.length === 0 || count === size;
    if (converged || space.products >= maxProducts || signal?.aborted === true) {
      const told = ({ value, vector, size: own }: Found): RitzPair => ({
        ...{ value, vector },
        residual: own + rounding,
      });
      return { largest: top.map(told), smallest: low.map(told), products: space.products, converged };
    }
    if (count + open.length > capacity) {
      const room = Math.max(wanted, Math.floor(capacity / 2));
      const keepTop = largest + smallest === 0 ? 0 : Math.ceil((room * largest) / (largest + smallest));
      space.restart(ritz, [
        ...ranks(Math.min(room - keepTop, count)),
        ...ranks(Math.min(keepTop, count)).map((k) => count - 1 - k),
      ]);
    }
    const before = space.dimension;
    const room = Math.min(capacity - space.dimension, maxProducts - space.products);
    await space.add(open.slice(0, room).map(({ residual }) => residual));
    // Residuals that lie in the space to rounding tell nothing new.
    if (space.dimension === before && space.dimension < size && space.products < maxProducts)
      await space.add([drawn(size, normal)]);
  }
}

interface Found {
  readonly value: number;
  readonly vector: Float64Array;
  readonly residual: Float64Array;
  readonly size: number;
}

/** An orthonormal basis V with AV and VᵀAV. */
class Space {
  products = 0;
  readonly #operator: BlockOperator;
  readonly #capacity: number;
  #basis: Float64Array[] = [];
  #images: Float64Array[] = [];
  /** VᵀAV, rows of length capacity. */
  #matrix: Float64Array;

  constructor(operator: BlockOperator, capacity: number) {
    this.#operator = operator;
    this.#capacity = capacity;
    this.#matrix = new Float64Array(capacity * capacity);
  }

  get dimension(): number {
    return this.#basis.length;
  }

  /** Takes the directions of these vectors that are not in the space yet, at the cost of a product each. */
  async add(vectors: readonly Float64Array[]): Promise<void> {
    const first = this.#basis.length;
    for (const v of vectors) {
      const w = this.#newDirection(v);
      if (w !== null) this.#basis.push(w);
    }
    const added = this.#basis.slice(first);
    if (added.length === 0) return;
    const images = await this.#operator.applyAll(added);
    this.products += added.length;
    if (images.some((image) => !Number.isFinite(length(image))))
      throw new NumericalError("blockLanczos: the operator gave a vector that is not finite.");
    this.#images.push(...images);
    for (let k = first; k < this.dimension; k++)
      for (let i = 0; i <= k; i++) {
        const [v, w] = [this.#basis[i]!, this.#basis[k]!];
        const [imageV, imageW] = [this.#images[i]!, this.#images[k]!];
        const value = i === k ? dot(w, imageW) : (dot(v, imageW) + dot(w, imageV)) / 2;
        this.#matrix[i * this.#capacity + k] = value;
        this.#matrix[k * this.#capacity + i] = value;
      }
  }

  /** Of length 1; null where v lies in the space to rounding. */
  #newDirection(v: Float64Array): Float64Array | null {
    const w = v.slice();
    if (!(normalise(w) > 0)) return null;
    // Twice is enough (Kahan), and a third time where little was left.
    let left = 1;
    for (let round = 0; round < 3 && (round < 2 || left < 0.1); round++) {
      for (const row of this.#basis) addScaled(w, row, -dot(row, w));
      left = normalise(w);
      if (!(left > DEPENDENT)) return null;
    }
    return w;
  }

  projected(): Float64Array {
    const n = this.dimension;
    const out = new Float64Array(n * n);
    for (let i = 0; i < n; i++)
      out.set(this.#matrix.subarray(i * this.#capacity, i * this.#capacity + n), i * n);
    return out;
  }

  pair({ values, vectors }: Eigen, k: number): Found {
    const value = values[k]!;
    const vector = combine(this.#basis, vectors, k);
    const residual = combine(this.#images, vectors, k);
    addScaled(residual, vector, -value);
    normalise(vector);
    return { value, vector, residual, size: length(residual) };
  }

  restart(ritz: Eigen, kept: readonly number[]): void {
    const basis = kept.map((k) => combine(this.#basis, ritz.vectors, k));
    this.#images = kept.map((k) => combine(this.#images, ritz.vectors, k));
    this.#basis = basis;
    this.#matrix.fill(0);
    kept.forEach((k, i) => {
      this.#matrix[i * this.#capacity + i] = ritz.values[k]!;
    });
  }
}

/** Σ_i weights[k·count + i]·rows_i */
function combine(rows: readonly Float64Array[], weights: Float64Array, k: number): Float64Array {
  const out = new Float64Array(rows[0]!.length);
  rows.forEach((row, i) => {
    addScaled(out, row, weights[k * rows.length + i]!);
  });
  return out;
}

const drawn = (size: number, normal: () => number): Float64Array =>
  Float64Array.from({ length: size }, normal);

/** One product after the other where the operator has no better way. */
function inBlocks(operator: Operator | BlockOperator): BlockOperator {
  if ("applyAll" in operator) return operator;
  return {
    size: operator.size,
    async applyAll(vectors) {
      const images: Float64Array[] = [];
      for (const v of vectors) {
        const image = new Float64Array(v.length);
        await operator.apply(v, image);
        images.push(image);
      }
      return images;
    },
  };
}

const ranks = (count: number): number[] => Array.from({ length: count }, (_, k) => k);
