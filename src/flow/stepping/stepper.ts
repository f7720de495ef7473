/**
 * Steps over kinks one after the other, of fixed size or controlled: the state between them, and what is done where a step cannot be
 * judged.
 */

import { length } from "../../linalg/norm.js";
import type { Memory } from "../../memory.js";
import type { Family } from "../../model/index.js";
import { type Advancing, DEFAULT_TOLERANCES, type Failure } from "../../ode/index.js";
import type { Sharpness } from "../sharpness.js";
import { type Attempt, attemptStep, type SteppingState } from "./attempt.js";
import type { StepEvent } from "./blocks.js";
import { combine } from "./combine.js";
import { type Dense, denseStep } from "./dense.js";
import type { SteppingField } from "./field.js";
import { hasMixedGrams } from "./gram-blocks.js";
import { type Control, judgeStep, newControl, planStep, shrinkUnjudged } from "./step-control.js";

/** The part of rtol that the local error of a step may take of ‖θ‖: with it errors at the end come out near rtol times the distance moved. */
const SHARE = 0.005;
/** Accepted steps after which ρ is measured again. */
const RADIUS_AGE = 6;
/**
 * The candidates that a step may have: this many, fixed steps more, or this part of all entries; and where K is not formed unit by unit but
 * for all of them together.
 */
const MOST_CANDIDATES = { least: 1500, leastFixed: 4096, part: 1 / 12, together: 4096 } as const;
/**
 * Under control sliding entries are brought back to their breakpoints within this many steps, or times 1/ρ where that is longer: a step
 * cut short then asks for no velocities that bounded slopes could not give. Fixed steps bring them back in one.
 */
const REPAIR = 2;
/** Euler steps in place of steps that failed, after which the run has. */
const MOST_FALLBACKS = 1000;
/** A remainder of a fixed step below this part of it is not worth a step. */
const STRETCH = 1e-9;

/** A step as those see it who follow the flow. It ends at the limit even where the solver has gone beyond. */
export interface SteppingStep extends Dense {
  readonly status: "accepted";
  readonly t0: number;
  readonly t1: number;
  readonly h: number;
  readonly theta1: Float64Array;
  readonly events: readonly StepEvent[];
  /** Entries that slide after it. */
  readonly sliding: number;
  readonly attempt: Attempt | null;
}

export interface SteppingOptions {
  readonly field: SteppingField;
  readonly sharpness: Sharpness;
  readonly theta0: Float64Array;
  readonly rtol?: number;
  readonly atol?: number;
  /** Fixed steps of this size. */
  readonly stepSize?: number;
  readonly firstStep?: number;
  readonly maxStep?: number;
  readonly memory: Memory;
}

/** Local error of θ, as a norm, that a controlled step may have. */
export function allowedError(
  { rtol, atol }: { readonly rtol: number; readonly atol: number },
  theta: Float64Array,
): number {
  return SHARE * rtol * length(theta) + atol * Math.sqrt(theta.length);
}

/** The most entries that a step simulates. */
export function mostCandidates(family: Family, isFixed = false): number {
  const { entries, network } = family;
  const { least, leastFixed, part, together } = MOST_CANDIDATES;
  const most = Math.max(isFixed ? leastFixed : least, Math.floor(part * entries));
  return network.hasLayerProducts || hasMixedGrams(family) ? most : Math.min(most, together);
}

export class SteppingStepper implements Advancing<SteppingStep> {
  readonly name = "stepping";
  readonly #options: SteppingOptions;
  readonly #tolerance: (theta: Float64Array) => number;
  readonly #mostCandidates: number;
  readonly #state: SteppingState &
    Control & {
      t: number;
      isReady: boolean;
      accepted: number;
      rejected: number;
      /** Taken at the smallest size with an error above the tolerance. */
      forced: number;
      /** Euler steps where no step could be judged. */
      fallbacks: number;
      /**
       * Roots of the sums of squares of the passes' differences in z and θ, as errors of them. Measured at a fifth of the paper's size, that of
       * z lies between the median of the errors of single entries and their root mean square; plain sums grow where errors do not.
       */
      zError: number;
      thetaError: number;
      rhoAge: number;
    };

