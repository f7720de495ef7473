/** The descents of a study beside its flow: their rows with what is measured of them, and what became of them. */
import {
  type ComparedStates,
  type Comparison,
  createDescent,
  type Descent,
  distance,
  type Segment,
  stepsUntil,
  stepTime,
} from "../flow/index.js";
import type { LargestGap } from "../record/result.js";
import type { CheckpointSchedule } from "./checkpoints.js";
import { descentLaw } from "./descent-law.js";
import { type ExtentsState, extend, extendGap } from "./extents.js";
import type { RunFlows } from "./flows.js";
import type { RunGaps } from "./gaps.js";
import type { RunMeasures, TakeRow } from "./measures.js";
import type { OpenStudy } from "./study-record.js";

/** What the rows of a descent come to. Plain data: a checkpoint holds it. */
export interface ComparedRows {
  gap: LargestGap | null;
  extents: ExtentsState;
}

/** What is set beside each comparison of a descent with the flow. */
export interface Beside {
  readonly flows: RunFlows | null;
  readonly gaps: RunGaps | null;
  readonly measures: RunMeasures;
  /** Extended row by row, one entry a descent. */
  readonly rows: readonly ComparedRows[];
}

export interface RunDescents {
  /** Keeps what they need of the flow's segment. `mayBeLast`: the flow may end with it, short of its time. */
  follow(segment: Segment, mayBeLast: boolean): Promise<void>;
  /** Runs them up to the flow, while it is at rest: then they may be saved between any two of their steps. */
  catchUp(pause: CheckpointSchedule["pause"]): Promise<void>;
}

/** One a learning rate, compared at its steps next to `times`. */
export function createDescents(
  { loaded: { config }, prepared: { problem, theta0, settled }, memory }: OpenStudy,
  times: readonly number[],
): Descent[] {
  const law = descentLaw(config);
  const { learningRates, countFlips } = config.descent;
  return learningRates.map((learningRate, k) =>
    createDescent({
      ...{ problem, theta0: settled?.theta ?? theta0, learningRate, law, times, countFlips },
      tEnd: config.flow.tEnd,
      memory: memory.within(`descent ${k}`),
    }),
  );
}

export async function followDescents(
  { prepared: { theta0 }, record, memory, options: { signal } }: OpenStudy,
  descents: readonly Descent[],
  { flows, gaps, measures, rows }: Beside,
): Promise<RunDescents> {
  // One after the other: measures may compute as they begin, and a program does one run at a time.
  const takers: TakeRow[] = [];
  for (const [k, { learningRate, law }] of descents.entries())
    takers.push(
      await measures.follow(
        `descent ${k}`,
        memory.within(`measured descent ${k}`),
        stepTime(law, learningRate) / 2,
      ),
    );
  const comparing = takers.map((take, k) => async (comparison: Comparison, states: ComparedStates) => {
    if (flows !== null && !(await flows.compare(k, comparison, states))) return false;
    gaps?.compare(k, comparison, states);
    const { theta, flowTheta } = states;
    const { t, loss, parameterGap } = comparison;
    const isLast = t === descents[k]!.times.at(-1);
    const row = { ...comparison, ...(await take({ t, loss, theta, isLast })) };
    const own = rows[k]!;
    own.gap = extendGap(own.gap, t, parameterGap, distance(flowTheta, theta0));
    extend(own.extents, t, row);
    record.descent.append(row);
    return true;
  });
  return {
    async follow(segment, mayBeLast) {
      for (const [k, descent] of descents.entries()) {
        if (mayBeLast) await descent.remember(segment);
        await descent.defer(segment, comparing[k]!, signal);
      }
    },
    async catchUp(pause) {
      for (const [k, descent] of descents.entries()) await descent.catchUp(comparing[k]!, signal, pause);
    },
  };
}

/** Descents that diverged, and those not compared up to `end`, the flow's, where it ended as the study asked; null where it did not. */
export function descentNotes(descents: readonly Descent[], end: number | null): string[] {
  return descents.flatMap(({ divergedAtStep, law, learningRate, last }) => {
    const name = law.kind === "gradient" ? "Gradient descent" : `Descent by ${law.kind}`;
    if (divergedAtStep !== null)
      return [`${name} with learning rate ${learningRate} diverged at step ${divergedAtStep}.`];
    if (end === null) return [];
    const [step, steps] = [last?.step ?? 0, stepsUntil(end, stepTime(law, learningRate))];
    return step < steps
      ? [
          `${name} with learning rate ${learningRate} is compared up to step ${step} of ${steps}: the flow ended between its steps. Raise record.points.`,
        ]
      : [];
  });
}
