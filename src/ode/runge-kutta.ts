/**
 * The one stepper behind every tableau: stages, solution, error norm, dense output. Nothing of state size is allocated after
 * construction, save the extra stages of dense output, once.
 */

import { NumericalError } from "../errors.js";
import { BaseStepper } from "./base-stepper.js";
import type { Step, StepperOptions, Tolerances } from "./contracts.js";
import { piController } from "./step-size.js";
import { denseWeights, type Tableau } from "./tableau.js";

/** A row of the tableau without its zeros, with room for `combine`'s arguments; the last vector is y0. */
interface Row<V> {
  readonly index: readonly number[];
  readonly weight: readonly number[];
  readonly coefficients: number[];
  readonly vectors: V[];
}

export class RungeKuttaStepper<V> extends BaseStepper<V> {
  readonly #method: Tableau;
  /** k_0 … k_{s−1}, end derivative, extra stages; k_0 and the end derivative are set at each step. */
  readonly #k: V[];
  readonly #stageRows: readonly Row<V>[];
  readonly #solutionRow: Row<V>;
  readonly #errorRows: readonly Row<V>[];
  readonly #extraRows: readonly Row<V>[];

  constructor(options: StepperOptions<V>, method: Tableau, tolerances: Tolerances) {
    super(
      options,
      {
        name: method.name,
        steps: 1,
        estimateOrder: method.error?.order ?? 0,
        controller: method.error === null ? null : piController(method.controller!, method.error.order),
        maxFactor: method.controller?.maxFactor ?? 1,
      },
      tolerances,
    );
    this.#method = method;
    this.#k = [this.now.f];
    for (let i = 1; i < method.stages; i++) this.#k.push(this.space.create());
    this.#k.push(this.next.f);
    this.#stageRows = method.a.map((weights) => row<V>(weights));
    this.#solutionRow = row(method.b);
    this.#errorRows = errorWeights(method).map((weights) => row<V>(weights));
    this.#extraRows = method.dense.extraStages.map((stage) => row(stage.a));
  }

  /** Stages and solution; the end derivative only where FSAL. */
  protected override async attempt(h: number, t1: number): Promise<number> {
    const { space, t } = this;
    const k = this.#k;
    const { stages, c, fsal } = this.#method;
    const { y, f } = this.now;
    const next = this.next;
    k[0] = f;
    k[stages] = next.f;
    for (let i = 1; i < stages; i++) {
      space.combine(this.scratch, ...fill(this.#stageRows[i]!, h, k, y));
      const pending = this.evaluate(t + c[i]! * h, this.scratch, k[i]!);
      if (pending) await pending;
    }
    space.combine(next.y, ...fill(this.#solutionRow, h, k, y));
    if (fsal) {
      const pending = this.evaluate(t1, next.y, next.f);
      if (pending) await pending;
    }
    return this.#estimate(h);
  }

  /** Evaluates f(t1, y1) where the estimate did not need it. */
  protected override complete(t1: number): Promise<void> | void {
    if (!this.#method.fsal) return this.evaluate(t1, this.next.y, this.next.f);
  }

  /**
   * h|λ| of the stiffest mode in the last accepted step, from two evaluations at t1 that differ in it above all: h‖f(y1) − f(Y_s)‖/‖y1 − Y_s‖
   * with Y_s the last stage, c_s = 1 (dopri5.f, HLAMB). Null right after a restart or where there is no such stage.
   */
  stiffness(): number | null {
    const { stages, c } = this.#method;
    if (this.past === 0 || stages < 2 || c[stages - 1] !== 1) return null;
    const { space, scratch, before, now } = this;
    const h = now.t - before.t;
    const length = () => Math.sqrt(space.dot(scratch, scratch));
    space.combine(scratch, ...fill(this.#stageRows[stages - 1]!, h, this.#k, before.y));
    space.combine(scratch, [1, -1], [now.y, scratch]);
    const apart = length();
    space.combine(scratch, [1, -1], [now.f, this.#k[stages - 1]!]);
    return apart > 0 ? (h * length()) / apart : null;
  }

  #estimate(h: number): number {
    const norms = this.#errorRows.map((errorRow) => {
      this.space.combine(this.scratch, ...fill(errorRow, h, this.#k, null));
      return this.errorNorm(this.scratch);
    });
    const [fifth = 0, third] = norms;
    if (third === undefined || (fifth === 0 && third === 0)) return fifth;
    // dop853.f, with the mean under the root instead of the sum: h is in the rows already.
    return fifth ** 2 / Math.sqrt(fifth ** 2 + 0.01 * third ** 2);
  }

  protected override describe(h: number, requireCurrent: () => void): Step<V> {
    const { space } = this;
    const method = this.#method;
    const start = this.before;
    const end = this.now;
    const [t0, t1] = [start.t, end.t];
    const weights: number[] = [];
    let extraKnown = this.#extraRows.length === 0;
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
      this.space.combine(this.scratch, ...fill(this.#extraRows[i]!, h, k, y0));
      const pending = this.evaluate(t0 + dense.extraStages[i]!.c * h, this.scratch, k[index]!);
      if (pending) await pending;
    }
  }
}

function errorWeights(method: Tableau): readonly (readonly number[])[] {
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
