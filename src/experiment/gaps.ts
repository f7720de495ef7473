/** The leading gap of a study beside the gap itself, and its bounds: where they can be had, their table, and what they come to. */
import { type LoadedConfig, problemAt } from "../config/load.js";
import {
  type ComparedStates,
  type Comparison,
  createGapBound,
  createLeadingGap,
  type Descent,
  distance,
  kinksOf,
  type LeadingGap,
} from "../flow/index.js";
import { length } from "../linalg/norm.js";
import { GAP_COLUMNS } from "../record/columns.js";
import type { GapResult } from "../record/result.js";
import type { Treatment } from "./boundaries.js";
import type { Prepared } from "./prepare.js";
import type { OpenStudy } from "./study-record.js";

export interface RunGaps extends Pick<LeadingGap, "start" | "onEvent" | "follow"> {
  compare(descent: number, comparison: Comparison, states: ComparedStates): void;
  results(): GapResult[];
  notes(): string[];
}

const asks = ({ config: { compare } }: LoadedConfig): boolean =>
  compare !== undefined && (compare.leadingGap || compare.bound);

/** @throws ConfigError where nobody knows at which instants the flow crosses its kinks */
export function checkGaps(loaded: LoadedConfig, { problem }: Prepared, treatment: Treatment): void {
  if (!asks(loaded) || treatment === "exact" || treatment === "smooth" || kinksOf(problem.family) === null)
    return;
  throw problemAt(
    loaded,
    loaded.config.compare!.leadingGap ? "compare.leadingGap" : "compare.bound",
    `needs the instants at which the flow crosses kinks, and this run's treatment of them is ${treatment}; set flow.boundaries: exact, or leave it out.`,
  );
}

/** Null where the study asks for none. */
export async function createGaps(
  { loaded, prepared: { problem, theta0 }, record, memory }: OpenStudy,
  descents: readonly Descent[],
  treatment: Treatment,
): Promise<RunGaps | null> {
  if (!asks(loaded)) return null;
  const { compare, seed } = loaded.config;
  const own = memory.within("leading gap");
  const subject = { problem, theta0, isLocked: treatment === "exact", memory: own };
  const bound = compare!.bound ? await createGapBound({ ...subject, seed }) : null;
  const gap = await createLeadingGap({
    ...subject,
    bound,
    learningRates: descents.map(({ learningRate }) => learningRate),
    times: descents.map(({ times }) => times),
  });
  const table = await record.table("gaps", GAP_COLUMNS);
  const found = own.keep("found", {
    last: descents.map(
      ({ learningRate }): Omit<GapResult, "ended" | "reason"> => ({
        ...{ learningRate, steps: 0, time: 0, gap: null, leadingGap: null, error: null, bounds: null },
        ...{ exceeded: null, theoremLearningRate: null },
      }),
    ),
    largestGap: descents.map(() => 0),
  });
  return {
    start: gap.start,
    onEvent: gap.onEvent,
    follow: gap.follow,
    compare(k, { learningRate, step, t, parameterGap }, { theta, flowTheta }) {
      const at = gap.take(k, t);
      if (at === null) return;
      const { e } = at;
      const foretold = flowTheta.map((value, i) => value - e[i]!);
      const scaled = (value: number): number => value * learningRate;
      const bounds = at.bounds && {
        suprema: scaled(at.bounds.suprema),
        pointwise: scaled(at.bounds.pointwise),
        force: scaled(at.bounds.force),
      };
      const own = {
        ...{ learningRate, step, t, gap: parameterGap, leadingGap: length(e) },
        leadingGapError: distance(foretold, theta),
      };
      table.append({
        ...own,
        ...(bounds && {
          ...{ boundSuprema: bounds.suprema, boundPointwise: bounds.pointwise, boundForce: bounds.force },
          ...{ lambdaMin: at.bounds!.lambdaMin, lambdaMax: at.bounds!.lambdaMax },
        }),
      });
      const before = found.last[k]!;
      const largest = Math.max(found.largestGap[k]!, parameterGap);
      found.largestGap[k] = largest;
      const isExceeded = bounds !== null && parameterGap > bounds.force;
      found.last[k] = {
        ...{ learningRate, steps: step, time: t, gap: parameterGap, leadingGap: own.leadingGap },
        ...{ error: own.leadingGapError, bounds, exceeded: before.exceeded ?? (isExceeded ? t : null) },
        // The theorem's condition η < ε/(βγ∫exp(−∫m)) for the largest gap as ε; its bound is half of that times η.
        theoremLearningRate: bounds === null ? null : (learningRate * largest) / (2 * bounds.suprema),
      };
    },
    results: () =>
      found.last.map((last) => ({ ...last, ended: gap.ended?.t ?? null, reason: gap.ended?.reason ?? null })),
    notes() {
      const work = `The leading gap${bound === null ? "" : " and its bounds"} took the work of about ${Math.round(gap.gradientEquivalents)} gradients, which gradientEvaluations leaves out.`;
      const uncertain = descents.flatMap(({ learningRate }, k) => {
        const { count, t } = gap.uncertain(k);
        return count === 0
          ? []
          : [
              `Of ${count === 1 ? "a crossing" : `${count} crossings`} it is not certain in which step of descent with learning rate ${learningRate} ${count === 1 ? "it falls" : "they fall"}: from t = ${Number(t.toPrecision(6))} on the leading gap may be off by the jump of a step.`,
            ];
      });
      const { ended, slidesFrom } = gap;
      if (slidesFrom !== null && (ended === null || ended.t > slidesFrom))
        uncertain.push(
          `From t = ${Number(slidesFrom.toPrecision(6))} on the flow slides along a kink, about which descent chatters: the leading gap there is that to descent's mean over its chatter, and one descent is off it by the phase of its own.`,
        );
      if (ended === null) return [work, ...uncertain];
      const end = `The leading gap ends at t = ${Number(ended.t.toPrecision(6))}: ${ended.reason}.`;
      return [work, ...uncertain, end];
    },
  };
}
