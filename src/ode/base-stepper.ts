/**
 * What every stepper shares: a ring of (y, f) pairs, the derivative at the start, the loop that attempts a step, judges it and
 * accepts or retries, and the way back after an event. How an attempt is made is the subclass's business. The pairs change places at
 * each accepted step, so that the start of the last one stays intact.
 */

import { ConfigError, NumericalError } from "../errors.js";
import { Memory } from "../memory.js";
import type {
  Failure,
  Field,
  Node,
  Restart,
  Step,
  Stepper,
  StepperOptions,
  Tolerances,
} from "./contracts.js";
import {
  firstStep,
  minimalStep,
  NON_FINITE_ATTEMPTS,
  NON_FINITE_FACTOR,
  STRETCH,
  type StepSizeController,
} from "./step-size.js";
import type { VectorSpace } from "./vector-space.js";

/** Slack of a fixed step against the accumulated rounding of t: a remainder below h·1e-9 is not worth a step. */
const FIXED_STRETCH = 1e-9;

/** What the shared loop has to know of a method. */
export interface Anatomy {
  readonly name: string;
  /** Steps that an attempt looks back, itself included: 1 for one-step methods. */
  readonly steps: number;
  /** Order of the error estimate, for the starting step size. */
  readonly estimateOrder: number;
  /** Null for fixed step sizes. */
  readonly controller: StepSizeController | null;
  /** Largest growth of the step size in one step. */
  readonly maxFactor: number;
}

/** All that an attempt depends on beside the field, and the counts. */
interface StepperState<V> {
  t: number;
  stepSize: number | null;
  evaluations: number;
  accepted: number;
  rejected: number;
  /** Accepted steps since the start or the last restart: how many nodes of the ring are the solution's past. */
  past: number;
  derivativeKnown: boolean;
  /** The current node, those before it, and last the one that an attempt writes to. */
  readonly ring: Node<V>[];
}

export abstract class BaseStepper<V> implements Stepper<V> {
  readonly space: VectorSpace<V>;
  readonly name: string;

  protected readonly tolerances: Tolerances;
  protected readonly scratch: V;

  readonly #field: Field<V>;
  readonly #anatomy: Anatomy;
  readonly #tEnd: number;
  readonly #state: StepperState<V>;
  #stepId = 0;

  protected constructor(options: StepperOptions<V>, anatomy: Anatomy, tolerances: Tolerances) {
    const { space } = options;
    this.space = space;
    this.name = anatomy.name;
    this.tolerances = tolerances;
    this.#field = options.field;
    this.#anatomy = anatomy;
    this.#tEnd = options.tEnd ?? Infinity;
    this.#state = {
      t: options.t0,
      stepSize: options.stepSize ?? options.firstStep ?? null,
      evaluations: 0,
      accepted: 0,
      rejected: 0,
      past: 0,
      derivativeKnown: options.derivative !== undefined,
      ring: Array.from({ length: anatomy.steps + 1 }, () => ({
        t: options.t0,
        y: space.create(),
        f: space.create(),
      })),
    };
    this.scratch = space.create();
    space.copy(options.y0, this.now.y);
    if (options.derivative !== undefined) space.copy(options.derivative, this.now.f);
    const memory = options.memory ?? new Memory();
    memory.keep("stepper", this.#state);
    if (anatomy.controller !== null) memory.keep("controller", anatomy.controller.state);
  }

  /**
   * Computes a step of size h to t1 into `next.y` (and `next.f` where it falls off) and returns its error norm: at most 1 to be
   * accepted, not finite where a stage was not. Fixed methods return 0.
   */
  protected abstract attempt(h: number, t1: number): Promise<number>;

  /** Evaluates f(t1, y1) into `next.f` where `attempt` did not. */
  protected abstract complete(t1: number): Promise<void> | void;

  /** The step just taken, from `before` to `now`. `requireCurrent` throws once it is no longer valid. */
  protected abstract describe(h: number, requireCurrent: () => void): Step<V>;

