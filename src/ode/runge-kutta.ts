/**
 * The one stepper behind every tableau: stages, error norm, acceptance, buffers. Two pairs (y, f) change places at each
 * accepted step, so that the start of the last step stays intact. Nothing of state size is allocated after construction, save
 * the extra stages of dense output, once.
 */

import { ConfigError, NumericalError } from "../errors.js";
import {
  firstStep,
  minimalStep,
  NON_FINITE_ATTEMPTS,
  NON_FINITE_FACTOR,
  piController,
  STRETCH,
  type StepSizeController,
} from "./step-size.js";
import type { Failure, Field, Restart, Step, Stepper, StepperOptions } from "./stepper.js";
import { denseWeights, type Method } from "./tableau.js";
import type { VectorSpace } from "./vector-space.js";

/** Slack of a fixed step against the accumulated rounding of t: a remainder below h·1e-9 is not worth a step. */
const FIXED_STRETCH = 1e-9;

interface Tolerances {
  readonly rtol: number;
  readonly atol: number;
  readonly maxStep: number;
}

/** A row of the tableau without its zeros, with room for `combine`'s arguments; the last vector is y0. */
interface Row<V> {
  readonly index: readonly number[];
  readonly weight: readonly number[];
  readonly coefficients: number[];
  readonly vectors: V[];
}

interface Node<V> {
  readonly y: V;
  readonly f: V;
}

export class RungeKuttaStepper<V> implements Stepper<V> {
  readonly space: VectorSpace<V>;
  readonly name: string;
  t: number;
  stepSize: number | null;
  evaluations = 0;
  accepted = 0;
  rejected = 0;

  readonly #field: Field<V>;
  readonly #method: Method;
  readonly #tolerances: Tolerances;
  readonly #tEnd: number;
  readonly #controller: StepSizeController | null;
  #now: Node<V>;
  #before: Node<V>;
  /** k_0 … k_{s−1}, end derivative, extra stages; k_0 and the end derivative are set at each step. */
  readonly #k: V[];
  readonly #scratch: V;
  readonly #stageRows: readonly Row<V>[];
  readonly #solutionRow: Row<V>;
  readonly #errorRows: readonly Row<V>[];
  readonly #extraRows: readonly Row<V>[];
  #derivativeKnown = false;
  #stepId = 0;