  constructor(options: SteppingOptions) {
    const { rtol = DEFAULT_TOLERANCES.rtol, atol = DEFAULT_TOLERANCES.atol } = options;
    const { kinks } = options.field;
    this.#options = options;
    this.#tolerance = (theta) => allowedError({ rtol, atol }, theta);
    this.#mostCandidates = mostCandidates(options.field.problem.family, options.stepSize !== undefined);
    this.#state = options.memory.keep("stepping", {
      theta: options.theta0.slice(),
      z: new Float64Array(0) as Float64Array,
      zBefore: null as Float64Array | null,
      pieces: new Float64Array(0) as Float64Array,
      held: new Float64Array(kinks.entries).fill(-1) as Float64Array,
      velocity: new Float64Array(0) as Float64Array,
      size: 0,
      ahead: new Float64Array(0) as Float64Array,
      mean: new Float64Array(0) as Float64Array,
      velocityBefore: null as Float64Array | null,
      sizeBefore: 0,
      signal: new Float64Array(0) as Float64Array,
      signalTime: 0,
      signalBefore: null as Float64Array | null,
      signalTimeBefore: 0,
      t: 0,
      isReady: false,
      accepted: 0,
      rejected: 0,
      forced: 0,
      fallbacks: 0,
      zError: 0,
      thetaError: 0,
      ...newControl(options.stepSize ?? options.firstStep ?? 0),
      rhoAge: RADIUS_AGE,
    });
  }

  get t(): number {
    return this.#state.t;
  }

  get theta(): Float64Array {
    return this.#state.theta;
  }

  get evaluations(): number {
    return this.#options.field.cost.gradients;
  }

  get accepted(): number {
    return this.#state.accepted;
  }

  get rejected(): number {
    return this.#state.rejected;
  }

  get forced(): number {
    return this.#state.forced;
  }

  get fallbacks(): number {
    return this.#state.fallbacks;
  }

  /** Pieces of all entries, fractional where they slide; read off θ at the start. */
  get pieces(): Float64Array {
    return this.#state.pieces;
  }

  get held(): Float64Array {
    return this.#state.held;
  }

  /** z, pieces and velocity at θ, nothing sliding. */
  async begin(): Promise<void> {
    const { field } = this.#options;
    const state = this.#state;
    state.z = await field.preactivations(state.theta);
    state.zBefore = null;
    state.pieces = field.kinks.piecesOf(state.z);
    state.held = new Float64Array(state.pieces.length).fill(-1);
    state.isReady = false;
  }

  /** Entries exactly on a breakpoint. */
  startsOnBreakpoint(): number {
    const { kinks } = this.#options.field;
    return this.#state.z.reduce((sum, z, e) => sum + (kinks.breakpoints(e).includes(z) ? 1 : 0), 0);
  }

  async advance(limit: number): Promise<SteppingStep | Failure> {
    const state = this.#state;
    if (!state.isReady) {
      const { gradient, signal } = await this.#options.field.mean(state.theta, state.pieces);
      state.velocity = gradient.map((g) => -g);
      state.ahead = state.velocity;
      state.mean = state.pieces;
      state.signal = signal;
      state.signalTime = state.t;
      state.signalBefore = null;
      state.velocityBefore = null;
      state.size = 0;
      state.isReady = true;
    }
    if (!Number.isFinite(length(state.velocity)))
      return this.#failure("nonFinite", 0, "the field is not finite");
    if (state.rhoAge >= RADIUS_AGE) await this.#measureRho(null);
    return this.#options.stepSize === undefined ? this.#advanceControlled(limit) : this.#advanceFixed(limit);
  }

  async #advanceFixed(limit: number): Promise<SteppingStep | Failure> {
    const state = this.#state;
    const size = Math.min(this.#options.stepSize!, this.#options.maxStep ?? Infinity);
    const room = limit - state.t;
    const h = room <= size * (1 + STRETCH) ? room : size;
    if (state.t + h === state.t) return this.#failure("stepTooSmall", h, "the step size no longer moves t");
    const attempt = await this.#attempt(h, limit);
    if (attempt === "nonFinite") return this.#failure("nonFinite", h, "the state is no longer finite");
    if (attempt === "tooMany")
      return this.#failure(
        "stepTooSmall",
        h,
        `more than ${this.#mostCandidates} pre-activations may change their pieces in a step; lower stepSize`,
      );
    return this.#accept(attempt, h === room ? limit : state.t + h, limit);
  }

  async #advanceControlled(limit: number): Promise<SteppingStep | Failure> {
    const state = this.#state;
    const { maxStep = Infinity } = this.#options;
    for (;;) {
      const planned = planStep(state, limit - state.t, maxStep);
      const { h } = planned;
      if (state.t + h === state.t) return this.#failure("stepTooSmall", h, "the step size no longer moves t");
      const attempt = await this.#attempt(h, limit);
      if (typeof attempt === "string") {
        state.rejected++;
        if (shrinkUnjudged(state, planned) === "last") return this.#fallBack(h, limit);
        await this.#measureRho(null);
        continue;
      }
      const verdict = judgeStep(state, planned, attempt, this.#tolerance(attempt.theta));
      if (verdict === "rejected") {
        state.rejected++;
        // It knows the velocity nearer by than the last step does, which may have been far longer than what is tried next.
        state.ahead = combine(1 / h, attempt.theta, -1 / h, state.theta);
        state.mean = attempt.mean;
        await this.#measureRho(state.ahead);
        continue;
      }
      if (verdict === "forced") state.forced++;
      return this.#accept(attempt, state.t + h, limit);
    }
  }

  #attempt(h: number, limit: number): ReturnType<typeof attemptStep> {
    const { rho } = this.#state;
    const isFixed = this.#options.stepSize !== undefined;
    return attemptStep(this.#options.field, this.#state, h, {
      rho,
      repair: isFixed || !(rho > 0) ? h : Math.max(REPAIR * h, REPAIR / rho),
      mostCandidates: this.#mostCandidates,
      zError: this.#state.zError,
      thetaError: this.#state.thetaError,
      left: limit - this.#state.t,
    });
  }

  async #measureRho(rejected: Float64Array | null): Promise<void> {
    const state = this.#state;
    state.rho = await this.#options.sharpness.spectralRadius(state.t, state.theta, state.velocity, rejected);
    state.leastRho = Math.min(state.leastRho, state.rho > 0 ? state.rho : Infinity);
    state.rhoAge = 0;
  }

  /** One step of Euler's method where none could be judged; what slides is forgotten. */
  async #fallBack(h: number, limit: number): Promise<SteppingStep | Failure> {
    const state = this.#state;
    const { field } = this.#options;
    if (state.fallbacks >= MOST_FALLBACKS)
      return this.#failure("stepTooSmall", h, `no step could be judged ${MOST_FALLBACKS} times`);
    const { gradient } = await field.mean(state.theta, state.pieces);
    const theta = combine(1, state.theta, -h, gradient);
    const z = await field.preactivations(theta);
    if (!Number.isFinite(length(theta)) || !z.every(Number.isFinite))
      return this.#failure("nonFinite", h, "the state is no longer finite");
    state.fallbacks++;
    const before = { theta: state.theta, t: state.t };
    const end = Math.min(before.t + h, limit);
    const velocity = gradient.map((g) => -g);
    const dense = denseStep(before.theta, velocity, null, before.t, h, 0);
    const theta1 = new Float64Array(theta.length);
    dense.interpolate(end, theta1);
    Object.assign(state, { theta: theta1, t: end, accepted: state.accepted + 1, next: 2 * h });
    await this.begin();
    return {
      status: "accepted",
      t0: before.t,
      t1: end,
      h,
      theta1,
      events: [],
      sliding: 0,
      attempt: null,
      ...dense,
    };
  }

  #accept(attempt: Attempt, t1: number, limit: number): SteppingStep {
    const state = this.#state;
    const { theta: theta0, t: t0, velocity: before, size: sizeBefore, z: zBefore } = state;
    const { h } = attempt;
    const velocity = combine(1 / h, attempt.theta, -1 / h, theta0);
    const dense = denseStep(theta0, velocity, before, t0, h, sizeBefore);
    const end = Math.min(t1, limit);
    let theta1 = attempt.theta;
    if (end < t1) {
      theta1 = new Float64Array(theta0.length);
      dense.interpolate(end, theta1);
    }
    const { z, pieces, held, mean } = attempt;
    Object.assign(state, {
      theta: theta1,
      t: end,
      z,
      zBefore,
      pieces,
      held,
      mean,
      velocity,
      ahead: velocity,
      size: h,
    });
    state.velocityBefore = before;
    state.sizeBefore = sizeBefore;
    state.signalBefore = attempt.signalBefore;
    state.signalTimeBefore = state.signalTime;
    state.signal = attempt.signal;
    state.signalTime = attempt.signalTime;
    state.accepted++;
    state.zError = Math.hypot(state.zError, attempt.zDifference);
    state.thetaError = Math.hypot(state.thetaError, attempt.tangential);
    state.rhoAge++;
    return {
      status: "accepted",
      t0,
      t1: end,
      h,
      theta1,
      events: attempt.events.filter(({ time }) => t0 + time <= end),
      sliding: attempt.sliding,
      attempt,
      ...dense,
    };
  }

  #failure(status: Failure["status"], h: number, why: string): Failure {
    const { t } = this.#state;
    return { status, t, h, message: `${this.name}: ${why} (t = ${t}, h = ${h}).` };
  }
}
