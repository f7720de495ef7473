/**
 * The stepper that chooses: an explicit pair while accuracy limits the step, a stabilised method once stability does, and back.
 * Both directions compare evaluations per unit of time, from what the running method has measured; nothing is evaluated for it.
 */

import { Memory } from "../memory.js";
import { rkc2Stages } from "./chebyshev.js";
import type { Failure, Phase, Restart, Step, Stepper, StepperOptions, Tolerances } from "./contracts.js";
import { DEFAULT_TOLERANCES } from "./defaults.js";
import { methods } from "./methods/index.js";
import { RungeKuttaStepper } from "./runge-kutta.js";
import { FULL_SHARE, LOOSE, StabilisedStepper } from "./stabilised.js";
import { stabilityInterval } from "./stability.js";
import type { Tableau } from "./tableau.js";
import type { VectorSpace } from "./vector-space.js";

/** Tolerances below which DOP853 needs fewer evaluations than Dormand–Prince 5 (docs/benchmarks.md). */
const TIGHT = 3e-7;
/** How much cheaper, in evaluations per unit of time, the other method has to look. */
const GAIN = 1.3;
/** Steps in a row for which it has to; and after how many steps a method is trusted to have found its step size. */
const PATIENCE = 4;
/** A method left again within this many steps was chosen in error: patience with it doubles. */
const REGRET = 30;
/**
 * The part of the tolerance that an explicit step may use, so that its gradients err as much as those of a stabilised one: its price does
 * not depend on h where the other's grows like √h, hence the factor 2·3/q for order q.
 */
const explicitShare = ({ stages, order }: Tableau) => (stages * 6) / (order * FULL_SHARE);
/** Part of the stability limit above which an explicit step is held back by it (dopri5.f: 3.25 of 3.31). */
const AT_LIMIT = 0.85;
/** Steps below this part of the explicit one are not for the noise of the stiff modes alone. */
const HIDDEN = 0.25;
/** Part of the stability limit with which an explicit method begins after a switch. */
const FIRST_SHARE = 0.8;

/** What the method not in use promises: its first step, and its cost beside the present one. */
interface Offer {
  readonly stepSize: number;
  readonly costBefore: number;
  readonly costPredicted: number;
}

/** The explicit method that `auto` begins with. */
export const explicitMethod = (rtol: number = DEFAULT_TOLERANCES.rtol): "dopri5" | "dop853" =>
  rtol < TIGHT ? "dop853" : "dopri5";

export class AutoStepper<V> implements Stepper<V> {
  readonly space: VectorSpace<V>;
  readonly name = methods.auto.name;

