/**
 * Gradient descent beside the flow: θ_{k+1} = θ_k − η∇L(θ_k), compared with the flow at t = kη through its dense output.
 * Runs in lockstep with the flow's segments and stores no trajectory.
 */

import type { ResidentVector } from "../engine/index.js";
import { distance } from "../linalg/norm.js";
import { Memory } from "../memory.js";
import { kinksOf } from "./boundaries/kinks.js";
import { type DescentLaw, GRADIENT, stepTime } from "./descent-law.js";
import { createIterate, type Iterate } from "./iterate.js";
import type { Problem } from "./problem.js";
import type { Segment } from "./segment.js";

/** Descent counts as diverged once its loss is not finite or exceeds the initial loss by this factor. */
export const DIVERGENCE_FACTOR = 1e6;
/** Slack on t/η, so that 0.3/0.1 counts as three steps: the rounding of two decimals and their quotient. */
const ROUNDING = 4 * Number.EPSILON;
/** Numbers that states of the flow owed to an interrupted descent may take: 128 MB. */
const MAX_OWED = 2 ** 24;

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
  readonly law: DescentLaw;
  readonly last: Comparison | null;
  /** θ_k and θ(t_k) of `last`; null where there is none or descent has gone on since. */
  readonly lastStates: ComparedStates | null;
  readonly divergedAtStep: number | null;
  /** How often an entry changed its piece from one step to the next; null where nobody counts. */
  readonly flips: number | null;
  /** Times kη at which this descent is compared. */
  readonly times: readonly number[];
  /** Whether it was interrupted short of the flow. */
  readonly isBehind: boolean;
  /** False where it is behind and the states of the flow that it missed were too many to be kept: they are gone. */
  readonly isWhole: boolean;
  /** Runs descent to the segment's end, comparing on the way; after an interruption `catchUp` comes first. */
  follow(segment: Segment, onComparison: OnComparison, signal?: AbortSignal): Promise<void>;
  /** Keeps what `catchUp` needs of the segment; where that is too much, runs right through as `follow`. */
  defer(segment: Segment, onComparison: OnComparison, signal?: AbortSignal): Promise<void>;
  /** Keeps the flow at the last step inside the segment, for an end that comes before its time. */
  remember(segment: Segment): Promise<void>;
  /** The flow has ended at t, before its time: `catchUp` compares the last step before as well, where it was remembered. */
  endAt(t: number): void;
  /**
   * Does what was deferred, or left undone by an interruption.
   * @param pause awaited between steps, where all of descent's state is at rest
   */
  catchUp(onComparison: OnComparison, signal?: AbortSignal, pause?: Pause): Promise<void>;
}

type Pause = () => Promise<void> | undefined;

/** θ_k and θ(t_k), valid during the call. */
export interface ComparedStates {
  readonly theta: Float64Array;
  readonly flowTheta: Float64Array;
}

/** Awaited. Returns false where an interruption came before it was done: the same comparison then comes again. */
type OnComparison = (comparison: Comparison, states: ComparedStates) => unknown;

/** The largest k with kη ≤ t, up to rounding; η is the flow time of a step. */
export function stepsUntil(t: number, duration: number): number {
  return Math.floor((t / duration) * (1 + ROUNDING));
}

