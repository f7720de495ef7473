/**
 * The stepper of the stabilised explicit methods: for fields whose Jacobian has its eigenvalues near the negative real axis, as
 * that of a gradient flow, a step of size h costs about √(hρ) evaluations, ρ the spectral radius.
 */

import { Memory } from "../memory.js";
import { BaseStepper } from "./base-stepper.js";
import {
  type ChebyshevCoefficients,
  rkc2Coefficients,
  rkc2Reach,
  rkc2Stages,
  tsrkc3Coefficients,
  tsrkc3Reach,
  tsrkc3Stages,
} from "./chebyshev.js";
import type { Node, Restart, SpectralRadius, Step, StepperOptions, Tolerances } from "./contracts.js";
import { hermiteStep } from "./hermite-step.js";
import type { StabilisedMethod } from "./method.js";
import { powerMethod } from "./spectral-radius.js";
import { predictiveController } from "./step-size.js";

/** Accepted steps after which the spectral radius is asked for again (rkc.f); fewer at first and while it grows by more than a tenth each time. */
const RADIUS_AGE = 25;
const GROWING_AGE = 4;
const GROWTH = 1.1;
/** Step ratios h_{n−1}/h below this are outside the range in which TSRKC3 is stable; RKC2 takes the step (Moisa 2025). */
const LEAST_RATIO = 0.49;
/**
 * Gradients of a step that may err by the whole tolerance; one of fewer may err by as much less, one of more by as much more. For
 * with an error C·h^(p+1) a step and a price of √h, the sum of all errors is least for the price when each gradient errs alike.
 */
export const FULL_SHARE = 30;
/** Tolerances at and above which RKC2 needs fewer evaluations than TSRKC3 for the same error (docs/benchmarks.md). */
export const LOOSE = 1e-3;
/**
 * The part of a tolerance below that for RKC2: with every gradient erring alike its errors add up to tol^(4/5) (docs/math.md), so that
 * tol^(5/4) in place of tol makes the sum proportional to the tolerance.
 */
const rkc2Part = (rtol: number) => Math.min(1, rtol / LOOSE) ** (1 / 4);
/** Rounding grows like 10·s²·ε inside a step (rkc.f); it stays below the tolerance with at most this many stages. */
export const mostStages = (rtol: number, epsilon: number) =>
  Math.max(10, Math.floor(Math.sqrt(rtol / (10 * epsilon))));

export class StabilisedStepper<V> extends BaseStepper<V> {
  readonly #method: StabilisedMethod;
  readonly #spectralRadius: SpectralRadius<V>;
  readonly #mostStages: number;
  readonly #state = { radius: null as number | null, radiusAge: 0, radiusDue: RADIUS_AGE, stages: 0 };

