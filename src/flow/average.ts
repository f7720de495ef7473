/**
 * Running averages of a descent that oscillates: what it does in the mean, which the flows past the edge of stability predict. A second iterate makes the
 * same steps, half a window ahead of the descent itself, so that the window about a step of descent is whole when that step is compared.
 */
import { addScaled, dot, squaredNorm } from "../linalg/vectors.js";
import type { Memory } from "../memory.js";
import { GRADIENT } from "./descent-law.js";
import { createIterate } from "./iterate.js";
import type { Problem } from "./problem.js";

/** Of the steps from k − h to k + h; those at the ends count half, so that what changes its sign from step to step cancels. */
export interface DescentAverage {
  /** The mean of θ_j. */
  readonly theta: Float64Array;
  /** The means of L(θ_j) and of ‖∇L(θ_j)‖². */
  readonly loss: number;
  readonly squaredGradient: number;
  /** The swing at step k, d_k = (2θ_k − θ_{k−1} − θ_{k+1})/4: of θ_j = c + (−1)^j x it is ±x, and no steady drift enters it. */
  readonly swing: Float64Array;
  /** The mean of ‖d_j‖² over the steps inside the window. */
  readonly variance: number;
  /** The mean of (uᵀd_j)². @param direction u, of length 1 */
  varianceAlong(direction: Float64Array): number;
}

export interface RunningAverage {
  /**
   * About step k, from the iterate's start on, not before the step asked for last. Where the window would begin before the start it is narrower.
   * Null where descent has diverged before its end, or an interruption came: the same call then goes on.
   */
  at(step: number, signal?: AbortSignal): Promise<DescentAverage | null>;
  /** θ_k of a step of the window that was asked for last. */
  stateAt(step: number): Float64Array;
}

/** @param window steps that it spans, even */
export function createRunningAverage(options: {
  readonly problem: Problem;
  /** θ of step `first`. */
  readonly start: Float64Array;
  readonly first?: number;
  readonly learningRate: number;
  readonly window: number;
  readonly memory: Memory;
}): RunningAverage {
  const { problem, start, first = 0, learningRate, window, memory } = options;
  const state = memory.keep("average", {
    theta: start.slice(),
    gradient: new Float64Array(start.length),
    /** Steps seen, the last window + 1 of them. */
    seen: [] as { step: number; theta: Float64Array; loss: number; squaredGradient: number }[],
  });
  const iterate = createIterate(problem, state, memory, GRADIENT);
  const gradient = new Float64Array(start.length);
  const { seen } = state;

  /** Looks at the step after the last. */
  const advance = async (): Promise<void> => {
    const step = (seen.at(-1)?.step ?? first - 1) + 1;
    if (step > first) iterate.descend(learningRate);
    const loss = await iterate.evaluate(step);
    const theta = iterate.read().slice();
    if (iterate.vector === null) gradient.set(state.gradient);
    else await problem.lossGradient(theta, gradient);
    seen.push({ step, theta, loss, squaredGradient: squaredNorm(gradient) });
    if (seen.length > window + 1) seen.shift();
  };

  return {
    async at(step, signal) {
      const half = Math.min(window / 2, step - first);
      while ((seen.at(-1)?.step ?? first - 1) < step + half) {
        if (signal?.aborted) return null;
        await advance();
      }
      const rows = seen.filter((row) => Math.abs(row.step - step) <= half);
      return rows.every(({ loss }) => Number.isFinite(loss)) ? averageOf(rows) : null;
    },
    stateAt: (step) => seen.find((row) => row.step === step)!.theta,
  };
}

function averageOf(
  rows: readonly { readonly theta: Float64Array; readonly loss: number; readonly squaredGradient: number }[],
): DescentAverage {
  const middle = (rows.length - 1) / 2;
  const size = rows[0]!.theta.length;
  const weights = rows.map((_, j) => (rows.length === 1 ? 1 : j === 0 || j === 2 * middle ? 0.5 : 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const meanOf = (value: (row: (typeof rows)[number]) => number) =>
    rows.reduce((sum, row, j) => sum + (weights[j]! / total) * value(row), 0);
  const theta = new Float64Array(size);
  for (const [j, row] of rows.entries()) addScaled(theta, row.theta, weights[j]! / total);
  const swingAt = (j: number, out: Float64Array): void => {
    const [before, here, after] = [rows[j - 1]!.theta, rows[j]!.theta, rows[j + 1]!.theta];
    for (let i = 0; i < size; i++) out[i] = (2 * here[i]! - before[i]! - after[i]!) / 4;
  };
  const swing = new Float64Array(size);
  /** Of the steps that have neighbours in the window. */
  const overSwings = (value: (d: Float64Array) => number): number => {
    if (rows.length < 3) return 0;
    const d = new Float64Array(size);
    let sum = 0;
    for (let j = 1; j < rows.length - 1; j++) {
      swingAt(j, d);
      sum += value(d);
    }
    return sum / (rows.length - 2);
  };
  if (rows.length >= 3) swingAt(middle, swing);
  return {
    ...{ theta, swing },
    loss: meanOf(({ loss }) => loss),
    squaredGradient: meanOf(({ squaredGradient }) => squaredGradient),
    variance: overSwings(squaredNorm),
    varianceAlong: (direction) => overSwings((d) => dot(direction, d) ** 2),
  };
}
