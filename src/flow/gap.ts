/**
 * The leading gap between gradient flow and descent: e' = −∇²L·e + (η/2)∇²L·∇L along the flow, e(0) = 0, so that θ(t_k) − θ_k ≈ e(t_k). At a
 * crossing of a kink with normal n and velocities f⁻, f⁺ of the two sides it jumps: the two curves cross at different times, and the step
 * of descent that goes over the kink keeps f⁻ to its end. Follows the flow segment by segment, along the slide of one entry too (gap-slide.ts); it ends where more is
 * at a kink, and where the flow leaves one.
 */
import type { Program } from "../engine/index.js";
import { length } from "../linalg/norm.js";
import { addScaled, dot } from "../linalg/vectors.js";
import type { Memory } from "../memory.js";
import { createStepper, float64Space } from "../ode/index.js";
import { kinksOf } from "./boundaries/kinks.js";
import type { BoundaryEvent } from "./boundaries/ledger.js";
import type { GapBound, GapBounds } from "./gap-bound.js";
import { createSlidingGap, type Slide, type SlidingGap } from "./gap-slide.js";
import type { Problem } from "./problem.js";
import type { Segment } from "./segment.js";

/** Of the leading gap, whose own error is one of per cents. */
const RTOL = 1e-4;
/**
 * Part of the delay between the crossings of flow and descent by which that may be wrong: a crossing of descent this near to the end of one of its steps
 * may belong to the next.
 */
const DELAY_ERROR = 0.2;

export interface LeadingGap {
  /** Evaluations in gradients, by the arithmetic of the graphs. */
  readonly gradientEquivalents: number;
  /** When and why it ended before the flow; null where it did not. */
  readonly ended: { readonly t: number; readonly reason: string } | null;
  /** From when on the flow slides and e is the gap to the mean of descent's chatter; null where it does not. */
  readonly slidesFrom: number | null;
  /** Crossings of the k-th descent of which the step is not certain, and the first time; there e may be off by η(f⁺ − f⁻). */
  uncertain(k: number): { readonly count: number; readonly t: number };
  /** With the pieces at t = 0, where the flow goes through kinks. */
  start(pieces: Float64Array): void;
  /** Crossings, entries into sliding: they happened at the end of the segment followed last. */
  onEvent(event: BoundaryEvent): void;
  follow(segment: Segment): Promise<void>;
  /** Of the k-th learning rate at one of its times, not before those asked for earlier; null where it is not known. */
  take(k: number, t: number): GapAt | null;
}

/** The leading gap at one time, and its bounds over η where they are asked for. */
interface GapAt {
  readonly e: Float64Array;
  readonly bounds: GapBounds | null;
}