  readonly #explicit: RungeKuttaStepper<V>;
  readonly #method: Tableau;
  readonly #interval: number;
  readonly #stabilised: StabilisedStepper<V>;
  readonly #scratch: V;
  readonly #tolerances: Tolerances;
  readonly #state = {
    phases: [] as Phase[],
    isExplicit: true,
    /** The switch to be made before the next step. */
    ahead: null as Offer | null,
    inFavour: 0,
    stepsHere: 0,
    patience: { explicit: PATIENCE, stabilised: PATIENCE },
  };

  constructor(options: StepperOptions<V>, tolerances: Tolerances) {
    const { rtol } = tolerances;
    this.space = options.space;
    this.#method = methods[explicitMethod(rtol)];
    this.#interval = stabilityInterval(this.#method);
    this.#tolerances = tolerances;
    const memory = options.memory ?? new Memory();
    const part = (name: string) => ({ ...options, memory: memory.within(name) });
    const share = explicitShare(this.#method);
    this.#explicit = new RungeKuttaStepper(part("explicit"), this.#method, {
      ...tolerances,
      rtol: share * rtol,
      atol: share * tolerances.atol,
    });
    this.#stabilised = new StabilisedStepper(
      part("stabilised"),
      rtol >= LOOSE ? methods.rkc2 : methods.tsrkc3,
      tolerances,
    );
    this.#scratch = options.space.create();
    const first = { t: options.t0, method: this.#explicit.name, evaluations: 0 };
    this.#state.phases.push({ ...first, costBefore: null, costPredicted: null });
    memory.keep("auto", this.#state);
  }

  /** Which method ran from when on. */
  get phases(): readonly Phase[] {
    return this.#state.phases;
  }

  get #current(): RungeKuttaStepper<V> | StabilisedStepper<V> {
    return this.#state.isExplicit ? this.#explicit : this.#stabilised;
  }

  get t(): number {
    return this.#current.t;
  }

  get y(): V {
    return this.#current.y;
  }

  get derivative(): V {
    return this.#current.derivative;
  }

  get stepSize(): number | null {
    return this.#current.stepSize;
  }

  get evaluations(): number {
    return this.#explicit.evaluations + this.#stabilised.evaluations;
  }

  get accepted(): number {
    return this.#explicit.accepted + this.#stabilised.accepted;
  }

  get rejected(): number {
    return this.#explicit.rejected + this.#stabilised.rejected;
  }

  prepare(): Promise<Failure | null> {
    return this.#current.prepare();
  }

  restart(state: Restart<V>): void {
    this.#state.inFavour = 0;
    this.#current.restart(state);
  }

  /**
   * A step at the stability limit has no use for growth: the next one would be thrown away. Half of DOP853's are, without this.
   */
  #holdAtLimit(h: number): void {
    const stiffness = this.#explicit.stiffness() ?? 0;
    if (stiffness > AT_LIMIT * this.#interval) {
      const limit = (h * this.#interval) / stiffness;
      if (this.#explicit.stepSize! > limit) this.#explicit.stepSize = limit;
    }
  }

  async advance(limit: number): Promise<Step<V> | Failure> {
    if (this.#state.ahead !== null) this.#switch(this.#state.ahead);
    const step = await this.#current.advance(limit);
    if (step.status === "accepted") {
      this.#state.stepsHere++;
      if (this.#state.isExplicit) this.#holdAtLimit(step.h);
      // A step cut by the limit says nothing about the cost of either method.
      if (step.t1 < limit) this.#consider(step);
    }
    return step;
  }

  #switch({ stepSize, ...costs }: Offer): void {
    const from = this.#current;
    const to = from === this.#explicit ? this.#stabilised : this.#explicit;
    if (this.#state.stepsHere < REGRET && this.#state.phases.length > 1) {
      const left = from === this.#explicit ? "explicit" : "stabilised";
      this.#state.patience[left] *= 2;
    }
    to.restart({ t: from.t, y: from.y, derivative: from.derivative });
    to.stepSize = stepSize;
    if (to === this.#stabilised && from.lastStart !== null) to.continueFrom(from.lastStart);
    this.#state.isExplicit = to === this.#explicit;
    this.#state.ahead = null;
    this.#state.inFavour = 0;
    this.#state.stepsHere = 0;
    this.#state.phases.push({ t: from.t, method: to.name, evaluations: this.evaluations, ...costs });
  }

  /** Counts the steps in a row after which the other method looks cheaper. */
  #consider(step: Step<V>): void {
    const onExplicit = this.#state.isExplicit;
    const offer = onExplicit ? this.#offerOfStabilised(step) : this.#offerOfExplicit(step);
    const good = this.#state.stepsHere > PATIENCE && offer.costBefore > GAIN * offer.costPredicted;
    this.#state.inFavour = good ? this.#state.inFavour + 1 : 0;
    if (this.#state.inFavour >= this.#state.patience[onExplicit ? "stabilised" : "explicit"])
      this.#state.ahead = offer;
  }

  /**
   * What RKC2's estimate says of the explicit method's step; the spectral radius is at most that of a step at the stability
   * limit, since the explicit method took this one. TSRKC3 begins with RKC2 and gets cheaper from there.
   */
  #offerOfStabilised(step: Step<V>): Offer {
    const { space } = this;
    const { h, y0, y1, derivative0, derivative1 } = step;
    const { rtol, atol, maxStep } = this.#tolerances;
    space.combine(this.#scratch, [1.2, -1.2, 0.6 * h, 0.6 * h], [y0, y1, derivative0, derivative1]);
    const share = rkc2Stages(this.#interval) / FULL_SHARE;
    const error = space.errorNorm(this.#scratch, y0, y1, rtol, atol) / share;
    const accurate = Math.min(10 * h, error > 0 ? 0.8 * h * error ** (-1 / 3) : Infinity);
    // At the stability limit the stiff modes, which hover there, hide what the estimate would say of the others.
    const atLimit = (this.#explicit.stiffness() ?? 0) > AT_LIMIT * this.#interval;
    const hidden = atLimit && accurate > HIDDEN * h;
    const stepSize = Math.min(maxStep, Math.max(accurate, hidden ? 2 * h : 0));
    const radius = this.#interval / h;
    return {
      stepSize,
      costBefore: this.#method.stages / h,
      costPredicted: rkc2Stages(stepSize * radius) / stepSize,
    };
  }

  /** The least that the explicit method can cost: a step at its stability limit. */
  #offerOfExplicit(step: Step<V>): Offer {
    const { radius, stages } = this.#stabilised;
    const stepSize = Math.min(this.#tolerances.maxStep, this.#interval / Math.max(radius!, Number.MIN_VALUE));
    return {
      stepSize: Math.min(FIRST_SHARE * stepSize, 10 * step.h),
      costBefore: stages / step.h,
      costPredicted: this.#method.stages / stepSize,
    };
  }
}