export function createDescent(options: {
  readonly problem: Problem;
  readonly theta0: Float64Array;
  readonly learningRate: number;
  /** Default: gradient descent. */
  readonly law?: DescentLaw;
  /** Flow times near which to compare: each is moved to the nearest k·η; the last step before `tEnd` is always compared. */
  readonly times: readonly number[];
  readonly tEnd: number;
  /** Count changes of activation pieces, at one more evaluation of the network a step. */
  readonly countFlips?: boolean;
  readonly memory?: Memory;
}): Descent {
  const { problem, theta0, learningRate, law = GRADIENT, tEnd } = options;
  const duration = stepTime(law, learningRate);
  const lastStep = stepsUntil(tEnd, duration);
  const wanted = [...options.times.map((t) => Math.min(Math.round(t / duration), lastStep)), lastStep];
  const planned = [...new Set(wanted)].filter((k) => k > 0).sort((p, q) => p - q);
  const memory = options.memory ?? new Memory();
  const state = memory.keep("descent", {
    theta: theta0.slice(),
    gradient: new Float64Array(theta0.length),
    step: 0,
    /** Of the last evaluation; null before the first. */
    loss: null as number | null,
    initialLoss: 0,
    /** Comparisons made. */
    next: 0,
    last: null as Comparison | null,
    /** θ(t_k) of `last`. */
    flowTheta: new Float64Array(theta0.length),
    divergedAtStep: null as number | null,
    /** The last step of a flow that ended before its time. */
    end: null as number | null,
    /** The flow at a step that is compared only if it turns out to be the last. */
    remembered: null as { step: number; theta: Float64Array } | null,
    /** States of the flow at the next times, where an interruption came before them; null where they were too many. */
    owed: [] as { t: number; theta: Float64Array }[] | null,
  });
  const { flowTheta } = state;
  const withEnd = (end: number): number[] => [...planned.filter((k) => k < end), ...(end > 0 ? [end] : [])];
  let steps = state.end === null ? planned : withEnd(state.end);
  const iterate = createIterate(problem, state, memory, law);
  /** Nesterov's law evaluates elsewhere, minibatches another loss. */
  const isAtIterate = law.kind !== "nesterov" && !law.batch;
  const outputs = problem.family.samples * problem.family.network.outputs;
  const prediction = new Float64Array(outputs);
  const flowPrediction = new Float64Array(outputs);
  const counter = options.countFlips ? createFlipCounter(problem, iterate, memory) : null;

  const evaluate = async (): Promise<boolean> => {
    const loss = await iterate.evaluate(state.step);
    state.loss = loss;
    if (state.step === 0) state.initialLoss = isAtIterate ? loss : await problem.loss(theta0);
    await counter?.look();
    if (!(loss <= DIVERGENCE_FACTOR * state.initialLoss)) state.divergedAtStep = state.step;
    return state.divergedAtStep === null;
  };

  /** The flow's time at step k, which rounding may put beyond the end. */
  const timeOf = (k: number): number => Math.min(k * duration, tEnd);
  /** The next time of comparison; infinite where there is none. */
  const nextTime = (): number => {
    const target = state.divergedAtStep === null ? steps[state.next] : undefined;
    return target === undefined ? Number.POSITIVE_INFINITY : timeOf(target);
  };

  /** Descends to the next compared step; false where descent diverges before it or is interrupted. */
  const reach = async (signal: AbortSignal | undefined, pause?: Pause): Promise<boolean> => {
    const target = steps[state.next] as number;
    if (state.loss === null && !(await evaluate())) return false;
    while (state.step < target) {
      if (signal?.aborted) return false;
      await pause?.();
      iterate.descend(learningRate);
      state.step++;
      if (!(await evaluate())) return false;
    }
    return true;
  };

  /** At the step reached, with the flow there in `flowTheta`; false where whoever looks was interrupted. */
  const compare = async (onComparison: OnComparison): Promise<boolean> => {
    const theta = iterate.read();
    await problem.predict(theta, prediction);
    await problem.predict(flowTheta, flowPrediction);
    const flowLoss = await problem.loss(flowTheta);
    const loss = isAtIterate ? (state.loss as number) : await problem.loss(theta);
    const last: Comparison = {
      learningRate,
      step: state.step,
      t: nextTime(),
      loss,
      parameterGap: distance(flowTheta, theta),
      functionGap: distance(flowPrediction, prediction),
      lossGap: Math.abs(flowLoss - loss),
    };
    if ((await onComparison(last, { theta, flowTheta })) === false) return false;
    state.last = last;
    state.next++;
    return true;
  };

  /** Keeps the states of the flow with which it is still to be compared up to the end of the segment; false where these are too many. */
  const owe = async (segment: Segment): Promise<boolean> => {
    const owed = state.owed ?? [];
    const due = dueBy(segment.t1, owed.length);
    if ((owed.length + due.length) * theta0.length > MAX_OWED) return false;
    for (const t of due) {
      const theta = new Float64Array(theta0.length);
      await segment.interpolate(t, theta);
      owed.push({ t, theta });
    }
    return true;
  };

  /** Times of comparison up to t, those left out that are owed already. */
  const dueBy = (t: number, owed: number): number[] => {
    const due: number[] = [];
    for (let k = state.next + owed; k < steps.length && timeOf(steps[k]!) <= t; k++)
      due.push(timeOf(steps[k]!));
    return due;
  };

  const follow = async (
    segment: Segment,
    onComparison: OnComparison,
    signal?: AbortSignal,
  ): Promise<void> => {
    for (let t = nextTime(); t <= segment.t1; t = nextTime()) {
      let isCompared = await reach(signal);
      if (isCompared) {
        await segment.interpolate(t, flowTheta);
        isCompared = await compare(onComparison);
      }
      if (isCompared) continue;
      if (state.divergedAtStep === null && !(await owe(segment))) state.owed = null;
      return;
    }
  };

  return {
    learningRate,
    law,
    get last() {
      return state.last;
    },
    get lastStates() {
      return state.last?.step === state.step ? { theta: iterate.read(), flowTheta } : null;
    },
    get divergedAtStep() {
      return state.divergedAtStep;
    },
    get flips() {
      return counter?.flips ?? null;
    },
    times: planned.map(timeOf),
    get isBehind() {
      return state.owed?.length !== 0;
    },
    get isWhole() {
      return state.owed !== null;
    },
    follow,
    async remember(segment) {
      const step = stepsUntil(segment.t1, duration);
      if (state.divergedAtStep !== null || step === 0 || timeOf(step) < segment.t0) return;
      state.remembered ??= { step, theta: new Float64Array(theta0.length) };
      state.remembered.step = step;
      await segment.interpolate(timeOf(step), state.remembered.theta);
    },
    endAt(t) {
      const step = stepsUntil(t, duration);
      const { remembered, owed } = state;
      if (state.end !== null || remembered?.step !== step || owed === null) return;
      const isPlanned = planned.includes(step);
      state.end = step;
      steps = withEnd(step);
      if (!isPlanned) owed.push({ t: timeOf(step), theta: remembered.theta });
    },
    async defer(segment, onComparison, signal) {
      if (state.divergedAtStep !== null || state.owed === null || (await owe(segment))) return;
      await this.catchUp(onComparison, signal);
      if (state.owed.length > 0) state.owed = null;
      else await follow(segment, onComparison, signal);
    },
    async catchUp(onComparison, signal, pause) {
      while (state.owed !== null && state.owed.length > 0) {
        if (!(await reach(signal, pause))) {
          if (state.divergedAtStep !== null) state.owed = [];
          return;
        }
        flowTheta.set(state.owed[0]!.theta);
        if (!(await compare(onComparison))) return;
        state.owed.shift();
      }
    },
  };
}

