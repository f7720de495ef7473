/**
 * The learning rates for which theorems promise something of a study's descent, by what the curvature is along its flow: that the loss falls at every step
 * (the descent lemma), and that descent stays near the flow (Elkabetz and Cohen 2021). Both to leading order, as sampled at the steps of the solver.
 */
import type { LoadedConfig } from "../config/load.js";
import { createGapBound, distance, integrateSmooth } from "../flow/index.js";
import { Memory } from "../memory.js";
import { chooseTreatment } from "./boundaries.js";
import { HELD_WITHIN } from "./flows.js";
import { solverOf } from "./integrate-by.js";
import type { Watch } from "./pause.js";
import type { Prepared } from "./prepare.js";

export interface Theorems {
  /** The flow was followed up to here. */
  readonly time: number;
  /** 2/‖∇²L‖ with the largest norm along the flow: a descent that stays there falls at every smaller rate. */
  readonly descentLemma: number;
  /** The rate up to which ‖θ_k − θ(kη)‖ ≤ `nearness` all the way: nearness/(βγ·max_t ∫₀ᵗexp(−∫_s^t m)ds). */
  readonly near: number;
  /** 5 % of the way ‖θ(time) − θ₀‖ of the flow. */
  readonly nearness: number;
  /** What looking along the flow took, in gradients by the arithmetic of the graphs. */
  readonly gradientEquivalents: number;
}

/** Null where no theorem is at hand, and why. */
export type TheoremReport =
  | { readonly found: Theorems; readonly why: null }
  | { readonly found: null; readonly why: string };

const none = (why: string): TheoremReport => ({ found: null, why });

/** Follows the study's flow with its solver: for the time of the steps that were judged, to flow.tEnd at most. */
export async function whatTheoremsAllow(
  loaded: LoadedConfig,
  { problem, theta0 }: Prepared,
  time: number,
  { signal, say }: Watch,
): Promise<TheoremReport> {
  const { flow, seed } = loaded.config;
  const { treatment } = chooseTreatment(loaded, problem.family);
  if (treatment !== "off" && treatment !== "smooth")
    return none("they are of losses without kinks, and this network has some");
  if (flow.clock === "log") return none("they are of the clock t, and flow.clock is log");
  const tEnd = Math.min(time, flow.tEnd);
  if (!(tEnd > 0)) return none("no rate was found at which the loss falls at every step");
  say?.("what theorems allow: λ_min and λ_max of the Hessian along the flow");
  const bound = await createGapBound({ problem, theta0, isLocked: false, seed, memory: new Memory() });
  const pieces = new Float64Array(0);
  let [largest, norm] = [0, 0];
  const { status, message, theta, t } = await integrateSmooth({
    ...{ problem, theta0, ...solverOf(flow), tEnd, maxSteps: flow.maxSteps },
    ...(signal && { signal }),
    async onSegment(segment) {
      await bound.follow(segment, pieces);
      const { suprema, lambdaMin, lambdaMax } = bound.at(segment.t1);
      largest = Math.max(largest, suprema);
      norm = Math.max(norm, Math.abs(lambdaMin), lambdaMax);
      return null;
    },
  });
  if (status !== "reachedEnd") return none(`the flow ended at t = ${t}: ${message}`);
  const nearness = HELD_WITHIN * distance(theta, theta0);
  return {
    found: {
      ...{ time: t, descentLemma: 2 / norm, near: nearness / (2 * largest), nearness },
      gradientEquivalents: bound.gradientEquivalents,
    },
    why: null,
  };
}
