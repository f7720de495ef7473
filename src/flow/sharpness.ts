/**
 * The sharpness λ_max(∇²L) along the flow, by Lanczos on exact Hessian products, each measurement going on from the eigenvector of
 * the last. One number serves three readers: the stage count of a stabilised method, the record, and descent's limit η < 2/λ_max.
 */
import { NumericalError } from "../errors.js";
import { lanczos } from "../linalg/krylov.js";
import { addScaled, dot, squaredNorm } from "../linalg/vectors.js";
import { Memory } from "../memory.js";
import type { SpectralRadius } from "../ode/index.js";
import type { Problem } from "./problem.js";

/** λ_max(∇²L) at one time. */
export interface SharpnessMeasurement {
  readonly t: number;
  /** The largest Ritz value: never above λ_max. */
  readonly value: number;
  /** Some eigenvalue lies within this of `value`. */
  readonly residual: number;
  /** The smallest Ritz value: never below λ_min; negative where the loss curves down. */
  readonly smallest: number;
  /** Hessian products that this measurement took. */
  readonly products: number;
}

export interface Sharpness {
  readonly last: SharpnessMeasurement | null;
  /** The measurements in order; of a long run every second is left out now and then, never the largest nor the last. */
  readonly measurements: readonly SharpnessMeasurement[];
  /** The first of all measurements that was above `limit`, kept or not. */
  readonly firstAbove: SharpnessMeasurement | null;
  /** Hessian products so far, and the same in gradients: by the arithmetic of the two graphs. */
  readonly cost: {
    readonly measurements: number;
    readonly products: number;
    readonly gradientEquivalents: number;
  };
  /** A bound of the spectral radius of the flow's Jacobian for a stepper, measured where the budget allows. */
  readonly spectralRadius: SpectralRadius<Float64Array>;
  /** Called after each accepted step: measures where no solver has asked for long and the budget allows. */
  follow(t: number, theta: () => Float64Array): Promise<void>;
}

export interface SharpnessOptions {
  readonly problem: Problem;
  /** Piece of every entry, where the field is locked: read at each product. Absent: the pieces that θ gives. */
  readonly pieces?: () => Float64Array;
  /** Gradients that the solver has spent so far: the budget is a share of them. */
  readonly gradients: () => number;
  /** Fixed steps, those of descent too, may be unstable from the start: the first measurement is made after the first step, whatever it costs. */
  readonly fromStart?: boolean;
  /** The first measurement above it is remembered. Default Infinity. */
  readonly limit?: number;
  readonly memory?: Memory;
}

/**
 * Residual, relative to the value, at which a measurement ends. The error of the value is far smaller: about residual²/gap, the gap
 * being that to the next eigenvalue; `GAP` is a cautious guess of it.
 */
const TOLERANCE = 0.05;
const GAP = 0.1;
/** Most products of one measurement; from a random direction about ten are enough. */
const MAX_PRODUCTS = 30;
/**
 * Reserve between the measured value and the bound, for what ρ grows until the next measurement; and where the budget forbids
 * the one that is due: stages then cost up to √1.6 times as many gradients, an unseen growth many rejections.
 */
const RESERVE = { measured: 1.1, unmeasured: 1.6 } as const;
/**
 * What measuring may cost: gradients at the start, and shares of the solver's gradients, the larger one after a rejected step, which
 * may have met a grown ρ. In a run of five hundred gradients or more that is at most 15 %.
 */
const GRANT = 15;
const SHARE = { routine: 0.08, urgent: 0.12 } as const;
/** For the record alone: a share without a grant, after this many steps; the first one takes about ten products. */
const RECORD_STEPS = 25;
const RECORD_SHARE = 0.1;
const FIRST_PRODUCTS = 10;
/** Part of the second eigenvector in the next start: it may have overtaken the first. */
const SECOND_SHARE = 0.5;
/** Part of the random direction in the first start, so that no eigenvector is missed for being orthogonal to the gradient. */
const RANDOM_SHARE = 0.1;

/**
 * Part of the stability limit from which a fixed step counts as unstable: measured sharpness is a lower bound, and curves have been seen to
 * leave the flow from 0.85 on (docs/studies.md).
 */
export const AT_EDGE = 0.9;

/** Measurements kept: a run of millions of steps makes too many for its memory and its checkpoints. */
const MOST_KEPT = 32;

const toRow = ({ t, value, residual, smallest, products }: SharpnessMeasurement): number[] => [
  t,
  value,
  residual,
  smallest,
  products,
];
const ROW = 5;

function fromRow([t, value, residual, smallest, products]: Float64Array): SharpnessMeasurement {
  return { t, value, residual, smallest, products } as SharpnessMeasurement;
}

function halve(measurements: readonly SharpnessMeasurement[]): SharpnessMeasurement[] {
  const largest = measurements.reduce((top, one) => (one.value > top.value ? one : top));
  const last = measurements.length - 1;
  return measurements.filter((one, k) => k % 2 === 0 || k === last || one === largest);
}

