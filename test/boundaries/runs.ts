/** Runs of the exact flow for tests: everything it reports, collected. */
import { createReferenceEngine, type Engine } from "../../src/engine/index.js";
import { type ExactOptions, type ExactOutcome, integrateExactly } from "../../src/flow/boundaries/exact.js";
import type { BoundaryEvent } from "../../src/flow/boundaries/ledger.js";
import { createProblem } from "../../src/flow/index.js";
import type { Case } from "../support/networks.js";

export interface Followed {
  readonly outcome: ExactOutcome;
  readonly events: readonly BoundaryEvent[];
  /** ∫ ‖θ'‖² by the solver's quadrature. */
  readonly energy: number;
  readonly loss0: number;
  readonly loss1: number;
  /** θ at each of `times`. */
  readonly states: readonly Float64Array[];
  /** Evaluations spent when the last of `times` was passed. */
  readonly evaluations: number;
}

/** Follows a case with atol = rtol/100. */
export async function follow(
  { family, bound, theta }: Pick<Case, "family" | "bound" | "theta">,
  options: Pick<ExactOptions, "method" | "tEnd" | "maxStep" | "maxRowNumbers"> & {
    rtol: number;
    atol?: number;
    times?: readonly number[];
    engine?: Engine;
  },
): Promise<Followed> {
  const { engine = createReferenceEngine(), times = [], ...solver } = options;
  const { atol = options.rtol / 100 } = options;
  const problem = await createProblem(engine, family, bound);
  const events: BoundaryEvent[] = [];
  const states: Float64Array[] = [];
  let energy = 0;
  let evaluations = 0;
  const outcome = await integrateExactly({
    problem,
    theta0: theta,
    ...solver,
    atol,
    onEvent: (event) => events.push(event),
    onSegment: async (segment, counts) => {
      energy += segment.energy(segment.t1);
      for (let t = times[states.length]; t !== undefined && t <= segment.t1; t = times[states.length]) {
        const state = new Float64Array(theta.length);
        await segment.interpolate(t, state);
        states.push(state);
        evaluations = counts.gradients;
      }
      return undefined;
    },
  });
  const loss0 = await problem.loss(theta);
  return { outcome, events, energy, loss0, loss1: await problem.loss(outcome.theta), states, evaluations };
}

export const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.hypot(...Array.from(a, (value, i) => value - b[i]!));
