/**
 * The stepper of ODEX, Hairer and Wanner's extrapolation code (npm `odex`): other mathematics and other hands than our steppers, for
 * cross-checks. Each attempt is a solve of odex's own, in the time x = (t − t0)/h, that is left once it has accepted or rejected its first
 * step and begun the next, whose size is the proposal. The one importer of `odex`.
 */

import { createRequire } from "node:module";
import { BaseStepper } from "./base-stepper.js";
import { integrateSlopes } from "./collocation.js";
import type { Step, StepperOptions, Tolerances } from "./contracts.js";
import { methods } from "./methods/index.js";

/** The part of odex 2.0 used here; its own typings are TypeScript sources that a strict compiler rejects. */
interface OdexSolver {
  denseOutput: boolean;
  relativeTolerance: number;
  absoluteTolerance: number;
  initialStepSize: number;
  solve(
    f: (x: number, y: number[]) => ArrayLike<number>,
    x0: number,
    y0: number[],
    xEnd: number,
    observe: (call: number, before: number, now: number, y: number[], dense?: Dense | false) => boolean,
  ): unknown;
}
type Dense = (component: number, x: number) => number;
const odex = createRequire(import.meta.url)("odex") as { Solver: new (dimension: number) => OdexSolver };

/** End of odex's solve in units of the first step: room for a step as much longer as any of our methods may propose. */
const WINDOW = 12;
/** Evaluations in column j of the table with dense output, 4j − 2, and columns (odex.f: sequence 4, KM = 9). */
const COLUMNS = 9;
const MAX_FACTOR = WINDOW - 2;
/** Of the error estimate, for the starting step size: that of the second column, the first to be judged. */
const ESTIMATE_ORDER = 3;

/** When an attempt evaluates the field: column by column from the first, at the multiples of 1/(4j − 2). */
const stageTimes: readonly number[] = Array.from({ length: COLUMNS }, (_, j) => 4 * j + 2).flatMap((n) =>
  Array.from({ length: n }, (_, m) => (m + 1) / n),
);

/** Leaves a solve of odex from inside its callbacks. */
class Leave extends Error {
  constructor(
    /** An evaluation that odex has to wait for; or null at the end of an attempt. */
    readonly pending: Promise<void> | null,
    /** Ratio of the next step to this one, where the attempt has come to its end. */
    readonly factor = Number.NaN,
  ) {
    super("odex: left");
  }
}

export class OdexStepper extends BaseStepper<Float64Array> {
  /** What odex proposed last. */
  readonly #proposal: { factor: number };
  #dense: Dense = () => Number.NaN;

  constructor(options: StepperOptions<Float64Array>, tolerances: Tolerances) {
    const proposal = { factor: 1 };
    super(
      options,
      {
        name: methods.odex.name,
        steps: 1,
        estimateOrder: ESTIMATE_ORDER,
        controller: {
          state: proposal,
          afterAccepted: () => proposal.factor,
          afterRejected: () => proposal.factor,
          remember() {},
          reset() {},
        },
        maxFactor: MAX_FACTOR,
      },
      tolerances,
    );
    this.#proposal = proposal;
  }

  /**
   * odex calls its field synchronously. Where an evaluation has to be waited for, the solve is left, and repeated from its beginning with the
   * slopes known by then: the arithmetic of a table is done many times over, each gradient once.
   */
  protected override async attempt(h: number): Promise<number> {
    const slopes: Float64Array[] = [this.now.f];
    for (;;) {
      const { pending, factor, accepted } = this.#solve(h, slopes);
      if (pending !== null) await pending;
      if (!slopes[slopes.length - 1]!.every(Number.isFinite)) return Number.NaN;
      if (pending !== null) continue;
      this.#proposal.factor = factor;
      // odex has judged already: 1 and 2 stand for what it found.
      return accepted ? 1 : 2;
    }
  }

  /** One solve, as far as `slopes` and synchronous evaluations, which are added to it, allow. */
  #solve(h: number, slopes: Float64Array[]) {
    const { t, now, next } = this;
    const { rtol, atol } = this.tolerances;
    const solver = new odex.Solver(this.space.dimension);
    Object.assign(solver, {
      denseOutput: true,
      relativeTolerance: rtol,
      absoluteTolerance: atol,
      initialStepSize: 1,
    });
    let calls = 0;
    let [ended, accepted] = [false, false];
    const field = (x: number, y: number[]) => {
      const call = calls++;
      // The first slope of the next step or attempt is taken after an Euler step over half of it.
      if (accepted) throw new Leave(null, 2 * (x - 1));
      const isStage = call === 0 || same(x, stageTimes[call - 1]!);
      const isEnd = !isStage && same(x, 1);
      if (ended || !(isStage || isEnd)) throw new Leave(null, 2 * x);
      ended = isEnd;
      if (call === slopes.length) {
        const slope = this.space.create();
        slopes.push(slope);
        const pending = this.evaluate(t + x * h, Float64Array.from(y), slope);
        if (pending) throw new Leave(pending);
        if (!slope.every(Number.isFinite)) throw new Leave(null);
      }
      return slopes[call]!.map((value) => value * h);
    };
    const observe: Parameters<OdexSolver["solve"]>[4] = (call, _before, _now, y, dense) => {
      if (call === 1) return true;
      accepted = true;
      next.y.set(y);
      next.f.set(slopes[calls - 1]!);
      this.#dense = dense as Dense;
      return true;
    };
    try {
      solver.solve(field, 0, Array.from(now.y), WINDOW, observe);
    } catch (left) {
      if (left instanceof Leave) return { pending: left.pending, factor: left.factor, accepted };
      throw left;
    }
    throw new Error("odex: the solve ended before its second step.");
  }

  /** Evaluated with the attempt. */
  protected override complete(): void {}

  protected override describe(h: number, requireCurrent: () => void): Step<Float64Array> {
    const { before: start, now: end, space } = this;
    const dense = this.#dense;
    const [t0, t1] = [start.t, end.t];
    const read = (x: number, out: Float64Array) => {
      for (let i = 0; i < out.length; i++) out[i] = dense(i, x);
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
        read((t - t0) / h, out);
      },
      quadrature(functional, until = t1) {
        requireCurrent();
        const part = until === t1 ? 1 : (until - t0) / h;
        const length = part * h;
        return (
          length *
          integrateSlopes(
            space.dimension,
            (x, out) => read(part * x, out),
            (slope, node) =>
              functional(
                slope.map((value) => value / length),
                node,
              ),
          )
        );
      },
    };
  }
}

function same(x: number, y: number): boolean {
  return Math.abs(x - y) <= 1e-12;
}