  constructor(options: StepperOptions<V>, method: StabilisedMethod, asked: Tolerances) {
    const { name, order, steps, maxFactor } = method;
    const part = steps === 1 ? rkc2Part(asked.rtol) : 1;
    const tolerances = { ...asked, rtol: part * asked.rtol, atol: part * asked.atol };
    super(
      options,
      // TSRKC3 starts with a step of RKC2.
      { name, steps, estimateOrder: 2, controller: predictiveController(order, maxFactor), maxFactor },
      tolerances,
    );
    this.#method = method;
    const memory = options.memory ?? new Memory();
    this.#spectralRadius =
      options.spectralRadius ?? powerMethod(this.space, (t, y, out) => this.evaluate(t, y, out), memory);
    this.#mostStages = mostStages(tolerances.rtol, this.space.epsilon ?? Number.EPSILON);
    memory.keep("stabilised", this.#state);
  }

  /** The last estimate of the spectral radius; null before the first step. */
  get radius(): number | null {
    return this.#state.radius;
  }

  /** Stages of the last attempt. */
  get stages(): number {
    return this.#state.stages;
  }

  override restart(state: Restart<V>): void {
    // The step size of TSRKC3 may be more than RKC2, which takes the first step, can do: its estimate is known from the last step.
    const longest = this.#method.steps === 2 && this.past > 0 ? this.#startingSize() : Infinity;
    super.restart(state);
    if (this.stepSize === null) this.#state.radius = null;
    else this.stepSize = Math.min(this.stepSize, longest);
  }

  /** Takes over an estimate of the spectral radius, made elsewhere for this state. */
  knowRadius(radius: number): void {
    // The same number again says that it was not measured again: then it is as urgent as before.
    if (radius !== this.radius)
      this.#state.radiusDue =
        this.radius === null || radius > GROWTH * this.radius ? GROWING_AGE : RADIUS_AGE;
    this.#state.radius = radius;
    this.#state.radiusAge = 0;
  }

  /** After `restart`: goes on as if the step from `start`, by a method of at least this order, had been its own. */
  continueFrom(start: Node<V>): void {
    if (this.#method.steps === 2) this.adoptPast(start);
  }

  /** Asks for the spectral radius where it is due; bounds h so that the stages are not too many for the tolerance. */
  protected override async bound(size: number, wasRejected: boolean): Promise<number> {
    if (
      this.radius === null ||
      this.#state.radiusAge >= this.#state.radiusDue ||
      (wasRejected && this.#state.radiusAge > 0)
    ) {
      const { t, y, f } = this.now;
      const found = this.#spectralRadius(t, y, f, wasRejected ? this.next.f : null);
      this.knowRadius(typeof found === "number" ? found : await found);
    }
    const radius = this.radius!;
    const ratio = this.#ratio(size);
    const most = this.#mostStages;
    if (ratio === null) return rkc2Stages(size * radius) <= most ? Infinity : rkc2Reach(most) / radius;
    return tsrkc3Stages(size * radius, ratio) <= most ? Infinity : tsrkc3Reach(most, ratio) / radius;
  }

  protected override async attempt(h: number, t1: number): Promise<number> {
    const { space, t, now, next, scratch } = this;
    const ratio = this.#ratio(h);
    const coefficients = this.#coefficients(h, ratio);
    const { stages, mu, nu, muTilde, a, c, share, history } = coefficients;
    this.#state.stages = stages;
    // Stages alternate between two buffers, so that the last one lands in `next.y`.
    let [target, other] = stages % 2 === 1 ? [next.y, scratch] : [scratch, next.y];
    space.combine(target, [h * muTilde[1]!, 1], [now.f, now.y]);
    for (let j = 2; j <= stages; j++) {
      const pending = this.evaluate(t + c[j - 1]! * h, target, next.f);
      if (pending) await pending;
      const weight = h * muTilde[j]!;
      const own = 1 - mu[j]! - nu[j]!;
      if (j === 2) {
        // Y_0 is y itself.
        space.combine(other, [weight, -weight * a[1]!, mu[j]!, own + nu[j]!], [next.f, now.f, target, now.y]);
      } else {
        space.combine(
          other,
          [weight, -weight * a[j - 1]!, mu[j]!, nu[j]!, own],
          [next.f, now.f, target, other, now.y],
        );
      }
      [target, other] = [other, target];
    }
    if (ratio !== null) {
      space.combine(next.y, [share, history, 1 - share - history], [next.y, this.before.y, now.y]);
    }
    const pending = this.evaluate(t1, next.y, next.f);
    if (pending) await pending;
    const norm = ratio === null ? this.#defectNorm(h) : this.#twoStepNorm(h, ratio);
    return norm / (stages / FULL_SHARE);
  }

  protected override complete(): void {
    this.#state.radiusAge++;
  }

  protected override describe(h: number, requireCurrent: () => void): Step<V> {
    return hermiteStep(this.space, this.before, this.now, h, this.scratch, requireCurrent);
  }

  /** h_{n−1}/h where TSRKC3 can take the step, null where RKC2 has to. */
  #ratio(h: number): number | null {
    if (this.#method.steps === 1 || this.past === 0) return null;
    const ratio = (this.now.t - this.before.t) / h;
    return ratio < LEAST_RATIO ? null : ratio;
  }

  #coefficients(h: number, ratio: number | null): ChebyshevCoefficients {
    const hRho = h * this.radius!;
    return ratio === null
      ? rkc2Coefficients(rkc2Stages(hRho))
      : tsrkc3Coefficients(tsrkc3Stages(hRho, ratio), ratio);
  }

  /** RKC2's estimate; within TSRKC3 on the scale of its exponent, 1/4, so that one controller serves both. */
  #defectNorm(h: number): number {
    const { space, now, next, scratch } = this;
    const share = this.#method.defectShare;
    space.combine(scratch, [2 * share, -2 * share, h * share, h * share], [now.y, next.y, now.f, next.f]);
    const norm = this.errorNorm(scratch);
    return this.#method.steps === 1 ? norm : norm ** (4 / 3);
  }

  #twoStepNorm(h: number, q: number): number {
    const { space, now, next, before, scratch } = this;
    const share = this.#method.defectShare;
    const square = (1 + q) ** 2;
    space.combine(
      scratch,
      [share / q, -share / (q * square), (-share * (2 + q)) / square, (share * h) / (1 + q)],
      [now.y, before.y, next.y, next.f],
    );
    return this.errorNorm(scratch);
  }

  /** The step that RKC2 would have taken where TSRKC3 took its last one. */
  #startingSize(): number {
    const { space, now, before, scratch } = this;
    const h = now.t - before.t;
    const share = this.#method.defectShare;
    space.combine(scratch, [2 * share, -2 * share, h * share, h * share], [before.y, now.y, before.f, now.f]);
    const { rtol, atol } = this.tolerances;
    const norm = space.errorNorm(scratch, before.y, now.y, rtol, atol);
    return norm > 0 ? 0.8 * h * norm ** (-1 / 3) : Infinity;
  }
}
