/**
 * The stepper of RODAS4: a linearly implicit method that is given the Jacobian and solves with it, so that no eigenvalue limits its step. For
 * small systems, autonomous fields and plain arrays: a step costs a Jacobian, a factorisation and six evaluations.
 */

import { type Factorisation, factoriseLu } from "../linalg/lu.js";
import { BaseStepper } from "./base-stepper.js";
import type { JacobianField, Step, StepperOptions, Tolerances } from "./contracts.js";
import { hermiteStep } from "./hermite-step.js";
import { methods } from "./methods/index.js";
import { piController } from "./step-size.js";

/** Coefficients of RODAS: Hairer, Wanner, Solving Ordinary Differential Equations II, VI.4 and rodas.f (METH = 1). */
const GAMMA = 0.25;
const A = [
  [],
  [1.544],
  [0.9466785280815826, 0.2557011698983284],
  [3.314825187068521, 2.896124015972201, 0.9986419139977817],
  [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.687886036105895],
];
const C = [
  [],
  [-5.6688],
  [-2.430093356833875, -0.2063599157091915],
  [-0.1073529058151375, -9.594562251023355, -20.47028614809616],
  [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.7089089320616],
  [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054],
];
const { name, estimateOrder, controller } = methods.rodas4;

export class RosenbrockStepper extends BaseStepper<Float64Array> {
  /** Jacobians formed so far. */
  jacobians = 0;
  readonly #jacobian: JacobianField;
  readonly #matrix: Float64Array;
  readonly #k: Float64Array[];
  /** Where the Jacobian in `#matrix` was taken. */
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
    this.#k = Array.from({ length: 6 }, () => this.space.create());
    this.#jacobian = options.jacobian ?? ((t, y, out) => this.#differences(t, y, out));
  }

  protected override async attempt(h: number, t1: number): Promise<number> {
    const { space, now, next, scratch } = this;
    const k = this.#k;
    if (this.past === 0 || this.#at !== now.t) {
      const pending = this.#jacobian(now.t, now.y, this.#matrix);
      if (pending) await pending;
      this.jacobians++;
      this.#at = now.t;
    }
    const solver: Factorisation = factoriseLu(this.#matrix, space.dimension, 1 / (h * GAMMA));
    // k_i solves (I/(hγ) − J)k_i = f(y + Σ a_ij k_j) + Σ c_ij k_j / h.
    for (let i = 0; i < 6; i++) {
      const point = i === 0 ? now.y : next.y;
      if (i > 0 && i < 5) space.combine(next.y, [...A[i]!, 1], [...k.slice(0, i), now.y]);
      // The last two stages go on from the embedded solution: y_6 = y_5 + k_5, y_1 = y_6 + k_6.
      if (i === 5) space.combine(next.y, [1, 1], [next.y, k[4]!]);
      if (i === 0) space.copy(now.f, scratch);
      else {
        const pending = this.evaluate(i < 4 ? now.t : t1, point, scratch);
        if (pending) await pending;
      }
      space.combine(k[i]!, [1, ...C[i]!.map((c) => c / h)], [scratch, ...k.slice(0, i)]);
      if (!space.isFinite(k[i]!)) return Number.NaN;
      solver.solve(k[i]!);
    }
    space.combine(next.y, [1, 1], [next.y, k[5]!]);
    return this.errorNorm(k[5]!);
  }

  protected override complete(t1: number): Promise<void> | void {
    return this.evaluate(t1, this.next.y, this.next.f);
  }

  protected override describe(h: number, requireCurrent: () => void): Step<Float64Array> {
    return hermiteStep(this.space, this.before, this.now, h, this.scratch, requireCurrent);
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