  constructor(options: StepperOptions<V>, method: Method, tolerances: Tolerances) {
    const { space } = options;
    this.space = space;
    this.name = method.name;
    this.#field = options.field;
    this.#method = method;
    this.#tolerances = tolerances;
    this.#tEnd = options.tEnd ?? Infinity;
    this.t = options.t0;
    this.stepSize = options.stepSize ?? options.firstStep ?? null;
    this.#controller = method.error === null ? null : piController(method.controller!, method.error.order);
    this.#now = { y: space.create(), f: space.create() };
    this.#before = { y: space.create(), f: space.create() };
    this.#scratch = space.create();
    this.#k = [this.#now.f];
    for (let i = 1; i < method.stages; i++) this.#k.push(space.create());
    this.#k.push(this.#before.f);
    this.#stageRows = method.a.map((weights) => row<V>(weights));
    this.#solutionRow = row(method.b);
    this.#errorRows = errorWeights(method).map((weights) => row<V>(weights));
    this.#extraRows = method.dense.extraStages.map((stage) => row(stage.a));
    space.copy(options.y0, this.#now.y);
    if (options.derivative !== undefined) {
      space.copy(options.derivative, this.#now.f);
      this.#derivativeKnown = true;
    }
  }

  get y(): V {
    return this.#now.y;
  }

  get derivative(): V {
    return this.#now.f;
  }

  async prepare(): Promise<Failure | null> {
    const { space, t } = this;
    const { y, f } = this.#now;
    if (!this.#derivativeKnown) {
      const pending = this.#evaluate(t, y, f);
      if (pending) await pending;
      if (!space.isFinite(f)) return this.#failure("nonFinite", 0, "the field is not finite at the start");
      this.#derivativeKnown = true;
    }
    if (this.stepSize === null) {
      // The end buffers are free here: there is no accepted step yet, or `restart` has ended it.
      this.stepSize = await firstStep({
        space,
        evaluate: (time, point, out) => this.#evaluate(time, point, out),
        t,
        y,
        derivative: f,
        estimateOrder: this.#method.error!.order,
        rtol: this.#tolerances.rtol,
        atol: this.#tolerances.atol,
        interval: Math.max(this.#tEnd - t, 0) || Infinity,
        scratch: [this.#scratch, this.#before.f],
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
    return this.#controller === null
      ? this.#advanceFixed(limit)
      : this.#advanceAdaptive(limit, this.#controller);
  }

  restart(state: Restart<V>): void {
    const { space } = this;
    this.#stepId++;
    // y and derivative may be each other's buffers in the last step, but y never aliases the current f nor vice versa.
    space.copy(state.y, this.#now.y);
    if (state.derivative !== undefined) space.copy(state.derivative, this.#now.f);
    this.#derivativeKnown = state.derivative !== undefined;
    this.t = state.t;
    if (this.#controller !== null && state.keepStepSize !== true) {
      this.stepSize = null;
      this.#controller.reset();
    }
  }

  async #advanceFixed(limit: number): Promise<Step<V> | Failure> {
    const size = Math.min(this.stepSize!, this.#tolerances.maxStep);
    const room = limit - this.t;
    const reaches = room <= size * (1 + FIXED_STRETCH);
    const h = reaches ? room : size;
    if (this.t + h === this.t) return this.#failure("stepTooSmall", h, "the step size no longer moves t");
    const t1 = reaches ? limit : this.t + h;
    await this.#attempt(h, t1);
    if (!this.space.isFinite(this.#before.y))
      return this.#failure("nonFinite", h, "the state is no longer finite");
    if (!(await this.#endDerivative(t1))) {
      return this.#failure("nonFinite", h, "the field is not finite at the end of the step");
    }
    return this.#accept(t1, h);
  }

  async #advanceAdaptive(limit: number, controller: StepSizeController): Promise<Step<V> | Failure> {
    const { t } = this;
    const room = limit - t;
    let size = Math.max(Math.min(this.stepSize!, this.#tolerances.maxStep), minimalStep(t));
    let wasRejected = false;
    let nonFinite = 0;
    for (;;) {
      const reaches = room <= size * (1 + STRETCH);
      const h = reaches ? room : size;
      const t1 = reaches ? limit : t + h;
      await this.#attempt(h, t1);
      const error = this.#errorNorm(h);
      if (error <= 1 && this.space.isFinite(this.#before.y) && (await this.#endDerivative(t1))) {
        this.stepSize = this.#nextSize(h, size, error, wasRejected, controller);
        return this.#accept(t1, h);
      }
      this.rejected++;
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
    const { maxFactor } = this.#method.controller!;
    const factor = error === 0 ? maxFactor : controller.afterAccepted(error);
    const grown = wasRejected ? Math.min(h * factor, h) : h * factor;
    if (h >= size) {
      controller.remember(error);
      return grown;
    }
    // A cut step says little about longer ones: unless it asks for less, the proposal it was cut from stands.
    return factor < maxFactor ? grown : Math.max(grown, size);
  }

  /** Stages and solution of a step of size h, left in the buffers of `#before`; the end derivative only where FSAL. */
  async #attempt(h: number, t1: number): Promise<void> {
    const { space, t } = this;
    const k = this.#k;
    const { stages, c, fsal } = this.#method;
    const { y } = this.#now;
    k[0] = this.#now.f;
    k[stages] = this.#before.f;
    for (let i = 1; i < stages; i++) {
      space.combine(this.#scratch, ...fill(this.#stageRows[i]!, h, k, y));
      const pending = this.#evaluate(t + c[i]! * h, this.#scratch, k[i]!);
      if (pending) await pending;
    }
    space.combine(this.#before.y, ...fill(this.#solutionRow, h, k, y));
    if (fsal) {
      const pending = this.#evaluate(t1, this.#before.y, this.#before.f);
      if (pending) await pending;
    }
  }

  /** Evaluates f(t1, y1) where the estimate did not need it; false if it is not finite, for the next step could not mend it. */
  async #endDerivative(t1: number): Promise<boolean> {
    if (!this.#method.fsal) {
      const pending = this.#evaluate(t1, this.#before.y, this.#before.f);
      if (pending) await pending;
    }
    return this.space.isFinite(this.#before.f);
  }

  #errorNorm(h: number): number {
    const norms = this.#errorRows.map((errorRow) => {
      this.space.combine(this.#scratch, ...fill(errorRow, h, this.#k, null));
      return this.space.errorNorm(
        this.#scratch,
        this.#now.y,
        this.#before.y,
        this.#tolerances.rtol,
        this.#tolerances.atol,
      );
    });
    const [fifth, third] = norms as [number, number | undefined];
    if (third === undefined || (fifth === 0 && third === 0)) return fifth;
    // dop853.f, with the mean under the root instead of the sum: h is in the rows already.
    return fifth ** 2 / Math.sqrt(fifth ** 2 + 0.01 * third ** 2);
  }

  #accept(t1: number, h: number): Step<V> {
    const t0 = this.t;
    const before = this.#now;
    this.#now = this.#before;
    this.#before = before;
    this.t = t1;
    this.accepted++;
    return this.#step(t0, t1, h);
  }

  #step(t0: number, t1: number, h: number): Step<V> {
    const { space } = this;
    const method = this.#method;
    const start = this.#before;
    const end = this.#now;
    const id = this.#stepId;
    const weights: number[] = [];
    let extraKnown = this.#extraRows.length === 0;
    const requireCurrent = () => {
      if (id !== this.#stepId)
        throw new NumericalError(`${this.name}: the step from t = ${t0} is no longer valid.`);
    };
    const extraStages = async () => {
      await this.#evaluateExtraStages(t0, h, start.y);
      extraKnown = true;
    };
    const readOff = (t: number, out: V) => {
      denseWeights(method, (t - t0) / h, weights);
      for (let i = 0; i < weights.length; i++) weights[i]! *= h;
      weights.push(1);
      space.combine(out, weights, [...this.#k, start.y]);
    };
    return {
      status: "accepted",
      t0,
      t1,
      h,
      y0: start.y,
      y1: end.y,
      derivative0: start.f,
      derivative1: end.f,
      stageTimes: method.c.map((c) => t0 + c * h),
      interpolate(t, out) {
        requireCurrent();
        if (t === t0) return space.copy(start.y, out);
        if (t === t1) return space.copy(end.y, out);
        if (extraKnown) return readOff(t, out);
        return extraStages().then(() => readOff(t, out));
      },
      quadrature: (functional, until = t1) => {
        requireCurrent();
        let by: readonly number[] = method.b;
        if (until !== t1) {
          if (!extraKnown) {
            throw new NumericalError(
              `${this.name}: call interpolate before a quadrature over part of the step.`,
            );
          }
          by = denseWeights(method, (until - t0) / h, []);
        }
        return by.reduce((sum, b, i) => (b === 0 ? sum : sum + h * b * functional(this.#k[i]!, i)), 0);
      },
    };
  }

  async #evaluateExtraStages(t0: number, h: number, y0: V): Promise<void> {
    const k = this.#k;
    const { stages, dense } = this.#method;
    for (let i = 0; i < this.#extraRows.length; i++) {
      const index = stages + 1 + i;
      k[index] ??= this.space.create();
      this.space.combine(this.#scratch, ...fill(this.#extraRows[i]!, h, k, y0));
      const pending = this.#evaluate(t0 + dense.extraStages[i]!.c * h, this.#scratch, k[index]!);
      if (pending) await pending;
    }
  }

  #evaluate(t: number, y: V, out: V): Promise<void> | void {
    this.evaluations++;
    return this.#field(t, y, out);
  }

  #failure(status: Failure["status"], h: number, why: string): Failure {
    return { status, t: this.t, h, message: `${this.name}: ${why} (t = ${this.t}, h = ${h}).` };
  }
}

function errorWeights(method: Method): readonly (readonly number[])[] {
  if (method.error === null) return [];
  return method.error.kind === "single" ? [method.error.weights] : [method.error.fifth, method.error.third];
}

function row<V>(weights: readonly number[]): Row<V> {
  const index = [...weights.keys()].filter((i) => weights[i] !== 0);
  return { index, weight: index.map((i) => weights[i]!), coefficients: [], vectors: [] };
}

/** Arguments of `combine` for base + h Σ w_i k_i; y0 comes last, so that small increments add up before they meet it. */
function fill<V>(
  target: Row<V>,
  h: number,
  k: readonly V[],
  base: V | null,
): [readonly number[], readonly V[]] {
  const { index, weight, coefficients, vectors } = target;
  const n = index.length;
  for (let i = 0; i < n; i++) {
    coefficients[i] = h * weight[i]!;
    vectors[i] = k[index[i]!]!;
  }
  if (base !== null) {
    coefficients[n] = 1;
    vectors[n] = base;
  }
  return [coefficients, vectors];
}