/** @param times of comparison, for each learning rate */
export async function createLeadingGap(options: {
  readonly problem: Problem;
  readonly learningRates: readonly number[];
  readonly times: readonly (readonly number[])[];
  readonly theta0: Float64Array;
  /** Null where nobody wants it. */
  readonly bound: GapBound | null;
  /** Whether the flow goes through kinks, its pieces given. */
  readonly isLocked: boolean;
  readonly memory: Memory;
}): Promise<LeadingGap> {
  const { problem, learningRates, times, theta0, memory, bound, isLocked } = options;
  const { family } = problem;
  const kinks = isLocked ? kinksOf(family) : null;
  const mode = isLocked ? "locked" : "free";
  const P = theta0.length;
  const R = learningRates.length;
  const state = memory.keep("gap", {
    pieces: new Float64Array(family.entries),
    /** θ at the end of the last segment. */
    theta: theta0.slice(),
    t: 0,
    /** Crossings there that are still to be passed. */
    pending: [] as { entry: number; breakpoint: number; goesAbove: boolean }[],
    ended: null as { t: number; reason: string } | null,
    slide: null as Slide | null,
    slidesFrom: null as number | null,
    ahead: learningRates.map(() => [] as ({ t: number } & GapAt)[]),
    uncertain: learningRates.map(() => ({ count: 0, t: 0 })),
    gradientEquivalents: 0,
  });
  const metered = (graph: Parameters<Problem["compile"]>[0]): Promise<Program["run"]> => {
    const price = problem.priceOf(graph);
    return problem.compile(graph).then(({ run }) => (inputs, into) => {
      state.gradientEquivalents += price;
      return run(inputs, into);
    });
  };
  const gradientAt = await metered(family.lossGradient(mode));
  const productsAt = await metered(family.hessianProducts(R, mode));
  const pullback = kinks === null ? null : await metered(family.entryPullback());
  const locked = kinks === null ? {} : { pieces: state.pieces };
  const gradient = new Float64Array(P);
  const theta = new Float64Array(P);
  const velocities = new Float64Array(R * P);
  let segment: Segment | null = null;

  /** e' = −∇²L(e − (η/2)∇L) of each learning rate, one after the other. */
  const field = async (t: number, e: Float64Array, out: Float64Array): Promise<void> => {
    if (segment === null || t === state.t) theta.set(state.theta);
    else await segment.interpolate(t, theta);
    if (state.slide !== null) return (await sliding()).field(theta, state.slide, e, out);
    await gradientAt({ theta, ...locked }, { gradient });
    for (let k = 0; k < R; k++)
      for (let i = 0; i < P; i++)
        velocities[k * P + i] = (learningRates[k]! / 2) * gradient[i]! - e[k * P + i]!;
    await productsAt({ theta, velocities, ...locked }, { products: out });
  };
  const step = await metered(family.descentTerms(false));
  const terms = await step({ theta: theta0 });
  const stepper = createStepper({
    ...{ space: float64Space(R * P), field, method: "dopri5", t0: 0, y0: new Float64Array(R * P) },
    ...{ rtol: RTOL, memory: memory.within("gap solver") },
    atol: RTOL * smallest(Math.min(...learningRates), terms["gradient"]!, terms["curvature"]!),
  });
  const end = (t: number, reason: string): void => {
    state.ended ??= { t, reason };
  };
  let slidingGap: Promise<SlidingGap> | null = null;
  const sliding = (): Promise<SlidingGap> => {
    slidingGap ??= createSlidingGap(family, learningRates, state.pieces, metered);
    return slidingGap;
  };
  const slideFrom = (t: number, slide: Slide): void => {
    // At t = 0 it is told twice, by the pieces and as an event.
    if (state.slide?.entry === slide.entry) return;
    if (bound !== null) end(t, BOUND_SLIDES);
    else if (state.slide !== null) end(t, SLIDE_TOGETHER);
    else Object.assign(state, { slide, slidesFrom: t });
  };

  /** e⁺ = (I + (f⁺ − f⁻)nᵀ/(nᵀf⁻))e⁻ + (1 − α)η(f⁺ − f⁻), descent being the fraction α of a step into it when it crosses. */
  const cross = async (entry: number, breakpoint: number, goesAbove: boolean): Promise<void> => {
    const seeds = new Float64Array(family.entries);
    seeds[entry] = 1;
    const at = { theta: state.theta, pieces: state.pieces };
    const normal = (await pullback!({ ...at, seeds }))["product"]!.slice();
    const before = (await gradientAt(at))["gradient"]!.slice();
    state.pieces[entry] = breakpoint + (goesAbove ? 1 : 0);
    const after = (await gradientAt(at))["gradient"]!;
    const jump = before.map((value, i) => value - after[i]!);
    const speed = -dot(normal, before);
    const e = stepper.y.slice();
    for (const [k, learningRate] of learningRates.entries()) {
      const own = e.subarray(k * P, (k + 1) * P);
      const delay = dot(normal, own) / speed;
      const steps = (state.t + delay) / learningRate;
      addScaled(own, jump, delay + (1 - (steps - Math.floor(steps))) * learningRate);
      if (Math.abs(steps - Math.round(steps)) > (DELAY_ERROR * Math.abs(delay)) / learningRate) continue;
      const seen = state.uncertain[k]!;
      if (seen.count++ === 0) seen.t = state.t;
    }
    if (!Number.isFinite(length(e)))
      return end(state.t, "the flow only touches a kink, where the gap to descent is not of first order");
    stepper.restart({ t: state.t, y: e, keepStepSize: true });
    bound?.cross(1 + dot(normal, jump) / speed, jump);
  };

  /** Keeps what the last step passes. */
  const keep = async (t0: number, t1: number, interpolate: (t: number, out: Float64Array) => unknown) => {
    const all = new Float64Array(R * P);
    for (let k = 0; k < R; k++)
      for (const t of times[k]!) {
        if (!(t > t0 && t <= t1)) continue;
        await interpolate(t, all);
        if (state.slide !== null) {
          await segment!.interpolate(t, theta);
          await (await sliding()).addChatter(theta, state.slide, all);
        }
        state.ahead[k]!.push({ t, e: all.slice(k * P, (k + 1) * P), bounds: bound?.at(t) ?? null });
      }
  };

  return {
    get gradientEquivalents() {
      return state.gradientEquivalents + (bound?.gradientEquivalents ?? 0);
    },
    get ended() {
      return state.ended;
    },
    get slidesFrom() {
      return state.slidesFrom;
    },
    uncertain: (k) => state.uncertain[k]!,
    start(pieces) {
      state.pieces.set(pieces);
      state.pending.length = 0;
      pieces.forEach((piece, entry) => {
        if (!Number.isInteger(piece)) slideFrom(0, { entry, breakpoint: Math.floor(piece) });
      });
    },
    onEvent({ t, kind, layer, sample, unit, breakpoint, side }) {
      const [from, to] = kinks!.rangeOf(layer - 1);
      const units = (to - from) / family.samples;
      const entry = from + sample * units + unit;
      if (kind === "leavesSliding") end(t, SLIDE_LEFT);
      else if (kind === "entersSliding") slideFrom(t, { entry, breakpoint });
      else if (state.slide !== null) end(t, CROSSES_SLIDING);
      else state.pending.push({ entry, breakpoint, goesAbove: side === "above" });
    },
    async follow(whole) {
      if (state.ended !== null) return;
      for (const { entry, breakpoint, goesAbove } of state.pending) await cross(entry, breakpoint, goesAbove);
      state.pending.length = 0;
      if (state.ended !== null) return;
      if (state.slide !== null && state.slidesFrom === state.t) {
        const e = stepper.y.slice();
        await (await sliding()).project(state.theta, state.slide, e);
        stepper.restart({ t: state.t, y: e, keepStepSize: true });
      }
      await bound?.follow(whole, state.pieces);
      segment = whole;
      while (stepper.t < whole.t1 && state.ended === null) {
        const made = await stepper.advance(whole.t1);
        if (made.status === "accepted") await keep(made.t0, made.t1, made.interpolate);
        else end(stepper.t, made.message);
      }
      segment = null;
      state.t = whole.t1;
      state.theta.set(whole.theta1);
    },
    take(k, t) {
      const ahead = state.ahead[k]!;
      while (ahead.length > 0 && ahead[0]!.t < t) ahead.shift();
      return ahead[0]?.t === t ? ahead[0] : null;
    },
  };
}

const BOUND_SLIDES = "the flow slides along a kink, where descent chatters and the bounds have no meaning";
const SLIDE_TOGETHER =
  "the flow slides along two kinks at once, and how descent's chatter about both is spread is not known";
const CROSSES_SLIDING =
  "the flow crosses a kink while it slides along another, and where in its chatter descent is then decides how it crosses";
const SLIDE_LEFT =
  "the flow leaves a kink along which it slid, and descent leaves it from wherever its chatter is, which moves the gap by all of its order";

/** What e is in size after one step of descent; where it vanishes, of that step. */
function smallest(learningRate: number, gradient: Float64Array, curvature: Float64Array): number {
  const root = (v: Float64Array): number => length(v) / Math.sqrt(v.length);
  return (learningRate ** 2 / 2) * root(curvature) || learningRate * root(gradient) || 1;
}