export function createSharpness({
  problem,
  pieces,
  gradients,
  fromStart = false,
  limit = Number.POSITIVE_INFINITY,
  memory,
}: SharpnessOptions): Sharpness {
  const { family } = problem;
  const graph = family.hessianProduct(pieces === undefined ? "free" : "locked");
  const price = problem.priceOf(graph);
  const program = problem.compile(graph);
  const state = (memory ?? new Memory()).keep("sharpness", {
    /** Rows of `toRow`, `count` of them: always as long, and so is a checkpoint. */
    kept: new Float64Array((MOST_KEPT + 1) * ROW),
    count: 0,
    /** Another such row, zeros until there is one. */
    above: new Float64Array(ROW),
    hasAbove: false,
    cost: { measurements: 0, products: 0, gradientEquivalents: 0 },
    stepsSince: 0,
    vector: null as Float64Array | null,
  });
  const { cost, kept } = state;
  const measurements = (): SharpnessMeasurement[] =>
    Array.from({ length: state.count }, (_, k) => fromRow(kept.subarray(k * ROW, (k + 1) * ROW)));
  const last = (): SharpnessMeasurement | null =>
    state.count === 0 ? null : fromRow(kept.subarray((state.count - 1) * ROW, state.count * ROW));
  const keep = (measurement: SharpnessMeasurement): void => {
    if (!state.hasAbove && measurement.value > limit) {
      state.above.set(toRow(measurement));
      state.hasAbove = true;
    }
    const all = [...measurements(), measurement];
    const chosen = all.length > MOST_KEPT ? halve(all) : all;
    for (const [k, one] of chosen.entries()) kept.set(toRow(one), k * ROW);
    state.count = chosen.length;
  };

  const measureFrom = async (
    t: number,
    theta: Float64Array,
    start: Float64Array,
  ): Promise<SharpnessMeasurement> => {
    const { run } = await program;
    const locked = pieces === undefined ? {} : { pieces: pieces() };
    let products = 0;
    const found = await lanczos({
      operator: {
        size: theta.length,
        async apply(velocity, product) {
          products++;
          await run({ theta, velocity, ...locked }, { product });
          return dot(velocity, product);
        },
      },
      start,
      // The second largest may be the largest next time; the smallest comes with it.
      largest: 2,
      smallest: 1,
      required: { largest: 1, smallest: 0 },
      tolerance: TOLERANCE,
      relativeTo: "norm",
      lookEvery: 1,
      basis: MAX_PRODUCTS,
      maxProducts: MAX_PRODUCTS,
    }).catch((error: unknown) => {
      if (error instanceof NumericalError) return null;
      throw error;
    });
    cost.products += products;
    cost.gradientEquivalents += price * products;
    const [top, second] = found?.largest ?? [];
    if (top !== undefined) {
      state.vector = top.vector;
      if (second !== undefined) addScaled(state.vector, second.vector, SECOND_SHARE);
    }
    const { value, residual } = top ?? { value: Number.NaN, residual: Number.NaN };
    const measurement = { t, value, residual, smallest: found?.smallest[0]?.value ?? Number.NaN, products };
    keep(measurement);
    cost.measurements++;
    state.stepsSince = 0;
    return measurement;
  };

  /** The last eigenvector, with what a rejected step blew up, if anything. */
  const warmStart = (vector: Float64Array, derivative: Float64Array, rejected: Float64Array | null) => {
    if (rejected === null) return vector;
    const grown = rejected.map((value, i) => value - derivative[i]!);
    const length = Math.sqrt(squaredNorm(grown));
    if (length > 0 && length < Infinity) addScaled(grown, vector, length);
    return length > 0 && length < Infinity ? grown : vector;
  };

  const startFor = (direction: Float64Array): Float64Array => {
    const start = direction.slice();
    const size = Math.sqrt(start.reduce((sum, x) => sum + x * x, 0) / start.length) || 1;
    // A fixed sequence, so that equal runs give equal bytes.
    for (let i = 0; i < start.length; i++) start[i]! += RANDOM_SHARE * size * Math.sin(1 + i * (i + 1));
    return start;
  };

  return {
    get measurements() {
      return measurements();
    },
    get firstAbove() {
      return state.hasAbove ? fromRow(state.above) : null;
    },
    cost,
    get last() {
      return last();
    },
    async follow(t, theta) {
      state.stepsSince++;
      const expected = cost.gradientEquivalents + price * (last()?.products ?? FIRST_PRODUCTS);
      const isDue = state.stepsSince >= RECORD_STEPS && expected <= RECORD_SHARE * gradients();
      if (isDue || (fromStart && state.count === 0))
        await measureFrom(t, theta(), state.vector ?? startFor(theta()));
    },
    async spectralRadius(t, theta, derivative, rejected) {
      const before = last();
      const budget = GRANT + SHARE[rejected === null ? "routine" : "urgent"] * gradients();
      const affordable = before === null || cost.gradientEquivalents + price * before.products <= budget;
      const found = affordable
        ? await measureFrom(
            t,
            theta,
            state.vector === null ? startFor(derivative) : warmStart(state.vector, derivative, rejected),
          )
        : before;
      // Growth along negative curvature is no matter of stability, but a wrong sign at the other end would be.
      const { value, residual, smallest } = found;
      // Where the loss is flat, as a hinge at rest is, both are zero.
      const unseen = residual > 0 ? Math.min(residual, residual ** 2 / (GAP * Math.abs(value))) : 0;
      const reserve = affordable ? RESERVE.measured : RESERVE.unmeasured;
      return Math.max(reserve * (value + unseen), -smallest);
    },
  };
}

/** λ_max(∇²L) at θ alone, to a few per cent; its time is 0. Costs about ten Hessian products. */
export async function measureSharpness(problem: Problem, theta: Float64Array): Promise<SharpnessMeasurement> {
  const sharpness = createSharpness({ problem, gradients: () => 0, fromStart: true });
  await sharpness.follow(0, () => theta);
  return sharpness.last as SharpnessMeasurement;
}
