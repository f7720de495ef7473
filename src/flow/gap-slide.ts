/**
 * The leading gap while one entry slides along its kink z = 0. Descent chatters there: with a = n·f⁻ > 0 and b = −n·f⁺ > 0, n = ∇z, its z is spread evenly over
 * [−ηb, ηa], below for the part b/(a + b) of its steps. Jumps of the velocity are along n, so θ_k less its chatter along ν = n/‖n‖² moves smoothly, and the
 * gap to that obeys, along the kink,
 *   e' = P{−H(e − (η/2)∇L) + (η/2)(a²H⁺ − b²H⁻)ν/(a + b) + z̄ ∇²z·F/‖n‖²} − ν(F·∇²z·e),  z̄ = η(a − b)/2,
 * P the projection, F the sliding velocity, H the mean of the one-sided Hessians H± by the parts of the steps. The second term is what descent feels of the curvature
 * off the kink, on either side; it is of the order of the others. Derived here; of two sliding entries the joint spread is not known.
 */
import type { Program } from "../engine/index.js";
import type { Graph } from "../graph/index.js";
import { addScaled, dot, squaredNorm } from "../linalg/vectors.js";
import type { Family } from "../model/index.js";

/** An entry, and the breakpoint on which it is held. */
export interface Slide {
  readonly entry: number;
  readonly breakpoint: number;
}

export interface SlidingGap {
  /** out ← e' of each learning rate, one after the other; e is along the kink. */
  field(theta: Float64Array, slide: Slide, e: Float64Array, out: Float64Array): Promise<void>;
  /** e ← what of it is along the kink. */
  project(theta: Float64Array, slide: Slide, e: Float64Array): Promise<void>;
  /** e ← e with the mean of descent's chatter, which is across the kink. */
  addChatter(theta: Float64Array, slide: Slide, e: Float64Array): Promise<void>;
}

/** @param pieces of all entries; that of the one that slides may be anything */
export async function createSlidingGap(
  family: Family,
  learningRates: readonly number[],
  pieces: Float64Array,
  compile: (graph: Graph) => Promise<Program["run"]>,
): Promise<SlidingGap> {
  const P = family.layout.size;
  const R = learningRates.length;
  const gradientAt = await compile(family.lossGradient("locked"));
  const productsAt = await compile(family.hessianProducts(R + 1, "locked"));
  const pullback = await compile(family.entryPullback());
  const curvatureAt = await compile(family.entryCurvature());
  const at = (theta: Float64Array, { entry, breakpoint }: Slide, isAbove: boolean) => {
    const own = pieces.slice();
    own[entry] = breakpoint + (isAbove ? 1 : 0);
    return { theta, pieces: own };
  };
  const seedsOf = ({ entry }: Slide): Float64Array => {
    const seeds = new Float64Array(family.entries);
    seeds[entry] = 1;
    return seeds;
  };
  const normalAt = async (theta: Float64Array, slide: Slide): Promise<Float64Array> =>
    (await pullback({ ...at(theta, slide, false), seeds: seedsOf(slide) }))["product"]!.slice();
  /** What the kink is like here: n, its square, ∇L on either side, how fast these carry z across, and the mean of z over η. */
  const look = async (theta: Float64Array, slide: Slide) => {
    const n = await normalAt(theta, slide);
    const below = (await gradientAt(at(theta, slide, false)))["gradient"]!.slice();
    const above = (await gradientAt(at(theta, slide, true)))["gradient"]!.slice();
    const [up, down] = [-dot(n, below), dot(n, above)];
    const partAbove = up / (up + down);
    const gradient = below.map((value, i) => value + partAbove * (above[i]! - value));
    return { n, square: squaredNorm(n), up, down, partAbove, gradient, middle: (up - down) / 2 };
  };
  const removeNormal = (v: Float64Array, n: Float64Array, square: number): void =>
    addScaled(v, n, -dot(n, v) / square);

  return {
    async field(theta, slide, e, out) {
      const { n, square, up, down, partAbove, gradient, middle } = await look(theta, slide);
      const velocities = new Float64Array((R + 1) * P);
      for (let k = 0; k < R; k++)
        for (let i = 0; i < P; i++)
          velocities[k * P + i] = (learningRates[k]! / 2) * gradient[i]! - e[k * P + i]!;
      for (let i = 0; i < P; i++) velocities[R * P + i] = n[i]! / square;
      const below = (await productsAt({ ...at(theta, slide, false), velocities }))["products"]!.slice();
      const above = (await productsAt({ ...at(theta, slide, true), velocities }))["products"]!;
      const velocity = gradient.map((value) => -value);
      const turning = (await curvatureAt({ ...at(theta, slide, false), seeds: seedsOf(slide), velocity }))[
        "product"
      ]!;
      const across = new Float64Array(P);
      for (let i = 0; i < P; i++) {
        const [low, high] = [below[R * P + i]!, above[R * P + i]!];
        across[i] = (up ** 2 * high - down ** 2 * low) / (2 * (up + down)) + (middle * turning[i]!) / square;
      }
      for (const [k, learningRate] of learningRates.entries()) {
        const own = out.subarray(k * P, (k + 1) * P);
        for (let i = 0; i < P; i++) {
          const low = below[k * P + i]!;
          own[i] = low + partAbove * (above[k * P + i]! - low) + learningRate * across[i]!;
        }
        removeNormal(own, n, square);
        addScaled(own, n, -dot(turning, e, 0, k * P, P) / square);
      }
    },
    async project(theta, slide, e) {
      const n = await normalAt(theta, slide);
      for (let k = 0; k < R; k++) removeNormal(e.subarray(k * P, (k + 1) * P), n, squaredNorm(n));
    },
    async addChatter(theta, slide, e) {
      const { n, square, middle } = await look(theta, slide);
      for (const [k, learningRate] of learningRates.entries())
        addScaled(e.subarray(k * P, (k + 1) * P), n, (-learningRate * middle) / square);
    },
  };
}
