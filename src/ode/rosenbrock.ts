/**
 * The stepper of RODAS4: a linearly implicit method that is given the Jacobian and solves with it, so that no eigenvalue limits its step. For
 * small systems and plain arrays: a step costs a Jacobian, a factorisation and six evaluations.
 */

import { type Factorisation, factoriseLu } from "../linalg/lu.js";
import { BaseStepper } from "./base-stepper.js";
import type { JacobianField, Step, StepperOptions, Tolerances } from "./contracts.js";
import { hermiteStep } from "./hermite-step.js";
import { methods } from "./methods/index.js";
import { piController } from "./step-size.js";

/**
 * Distance at which ∂f/∂t is taken, as part of the step: by three points within it, whose error h³c²∂³f/∂t³/3 is far below that of the
 * step, as is the rounding ε/c.
 */
const TIME_SHARE = 1e-3;

const { name, stages, estimateOrder, controller, coefficients } = methods.rodas4;

export class RosenbrockStepper extends BaseStepper<Float64Array> {
  readonly #jacobian: JacobianField;
  readonly #matrix: Float64Array;
  /** ∂f/∂t; null where the field does not depend on t. */
  readonly #rate: Float64Array | null;
  readonly #k: Float64Array[];
  /** Where the Jacobian in `#matrix`, and the rate, were taken. */
  #at = Number.NaN;

  constructor(options: StepperOptions<Float64Array>, tolerances: Tolerances) {
    super(
      options,
      {
        name,
        steps: 1,
        estimateOrder,
        controller: piController(controller, estimateOrder),
        maxFactor: controller.maxFactor,
      },
      tolerances,
    );
    const n = this.space.dimension;
    this.#matrix = new Float64Array(n * n);
    this.#k = Array.from({ length: stages }, () => this.space.create());
    this.#rate = options.isAutonomous === true ? null : this.space.create();
    this.#jacobian = options.jacobian ?? ((t, y, out) => this.#differences(t, y, out));
  }

  protected override async attempt(h: number, t1: number): Promise<number> {
    const { space, now, next, scratch } = this;
    const k = this.#k;
    if (this.past === 0 || this.#at !== now.t) {
      const pending = this.#jacobian(now.t, now.y, this.#matrix);
      if (pending) await pending;
      if (this.#rate !== null) await this.#differentiate(h, this.#rate);
      this.#at = now.t;
    }
    const { gamma, a, g, c, d } = coefficients;
    const solver: Factorisation = factoriseLu(this.#matrix, space.dimension, 1 / (h * gamma));
    const last = stages - 1;
    for (let i = 0; i < stages; i++) {
      const point = i === 0 ? now.y : next.y;
      if (i > 0 && i < last) space.combine(next.y, [...a[i]!, 1], [...k.slice(0, i), now.y]);
      if (i === last) space.combine(next.y, [1, 1], [next.y, k[i - 1]!]);
      if (i === 0) space.copy(now.f, scratch);
      else {
        const pending = this.evaluate(c[i] === 1 ? t1 : now.t + c[i]! * h, point, scratch);
        if (pending) await pending;
      }
      space.combine(k[i]!, [1, ...g[i]!.map((value) => value / h)], [scratch, ...k.slice(0, i)]);
      if (this.#rate !== null) space.combine(k[i]!, [1, d[i]! * h], [k[i]!, this.#rate]);
      if (!space.isFinite(k[i]!)) return Number.NaN;
      solver.solve(k[i]!);
    }
    space.combine(next.y, [1, 1], [next.y, k[last]!]);
    return this.errorNorm(k[last]!);
  }

  protected override complete(t1: number): Promise<void> | void {
    return this.evaluate(t1, this.next.y, this.next.f);
  }

  protected override describe(h: number, requireCurrent: () => void): Step<Float64Array> {
    return hermiteStep(this.space, this.before, this.now, h, this.scratch, requireCurrent);
  }

  /** out ← ∂f/∂t at the start of a step of size h. */
  async #differentiate(h: number, out: Float64Array): Promise<void> {
    const { space, now } = this;
    const [near, far] = [now.t + TIME_SHARE * h, now.t + 2 * TIME_SHARE * h];
    // What t resolves may be less.
    const [p, q] = [near - now.t, far - now.t];
    if (!(q > p && p > 0)) {
      out.fill(0);
      return;
    }
    const later = space.create();
    const nearer = this.evaluate(near, now.y, out);
    if (nearer) await nearer;
    const farther = this.evaluate(far, now.y, later);
    if (farther) await farther;
    space.combine(out, [1, -1], [out, now.f]);
    space.combine(later, [1, -1], [later, now.f]);
    // The derivative at 0 of the parabola through 0 and the two.
    space.combine(out, [q / (p * (q - p)), -p / (q * (q - p))], [out, later]);
  }

  /** Forward differences, for fields whose Jacobian nobody gives. */
  async #differences(t: number, y: Float64Array, out: Float64Array): Promise<void> {
    const n = y.length;
    const point = y.slice();
    const slope = new Float64Array(n);
    for (let j = 0; j < n; j++) {
      const step = Math.sqrt(Number.EPSILON * Math.max(1e-5, Math.abs(y[j]!)));
      point[j] = y[j]! + step;
      const pending = this.evaluate(t, point, slope);
      if (pending) await pending;
      for (let i = 0; i < n; i++) out[i * n + j] = (slope[i]! - this.now.f[i]!) / step;
      point[j] = y[j]!;
    }
  }
}