interface FlipCounter {
  readonly flips: number;
  /** Compares with the pieces of the last look. */
  look(): Promise<void>;
}

/** Counts changes of activation pieces between successive looks; null where the activation has no kinks. */
function createFlipCounter(problem: Problem, iterate: Iterate, memory: Memory): FlipCounter | null {
  const kinks = kinksOf(problem.family);
  if (kinks === null) return null;
  const state = memory.keep("flips", { pieces: null as Float64Array | null, flips: 0 });
  const look =
    iterate.vector === null
      ? countInArrays(problem, kinks.piecesOf, () => iterate.read(), state)
      : countWhereItIs(problem, iterate.vector, memory);
  return {
    get flips() {
      return state.flips;
    },
    async look() {
      state.flips += await look();
    },
  };
}

function countInArrays(
  problem: Problem,
  piecesOf: (z: Float64Array) => Float64Array,
  theta: () => Float64Array,
  state: { pieces: Float64Array | null },
): () => Promise<number> {
  const program = problem.compile(problem.family.preactivations("free"));
  return async () => {
    const { z } = await (await program).run({ theta: theta() });
    const now = piecesOf(z as Float64Array);
    let flips = 0;
    state.pieces?.forEach((piece, e) => {
      if (piece !== now[e]) flips++;
    });
    state.pieces = now;
    return flips;
  };
}

/** The engine compares; a number comes back. */
function countWhereItIs(problem: Problem, theta: ResidentVector, memory: Memory): () => Promise<number> {
  const program = problem.compileResident(problem.family.pieceChanges());
  const { create } = problem.engine.resident!;
  const place = () => create(problem.family.entries);
  const state = memory.keep("pieces", { before: place(), after: place(), isFirst: true });
  return async () => {
    const { before, after, isFirst } = state;
    const { changed } = await (await program).run({ theta, before }, { pieces: after });
    Object.assign(state, { before: after, after: before, isFirst: false });
    return isFirst ? 0 : (changed as number);
  };
}
