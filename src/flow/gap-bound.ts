/**
 * Bounds of the leading gap along the flow, B ≥ ‖e‖/η, by the smallest eigenvalue of ∇²L there (Elkabetz and Cohen, Continuous vs. Discrete
 * Optimization of Deep Neural Networks, 2021, to leading order in η): B' = −mB + ½F with m ≤ λ_min(∇²L) and for the force F the suprema of
 * ‖∇²L‖ and ‖∇L‖ so far (the theorem), their values, or ‖∇²L·∇L‖. Between the ends of a step the worse of the two stands for all of it.
 */
import { lanczos } from "../linalg/krylov.js";
import { length } from "../linalg/norm.js";
import { addScaled, dot } from "../linalg/vectors.js";
import type { Memory } from "../memory.js";
import { createRandom } from "../random.js";
import type { Problem } from "./problem.js";
import type { Segment } from "./segment.js";

/** B of the three forms, to be multiplied by η, and λ_min that was found last. */
export interface GapBounds {
  readonly suprema: number;
  readonly pointwise: number;
  readonly force: number;
  readonly lambdaMin: number;
  readonly lambdaMax: number;
}

export interface GapBound {
  readonly gradientEquivalents: number;
  /** @param pieces of the segment, where the flow goes through kinks; its end is looked at */
  follow(segment: Segment, pieces: Float64Array): Promise<void>;
  /** The next segment begins with other pieces: `factor` nᵀf⁺/nᵀf⁻ is that of the gap along the normal, `jump` f⁺ − f⁻. */
  cross(factor: number, jump: Float64Array): void;
  /** At a time of the segment followed last. */
  at(t: number): GapBounds;
}

/** Residual of λ_min relative to ‖∇²L‖ at which a search ends; what it is, the bound is widened by. */
const TOLERANCE = 1e-3;
/** Most Hessian products of a search; the first takes most of them. */
const MOST_PRODUCTS = 60;
const BASIS = 30;
/** Part of a random direction in each start, so that no eigenvector is missed for being orthogonal to those before. */
const RANDOM_SHARE = 0.1;

/** What is known at one end of a step. */
interface Look {
  /** Below λ_min by the residual. */
  m: number;
  norm: number;
  gradient: number;
  force: number;
  lambdaMin: number;
  lambdaMax: number;
}

/** @param isLocked whether the flow goes through kinks, its pieces given */
export async function createGapBound({
  problem,
  theta0,
  isLocked,
  seed,
  memory,
}: {
  readonly problem: Problem;
  readonly theta0: Float64Array;
  readonly isLocked: boolean;
  readonly seed: number;
  readonly memory: Memory;
}): Promise<GapBound> {
  const { family } = problem;
  const P = theta0.length;
  const mode = isLocked ? "locked" : "free";
  const [gradientGraph, productGraph] = [family.lossGradient(mode), family.hessianProduct(mode)];
  const gradientOf = await problem.compile(gradientGraph);
  const productOf = await problem.compile(productGraph);
  const prices = { gradient: problem.priceOf(gradientGraph), product: problem.priceOf(productGraph) };
  const random = createRandom(seed).split("gap bound");
  const state = memory.keep("gap bound", {
    vectors: new Float64Array(P),
    hasVectors: false,
    random: random.position(),
    look: null as Look | null,
    /** At the start of the step followed last: ∫exp(−∫m) of the theorem, what crossings have added to its bound, and the other bounds. */
    start: { integral: 0, crossed: 0, pointwise: 0, force: 0 },
    /** That step: m, and what drives the bounds, the worse of its two ends. */
    step: { t0: 0, t1: 0, m: 0, pointwise: 0, force: 0 },
    suprema: { norm: 0, gradient: 0 },
    gradientEquivalents: 0,
  });
  if (memory.isResumed) random.setPosition(state.random);

  const lookAt = async (theta: Float64Array, pieces: Float64Array): Promise<Look> => {
    const locked = isLocked ? { pieces } : {};
    const gradient = (await gradientOf.run({ theta, ...locked }))["gradient"]!.slice();
    const product = new Float64Array(P);
    const apply = async (velocity: Float64Array, out: Float64Array): Promise<number> => {
      state.gradientEquivalents += prices.product;
      await productOf.run({ theta, velocity, ...locked }, { product: out });
      return dot(velocity, out);
    };
    await apply(gradient, product);
    state.gradientEquivalents += prices.gradient;
    const start = new Float64Array(P);
    const share = state.hasVectors ? RANDOM_SHARE / Math.sqrt(P) : 1;
    for (let i = 0; i < P; i++) start[i] = share * random.normal() + state.vectors[i]!;
    state.random = random.position();
    const { largest, smallest } = await lanczos({
      ...{ operator: { size: P, apply }, start, largest: 1, smallest: 1 },
      ...{ tolerance: TOLERANCE, relativeTo: "norm", basis: BASIS, maxProducts: MOST_PRODUCTS },
    });
    const [top, low] = [largest[0]!, smallest[0]!];
    state.vectors.fill(0);
    addScaled(state.vectors, top.vector, Math.SQRT1_2);
    addScaled(state.vectors, low.vector, Math.SQRT1_2);
    state.hasVectors = true;
    return {
      ...{ m: low.value - low.residual, gradient: length(gradient), force: length(product) },
      norm: Math.max(Math.abs(top.value) + top.residual, Math.abs(low.value) + low.residual),
      ...{ lambdaMin: low.value, lambdaMax: top.value },
    };
  };

  const at = (t: number) => {
    const { start, step } = state;
    const decay = Math.exp(-step.m * (t - step.t0));
    const spread = step.m === 0 ? t - step.t0 : -Math.expm1(-step.m * (t - step.t0)) / step.m;
    return {
      integral: decay * start.integral + spread,
      crossed: decay * start.crossed,
      pointwise: decay * start.pointwise + (spread * step.pointwise) / 2,
      force: decay * start.force + (spread * step.force) / 2,
    };
  };
  /** The end of the step becomes the start of the next. */
  const pass = (): void => {
    Object.assign(state.start, at(state.step.t1));
    state.step.t0 = state.step.t1;
  };

  return {
    get gradientEquivalents() {
      return state.gradientEquivalents;
    },
    async follow({ t0, t1, theta1, interpolate }, pieces) {
      pass();
      const { step, suprema } = state;
      let before = state.look;
      if (before === null) {
        const theta = new Float64Array(P);
        await interpolate(t0, theta);
        before = await lookAt(theta, pieces);
      }
      const now = await lookAt(theta1, pieces);
      const worse = (name: keyof Look): number => Math.max(before[name], now[name]);
      Object.assign(step, { t0, t1, m: Math.min(before.m, now.m), force: worse("force") });
      step.pointwise = worse("norm") * worse("gradient");
      suprema.norm = Math.max(suprema.norm, worse("norm"));
      suprema.gradient = Math.max(suprema.gradient, worse("gradient"));
      state.look = now;
    },
    cross(factor, jump) {
      pass();
      const { start } = state;
      const growth = Math.max(1, Math.abs(factor));
      const added = length(jump);
      start.integral *= growth;
      for (const name of ["crossed", "pointwise", "force"] as const)
        start[name] = growth * start[name] + added;
      state.look = null;
    },
    at(t) {
      const { integral, crossed, pointwise, force } = at(t);
      const { norm, gradient } = state.suprema;
      const { lambdaMin, lambdaMax } = state.look!;
      return { suprema: (norm * gradient * integral) / 2 + crossed, pointwise, force, lambdaMin, lambdaMax };
    },
  };
}