  /** Called before an attempt: the largest step that the method can take here, for other reasons than accuracy. */
  protected bound(_size: number, _wasRejected: boolean): Promise<number> | number {
    return Infinity;
  }

  get t(): number {
    return this.#state.t;
  }

  get stepSize(): number | null {
    return this.#state.stepSize;
  }

  set stepSize(h: number) {
    this.#state.stepSize = h;
  }

  get evaluations(): number {
    return this.#state.evaluations;
  }

  get accepted(): number {
    return this.#state.accepted;
  }

  get rejected(): number {
    return this.#state.rejected;
  }

  protected get past(): number {
    return this.#state.past;
  }

  protected get now(): Node<V> {
    return this.#state.ring[0]!;
  }

  /** Start of the last accepted step. */
  protected get before(): Node<V> {
    return this.#state.ring[1]!;
  }

  /** Where the last accepted step began; null at the start and after a restart. */
  get lastStart(): Node<V> | null {
    return this.past > 0 ? this.before : null;
  }

  /** After `restart`: takes the step from there to the present state, made elsewhere, for its own. */
  protected adoptPast({ t, y, f }: Node<V>): void {
    this.before.t = t;
    this.space.copy(y, this.before.y);
    this.space.copy(f, this.before.f);
    this.#state.past = 1;
  }

  protected get next(): Node<V> {
    const { ring } = this.#state;
    return ring[ring.length - 1]!;
  }

  get y(): V {
    return this.now.y;
  }

  get derivative(): V {
    return this.now.f;
  }

