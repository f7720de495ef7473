/**
 * How descent goes from step to step, and its clock beside the flow. `momentum` (Polyak 1964): v ← βv − η∇L(θ), θ ← θ + v; `nesterov` (1983): the same with the
 * gradient at θ + βv. Both take steps of η/(1 − β) of the flow's time, to leading order in η at fixed β.
 */
import type { BatchLaw } from "./batches.js";

export interface DescentLaw {
  readonly kind: "gradient" | "momentum" | "nesterov";
  /** β; 0 for `gradient`. */
  readonly momentum: number;
  /** Whose gradient a step takes; absent for that of all samples. */
  readonly batch?: BatchLaw | null;
}

export const GRADIENT: DescentLaw = { kind: "gradient", momentum: 0 };

/** Flow time of a step. */
export function stepTime({ momentum }: DescentLaw, learningRate: number): number {
  return momentum === 0 ? learningRate : learningRate / (1 - momentum);
}

/**
 * The sharpness above which a quadratic loss is left: where an eigenvalue of the step's recurrence reaches −1. Of momentum
 * 2(1 + β)/η, of Nesterov's 2(1 + β)/((1 + 2β)η).
 */
export function sharpnessLimit({ kind, momentum }: DescentLaw, learningRate: number): number {
  const limit = momentum === 0 ? 2 / learningRate : (2 * (1 + momentum)) / learningRate;
  return kind === "nesterov" ? limit / (1 + 2 * momentum) : limit;
}
