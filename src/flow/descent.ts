/**
 * Gradient descent beside the flow: θ_{k+1} = θ_k − η∇L(θ_k), compared with the flow at t = kη through its dense output.
 * Runs in lockstep with the flow's segments and stores no trajectory.
 */
import { kinksOf } from "./boundaries/kinks.js";
import type { Problem } from "./problem.js";
import { distance, type Segment } from "./smooth.js";

/** Descent counts as diverged once its loss is not finite or exceeds the initial loss by this factor. */
const DIVERGENCE_FACTOR = 1e6;
/** Slack on t/η, so that 0.3/0.1 counts as three steps. */
const ROUNDING = 1e-9;

/** GD against GF at t = kη. Gaps are Euclidean norms of θ and of the predictions F, and |L_GF − L_k|. */
export interface Comparison {
  readonly learningRate: number;
  readonly step: number;
  readonly t: number;
  readonly loss: number;
  readonly parameterGap: number;
  readonly functionGap: number;
  readonly lossGap: number;
}

export interface Descent {
  readonly learningRate: number;
  readonly last: Comparison | null;
  readonly divergedAtStep: number | null;
  /** How often an entry changed its piece from one step to the next; null where nobody counts. */
  readonly flips: number | null;
  /** Times kη at which this descent is compared. */
  readonly times: readonly number[];
  /** Runs descent to the segment's end, comparing on the way. */
  follow(
    segment: Segment,
    onComparison: (comparison: Comparison) => void,
    signal?: AbortSignal,
  ): Promise<void>;
}

/** k with kη ≤ t, forgiving rounding. */
export function stepsUntil(t: number, learningRate: number): number {
  return Math.floor((t / learningRate) * (1 + ROUNDING));
}

/**
 * @param times flow times near which to compare: each is moved to the nearest k·η; the last step before `tEnd` is always
 * compared.
 */
export function createDescent(options: {
  readonly problem: Problem;
  readonly theta0: Float64Array;
  readonly learningRate: number;
  readonly times: readonly number[];
  readonly tEnd: number;
  /** Count changes of activation pieces, at one more evaluation of the network a step. */
  readonly countFlips?: boolean;
}): Descent {
  const { problem, theta0, learningRate, tEnd } = options;
  const lastStep = stepsUntil(tEnd, learningRate);
  const wanted = [...options.times.map((t) => Math.min(Math.round(t / learningRate), lastStep)), lastStep];
  const steps = [...new Set(wanted)].filter((k) => k > 0).sort((p, q) => p - q);
  const theta = theta0.slice();
  const gradient = new Float64Array(theta.length);
  const flowTheta = new Float64Array(theta.length);
  const outputs = problem.family.samples * problem.family.spec.outputDimension;
  const prediction = new Float64Array(outputs);
  const flowPrediction = new Float64Array(outputs);
  let step = 0;
  let loss: number | null = null;
  let initialLoss = 0;
  let next = 0;
  let last: Comparison | null = null;
  let divergedAtStep: number | null = null;

  const counter = options.countFlips ? createFlipCounter(problem) : null;

  const evaluate = async (): Promise<boolean> => {
    loss = await problem.lossGradient(theta, gradient);
    if (step === 0) initialLoss = loss;
    await counter?.look(theta);
    if (!(loss <= DIVERGENCE_FACTOR * initialLoss)) divergedAtStep = step;
    return divergedAtStep === null;
  };

  return {
    learningRate,
    get last() {
      return last;
    },
    get divergedAtStep() {
      return divergedAtStep;
    },
    get flips() {
      return counter?.flips ?? null;
    },
    times: steps.map((k) => Math.min(k * learningRate, tEnd)),
    async follow(segment, onComparison, signal) {
      while (next < steps.length && divergedAtStep === null) {
        const target = steps[next] as number;
        const t = Math.min(target * learningRate, tEnd);
        if (t > segment.t1) return;
        if (loss === null && !(await evaluate())) return;
        while (step < target) {
          if (signal?.aborted) return;
          for (let i = 0; i < theta.length; i++)
            theta[i] = (theta[i] as number) - learningRate * (gradient[i] as number);
          step++;
          if (!(await evaluate())) return;
        }
        await segment.interpolate(t, flowTheta);
        await problem.predict(theta, prediction);
        await problem.predict(flowTheta, flowPrediction);
        const flowLoss = await problem.loss(flowTheta);
        last = {
          learningRate,
          step,
          t,
          loss: loss as unknown as number,
          parameterGap: distance(flowTheta, theta),
          functionGap: distance(flowPrediction, prediction),
          lossGap: Math.abs(flowLoss - (loss as unknown as number)),
        };
        onComparison(last);
        next++;
      }
    },
  };
}

/** Counts changes of activation pieces between successive looks; null where the activation has no kinks. */
function createFlipCounter(
  problem: Problem,
): { readonly flips: number; look(theta: Float64Array): Promise<void> } | null {
  const kinks = kinksOf(problem.family);
  if (kinks === null) return null;
  let program: Awaited<ReturnType<Problem["compile"]>> | null = null;
  let pieces: Float64Array | null = null;
  let flips = 0;
  return {
    get flips() {
      return flips;
    },
    async look(theta) {
      program ??= await problem.compile(problem.family.preactivations("free"));
      const { z } = await program.run({ theta });
      const now = (z as Float64Array).map(kinks.pieceOf);
      pieces?.forEach((piece, e) => {
        if (piece !== now[e]) flips++;
      });
      pieces = now;
    },
  };
}
