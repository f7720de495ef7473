/**
 * Hairer and Wanner's extrapolation code ODEX (npm `odex`) as an independent method: other mathematics and other hands than
 * our steppers, for cross-checks. Synchronous fields over `Float64Array` only. The one importer of `odex`.
 */

import { createRequire } from "node:module";
import { ConfigError } from "../errors.js";
import { requireFinite, requirePositive } from "./arguments.js";
import type { Outcome, OutcomeStatus } from "./integrate.js";

/** The part of odex 2.0 used here; its own typings are TypeScript sources that a strict compiler rejects. */
interface OdexSolver {
  maxSteps: number;
  denseOutput: boolean;
  relativeTolerance: number;
  absoluteTolerance: number;
  solve(
    f: (t: number, y: number[]) => ArrayLike<number>,
    t0: number,
    y0: number[],
    tEnd: number,
    observe: (
      call: number,
      tBefore: number,
      t: number,
      y: number[],
      dense?: (component: number, t: number) => number,
    ) => boolean,
  ): { readonly nStep: number; readonly nAccept: number; readonly nReject: number; readonly outcome: number };
}
const odex = createRequire(import.meta.url)("odex") as {
  Solver: new (dimension: number) => OdexSolver;
  Outcome: { readonly Converged: number; readonly MaxStepsExceeded: number };
};

/** One step of odex takes at most about 160 evaluations an attempt, so this many without an accepted step is 60 halvings. */
const EVALUATIONS_WITHOUT_PROGRESS = 10_000;
/** Default of odex. */
const MAX_STEPS = 10_000;

/** y' = f(t, y), out ← f; must return nothing. */
export type SyncField = (t: number, y: Float64Array, out: Float64Array) => void;

export interface OdexOptions {
  readonly field: SyncField;
  readonly t0: number;
  readonly y0: ArrayLike<number>;
  readonly tEnd: number;
  /** Odex measures the error as our steppers do: RMS of e_i/(atol + rtol·max(|before|, |after|)). */
  readonly rtol: number;
  readonly atol: number;
  /** Increasing times in [t0, tEnd] to report, from odex's dense output. Costs O(dimension²) per time. Default none. */
  readonly at?: readonly number[];
  /** Default 10 000. */
  readonly maxSteps?: number;
  /** Called at the start and after each accepted step; `stop` ends the integration. */
  readonly onSolution?: (t: number, y: Float64Array) => "stop" | undefined;
}

export interface OdexSolution extends Outcome {
  /** State at the time the integration ended. */
  readonly y: Float64Array;
  readonly times: readonly number[];
  readonly states: readonly Float64Array[];
}

/** Ends odex from inside its own callbacks. */
class Ending extends Error {
  constructor(readonly status: OutcomeStatus) {
    super(status);
  }
}

/** Solves with odex. Counts are ours: odex's own evaluation count leaves out those of dense output. */
export function solveOdex(options: OdexOptions): OdexSolution {
  const { field, t0, tEnd, rtol, atol, at = [], maxSteps = MAX_STEPS, onSolution } = options;
  requireFinite("odex", "t0", t0);
  if (!(tEnd > t0 && tEnd < Infinity))
    throw new ConfigError(`odex: tEnd must lie after t0 = ${t0}, got ${tEnd}.`);
  requirePositive("odex", "rtol", rtol);
  requirePositive("odex", "atol", atol);
  requirePositive("odex", "maxSteps", maxSteps);
  at.forEach((t, i) => {
    if (!(t >= (at[i - 1] ?? t0) && t <= tEnd)) {
      throw new ConfigError(`odex: at must increase within [${t0}, ${tEnd}], got ${t} at place ${i}.`);
    }
  });
  const dimension = options.y0.length;
  const point = new Float64Array(dimension);
  const slope = new Float64Array(dimension);
  let [evaluations, accepted, rejected, sinceAccepted, next] = [0, 0, 0, 0, 0];
  let t = t0;
  let h: number | null = null;
  let y = Array.from(options.y0);
  const times: number[] = [];
  const states: Float64Array[] = [];

  const evaluate = (time: number, state: number[]) => {
    evaluations++;
    sinceAccepted++;
    if (sinceAccepted > EVALUATIONS_WITHOUT_PROGRESS) throw new Ending("stepTooSmall");
    point.set(state);
    const returned: unknown = field(time, point, slope);
    if (typeof (returned as { then?: unknown } | undefined)?.then === "function") {
      throw new ConfigError("odex: the field returned a promise; odex is synchronous, use another method.");
    }
    if (!slope.every(Number.isFinite)) throw new Ending("nonFinite");
    return slope;
  };
  const observe: Parameters<OdexSolver["solve"]>[4] = (call, before, now, state, dense) => {
    if (call > 1) {
      accepted++;
      h = now - before;
    }
    sinceAccepted = 0;
    t = now;
    y = state;
    for (; next < at.length && at[next]! <= now; next++) {
      const time = at[next]!;
      times.push(time);
      states.push(Float64Array.from(state, (end, i) => (time === now || !dense ? end : dense(i, time))));
    }
    if (onSolution !== undefined && (call > 1 || now === t0)) {
      if (onSolution(now, Float64Array.from(state)) === "stop") throw new Ending("stopped");
    }
    return true;
  };

  const run = (): OutcomeStatus => {
    // odex may believe a step to be the last although a rejection shortened it; then it is simply called again.
    while (t < tEnd) {
      const from = t;
      const solver = new odex.Solver(dimension);
      solver.relativeTolerance = rtol;
      solver.absoluteTolerance = atol;
      solver.maxSteps = maxSteps - accepted;
      solver.denseOutput = at.length > 0;
      if (solver.maxSteps <= 0) return "maxSteps";
      const result = solver.solve(evaluate, t, y, tEnd, observe);
      rejected += result.nReject;
      if (result.outcome === odex.Outcome.MaxStepsExceeded) return "maxSteps";
      if (t === from) break;
    }
    return "reachedEnd";
  };
  let status: OutcomeStatus;
  try {
    status = run();
  } catch (error) {
    if (!(error instanceof Ending)) throw error;
    status = error.status;
  }
  const message = `odex: ${sentences[status]} (t = ${t}).`;
  return { status, t, h, message, accepted, rejected, evaluations, y: Float64Array.from(y), times, states };
}

const sentences: Readonly<Record<OutcomeStatus, string>> = {
  reachedEnd: "reached the end",
  stopped: "stopped by the caller",
  maxSteps: "the steps allowed were not enough",
  maxEvaluations: "the evaluations allowed were not enough",
  stepTooSmall: "no acceptable step was found",
  nonFinite: "the field is not finite",
  interrupted: "interrupted",
};