  async prepare(): Promise<Failure | null> {
    const { space, t } = this;
    const { y, f } = this.now;
    if (!this.#state.derivativeKnown) {
      const pending = this.evaluate(t, y, f);
      if (pending) await pending;
      if (!space.isFinite(f)) return this.#failure("nonFinite", 0, "the field is not finite at the start");
      this.#state.derivativeKnown = true;
    }
    if (this.stepSize === null) {
      // The last pair is free here: there is no accepted step yet, or `restart` has ended it.
      this.stepSize = await firstStep({
        space,
        evaluate: (time, point, out) => this.evaluate(time, point, out),
        t,
        y,
        derivative: f,
        estimateOrder: this.#anatomy.estimateOrder,
        rtol: this.tolerances.rtol,
        atol: this.tolerances.atol,
        interval: Math.max(this.#tEnd - t, 0) || Infinity,
        scratch: [this.scratch, this.next.f],
      });
    }
    return null;
  }

  async advance(limit: number): Promise<Step<V> | Failure> {
    if (!(limit > this.t)) {
      throw new ConfigError(`${this.name}: the limit of a step must lie after t = ${this.t}, got ${limit}.`);
    }
    this.#stepId++;
    const failed = await this.prepare();
    if (failed !== null) return failed;
    const { controller } = this.#anatomy;
    return controller === null ? this.#advanceFixed(limit) : this.#advanceAdaptive(limit, controller);
  }

  restart(state: Restart<V>): void {
    const { space } = this;
    this.#stepId++;
    // y and derivative may be each other's buffers in the last step, but y never aliases the current f nor vice versa.
    space.copy(state.y, this.now.y);
    if (state.derivative !== undefined) space.copy(state.derivative, this.now.f);
    this.#state.derivativeKnown = state.derivative !== undefined;
    this.#state.t = state.t;
    this.now.t = state.t;
    this.#state.past = 0;
    const { controller } = this.#anatomy;
    if (controller !== null && state.keepStepSize !== true) {
      this.#state.stepSize = null;
      controller.reset();
    }
  }

  protected evaluate(t: number, y: V, out: V): Promise<void> | void {
    this.#state.evaluations++;
    return this.#field(t, y, out);
  }

  protected errorNorm(error: V): number {
    const { rtol, atol } = this.tolerances;
    return this.space.errorNorm(error, this.now.y, this.next.y, rtol, atol);
  }

  async #advanceFixed(limit: number): Promise<Step<V> | Failure> {
    const size = Math.min(this.stepSize!, this.tolerances.maxStep);
    const room = limit - this.t;
    const reaches = room <= size * (1 + FIXED_STRETCH);
    const h = reaches ? room : size;
    if (this.t + h === this.t) return this.#failure("stepTooSmall", h, "the step size no longer moves t");
    const t1 = reaches ? limit : this.t + h;
    await this.attempt(h, t1);
    if (!this.space.isFinite(this.next.y))
      return this.#failure("nonFinite", h, "the state is no longer finite");
    if (!(await this.#complete(t1))) {
      return this.#failure("nonFinite", h, "the field is not finite at the end of the step");
    }
    return this.#accept(t1, h);
  }

  async #advanceAdaptive(limit: number, controller: StepSizeController): Promise<Step<V> | Failure> {
    const { t } = this;
    const room = limit - t;
    let size = Math.max(Math.min(this.stepSize!, this.tolerances.maxStep), minimalStep(t));
    let wasRejected = false;
    let nonFinite = 0;
    for (;;) {
      const bounded = this.bound(size, wasRejected);
      const bound = typeof bounded === "number" ? bounded : await bounded;
      size = Math.min(size, bound);
      const reaches = room <= size * (1 + STRETCH);
      const h = reaches ? room : size;
      const t1 = reaches ? limit : t + h;
      const error = await this.attempt(h, t1);
      if (error <= 1 && this.space.isFinite(this.next.y) && (await this.#complete(t1))) {
        this.stepSize = this.#nextSize(h, size, error, wasRejected, controller);
        return this.#accept(t1, h);
      }
      this.#state.rejected++;
      wasRejected = true;
      // An error above 1 is a verdict on h; anything else that got here is a stage, a state or a slope that is not finite.
      const finite = error > 1 && error < Infinity;
      size = h * (finite ? controller.afterRejected(error) : NON_FINITE_FACTOR);
      if (!finite) nonFinite++;
      const tooSmall = size < minimalStep(t) || t + size === t;
      if (nonFinite > NON_FINITE_ATTEMPTS || (tooSmall && !finite)) {
        return this.#failure("nonFinite", h, `no finite step was found in ${nonFinite} attempts`);
      }
      if (tooSmall) {
        return this.#failure("stepTooSmall", h, "the tolerance asks for a step below the resolution of t");
      }
    }
  }

  /** The proposal after an accepted step of size h, when `size` had been proposed and the limit may have cut it. */
  #nextSize(
    h: number,
    size: number,
    error: number,
    wasRejected: boolean,
    controller: StepSizeController,
  ): number {
    const { maxFactor } = this.#anatomy;
    const factor = error === 0 ? maxFactor : controller.afterAccepted(error, h);
    const grown = wasRejected ? Math.min(h * factor, h) : h * factor;
    if (h >= size) {
      controller.remember(error, h);
      return grown;
    }
    // A cut step says little about longer ones: unless it asks for less, the proposal it was cut from stands.
    return factor < maxFactor ? grown : Math.max(grown, size);
  }

  /** False if f(t1, y1) is not finite, for the next step could not mend it. */
  async #complete(t1: number): Promise<boolean> {
    const pending = this.complete(t1);
    if (pending) await pending;
    return this.space.isFinite(this.next.f);
  }

  #accept(t1: number, h: number): Step<V> {
    const state = this.#state;
    const reached = state.ring.pop()!;
    reached.t = t1;
    state.ring.unshift(reached);
    state.t = t1;
    state.accepted++;
    state.past++;
    const id = this.#stepId;
    const t0 = this.before.t;
    return this.describe(h, () => {
      if (id !== this.#stepId)
        throw new NumericalError(`${this.name}: the step from t = ${t0} is no longer valid.`);
    });
  }

  #failure(status: Failure["status"], h: number, why: string): Failure {
    return { status, t: this.t, h, message: `${this.name}: ${why} (t = ${this.t}, h = ${h}).` };
  }
}
