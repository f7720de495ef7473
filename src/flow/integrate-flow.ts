/** The gradient flow of any network, its kinks treated as `gradflow run` treats them: the entry for who integrates from code. */

import { ConfigError } from "../errors.js";
import { createDetector, type DetectSummary } from "./boundaries/detect.js";
import { integrateExactly } from "./boundaries/exact.js";
import type { BoundaryEvent, BoundarySummary } from "./boundaries/ledger.js";
import { chooseKinkTreatment, type KinkTreatment } from "./boundaries/treatment.js";
import { cutSegment } from "./segment.js";
import { type FlowOptions, type FlowOutcome, integrateSmooth } from "./smooth.js";
import type { SteppingSummary } from "./stepping/books.js";
import { integrateStepping } from "./stepping/integrate-stepping.js";

export interface KinkedFlowOptions extends Omit<FlowOptions, "onSegment"> {
  /** How kinks are treated. Default `auto`: `exact` where the network is small, else `stepping` (`detect` in float32 and for a method by name), and `off` where there are none. */
  readonly boundaries?: "auto" | KinkTreatment;
  readonly onSegment?: FlowOptions["onSegment"];
  /** Called with each crossing, entry into and exit from sliding. */
  readonly onEvent?: (event: BoundaryEvent) => void;
  /** Called once with the piece of every pre-activation entry at t = 0, where there are kinks and they are watched. */
  readonly onStart?: (pieces: Float64Array) => Promise<void>;
}

export interface KinkedFlowOutcome extends FlowOutcome {
  readonly treatment: KinkTreatment;
  /** What happened at the kinks; null where nobody watched. */
  readonly events: BoundarySummary | SteppingSummary | DetectSummary | null;
  /** What the treatment leaves undone; empty where the tolerance means what it says. */
  readonly notes: readonly string[];
}

/**
 * Integrates from θ0 at t = 0 to `tEnd`. Numerical trouble is the outcome's `status`.
 * @throws ConfigError where `exact` or `stepping` is asked for and cannot be had
 */
export async function integrateFlow({
  boundaries = "auto",
  ...given
}: KinkedFlowOptions): Promise<KinkedFlowOutcome> {
  const { engine, family } = given.problem;
  const { treatment, notes } = chooseKinkTreatment(family, engine.dtype, boundaries, given.method);
  const options = {
    onSegment: async () => undefined,
    onEvent: () => undefined,
    onStart: async () => undefined,
    ...given,
  };
  if (treatment === "exact") return { ...(await integrateExactly(options)), treatment, notes };
  if (treatment === "stepping") {
    if (options.method !== "auto")
      throw new ConfigError([
        {
          path: "method",
          message: `stepping has steps of its own; method must be auto, got ${options.method}.`,
        },
      ]);
    return { ...(await integrateStepping(options)), treatment, notes };
  }
  if (treatment === "off") return { ...(await integrateSmooth(options)), treatment, events: null, notes };
  const detector = await createDetector(options);
  const outcome = await integrateSmooth({
    ...options,
    onSegment: async (segment, counts) => {
      const end = await options.onSegment(segment, counts);
      await detector.follow(end ? await cutSegment(given.problem, segment, end.t) : segment);
      return end;
    },
  });
  return { ...outcome, treatment, events: detector.summary(), notes };
}
