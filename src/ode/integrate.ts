/**
 * The integration loop: steps until the end, a limit, a stop, an interruption or a failure, and says which. `solve` is the
 * small form for plain arrays. Neither prints nor throws on numerical trouble.
 */

import { ConfigError } from "../errors.js";
import { Memory } from "../memory.js";
import { requirePositive } from "./arguments.js";
import type { Accepted, Advancing, StepperOptions } from "./contracts.js";
import { createStepper } from "./create-stepper.js";
import { float64Space } from "./vector-space.js";

export type OutcomeStatus =
  | "reachedEnd"
  | "stopped"
  | "maxSteps"
  | "maxEvaluations"
  | "stepTooSmall"
  | "nonFinite"
  | "interrupted";

/** How an integration ended. Counts are those of this integration, not of the stepper's life. */
export interface Outcome {
  readonly status: OutcomeStatus;
  readonly t: number;
  /** Size of the last step attempted; null if there was none. */
  readonly h: number | null;
  readonly message: string;
  readonly accepted: number;
  readonly rejected: number;
  readonly evaluations: number;
}

/** Where to stop. */
export interface IntegrationLimits {
  readonly tEnd: number;
  /** Accepted steps; default no limit. */
  readonly maxSteps?: number;
  /** Field evaluations, checked between steps; inside one by a field that throws `EvaluationsSpent`. Default no limit. */
  readonly maxEvaluations?: number;
  /** Checked between steps. */
  readonly signal?: AbortSignal;
}

export interface IntegrateOptions<S extends Accepted> extends IntegrationLimits {
  readonly stepper: Advancing<S>;
  /** Called after each accepted step; may restart the stepper. What it returns, if anything, ends the integration. */
  readonly onStep?: (step: S) => Promise<Ending | undefined> | Ending | undefined;
  /** Evaluations so far, where they are counted elsewhere than in the stepper and from the beginning of all. */
  readonly spent?: () => number;
  /** Called before each step, and before an interruption ends the integration: all state is at rest and may be saved. */
  readonly onRest?: () => Promise<void> | void;
  /** That of the stepper, where the integration is to be continued from a checkpoint. */
  readonly memory?: Memory;
}

/** Thrown by a field that is to be evaluated no more: the integration ends where the step began. */
export class EvaluationsSpent extends Error {}

/** `stop`, or how the integration ended and why. */
export type Ending = "stop" | Pick<Outcome, "status" | "message">;

/** Advances `stepper` to `tEnd`. */
export async function integrate<S extends Accepted>(options: IntegrateOptions<S>): Promise<Outcome> {
  const { stepper, tEnd, maxSteps = Infinity, maxEvaluations = Infinity, signal, onStep, onRest } = options;
  if (!(tEnd >= stepper.t && tEnd < Infinity)) {
    throw new ConfigError(
      `${stepper.name}: tEnd must be finite and not before t = ${stepper.t}, got ${tEnd}.`,
    );
  }
  if (maxSteps !== Infinity) requirePositive(stepper.name, "maxSteps", maxSteps);
  if (maxEvaluations !== Infinity) requirePositive(stepper.name, "maxEvaluations", maxEvaluations);
  const spent = options.spent ?? (() => stepper.evaluations);
  const start = {
    accepted: stepper.accepted,
    rejected: stepper.rejected,
    evaluations: options.spent === undefined ? spent() : 0,
  };
  const state = (options.memory ?? new Memory()).keep("integration", { start, h: null as number | null });
  const finish = (status: OutcomeStatus, message: string): Outcome => ({
    status,
    t: stepper.t,
    h: state.h,
    message,
    accepted: stepper.accepted - start.accepted,
    rejected: stepper.rejected - start.rejected,
    evaluations: spent() - start.evaluations,
  });
  const at = () => `t = ${stepper.t}`;
  const finishSpent = (): Outcome =>
    finish(
      "maxEvaluations",
      `${stepper.name}: of at most ${maxEvaluations} evaluations ${spent() - start.evaluations} were spent at ${at()}, too few for a step more.`,
    );
  while (stepper.t < tEnd) {
    if (signal?.aborted) {
      await onRest?.();
      return finish("interrupted", `${stepper.name}: interrupted at ${at()}.`);
    }
    if (stepper.accepted - start.accepted >= maxSteps) {
      return finish("maxSteps", `${stepper.name}: ${maxSteps} steps were not enough to pass ${at()}.`);
    }
    if (spent() - start.evaluations >= maxEvaluations) {
      return finishSpent();
    }
    await onRest?.();
    // After a signal that came during the rest no step is taken.
    if (signal?.aborted) continue;
    try {
      const result = await stepper.advance(tEnd);
      state.h = result.h;
      if (result.status !== "accepted") return finish(result.status, result.message);
      const ending = await onStep?.(result);
      if (ending === "stop") return finish("stopped", `${stepper.name}: stopped at ${at()}.`);
      if (ending !== undefined) return finish(ending.status, `${stepper.name}: ${ending.message}`);
    } catch (error) {
      if (error instanceof EvaluationsSpent) return finishSpent();
      throw error;
    }
  }
  return finish("reachedEnd", `${stepper.name}: reached t = ${tEnd}.`);
}

/** y' = f(t, y) over plain arrays. */
export type PlainField = (t: number, y: Float64Array) => ArrayLike<number>;

export interface SolveOptions
  extends Omit<StepperOptions<Float64Array>, "space" | "field" | "y0" | "derivative" | "tEnd">,
    IntegrationLimits {
  readonly y0: ArrayLike<number>;
  /** Increasing times in [t0, tEnd] to report, from the dense output; default every accepted step. */
  readonly at?: readonly number[];
}

export interface Solution extends Outcome {
  /** Times reported, t0 first unless `at` was given, and the states there. */
  readonly times: readonly number[];
  readonly states: readonly Float64Array[];
}

/** Solves y' = f(t, y) from plain arrays to plain arrays. After a failure the times reached so far are there. */
export async function solve(f: PlainField, options: SolveOptions): Promise<Solution> {
  const { y0, at, ...rest } = options;
  const { t0, tEnd } = options;
  const start = Float64Array.from(y0);
  at?.forEach((t, i) => {
    if (!(t >= (at[i - 1] ?? t0) && t <= tEnd)) {
      throw new ConfigError(`solve: at must increase within [${t0}, ${tEnd}], got ${t} at place ${i}.`);
    }
  });
  const stepper = createStepper({
    ...rest,
    space: float64Space(start.length),
    y0: start,
    field: (t, y, out) => out.set(f(t, y)),
  });
  const times: number[] = [];
  const states: Float64Array[] = [];
  const report = (t: number, y: Float64Array) => {
    times.push(t);
    states.push(y);
  };
  let next = 0;
  if (at === undefined) report(t0, start);
  for (; at !== undefined && at[next] === t0; next++) report(t0, start.slice());
  const outcome = await integrate({
    ...rest,
    stepper,
    async onStep(step) {
      if (at === undefined) report(step.t1, step.y1.slice());
      for (; at !== undefined && next < at.length && at[next]! <= step.t1; next++) {
        const out = new Float64Array(start.length);
        await step.interpolate(at[next]!, out);
        report(at[next]!, out);
      }
      return undefined;
    },
  });
  return { ...outcome, times, states };
}
