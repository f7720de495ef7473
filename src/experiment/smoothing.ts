/** Flows of smoothed networks beside the flow of the kinked one: how fast, and whether, the approximation converges. */
import { type LoadedConfig, problemAt } from "../config/load.js";
import type { Engine } from "../engine/index.js";
import { createProblem, distance, type FlowOptions, type integrateSmooth } from "../flow/index.js";
import { createFamily, LayerError, type Network } from "../model/index.js";
import type { SmoothingResult } from "../record/result.js";
import { withOrigin } from "./origin.js";
import type { Prepared } from "./prepare.js";

/** @throws ConfigError if a kink of the network cannot be blended to a half-width asked for. */
export function checkSmoothing(loaded: LoadedConfig, network: Network): void {
  loaded.config.flow.compareSmoothing.forEach((halfWidth, i) => {
    try {
      network.smoothed(halfWidth);
    } catch (error) {
      if (!(error instanceof LayerError)) throw error;
      throw problemAt(loaded, `flow.compareSmoothing.${i}`, `${error.message}.`);
    }
  });
}

/** Integrates to `tEnd` with each half-width and compares with `theta`. */
export async function compareSmoothing(
  halfWidths: readonly number[],
  engine: Engine,
  { problem, data, theta0 }: Prepared,
  options: Omit<FlowOptions, "problem" | "theta0" | "onSegment">,
  theta: Float64Array,
  integrate: typeof integrateSmooth,
): Promise<SmoothingResult[]> {
  const results: SmoothingResult[] = [];
  for (const halfWidth of halfWidths) {
    const { network } = problem.family;
    const family = createFamily({ ...problem.family, network: network.smoothed(halfWidth) });
    const smoothed = await createProblem(engine, family, await withOrigin(engine, family, data, theta0));
    const outcome = await integrate({
      ...options,
      problem: smoothed,
      theta0,
      onSegment: async () => undefined,
    });
    const arrived = outcome.t === options.tEnd;
    results.push({
      halfWidth,
      parameterDistance: arrived ? distance(outcome.theta, theta) : null,
      loss: arrived ? await smoothed.loss(outcome.theta) : null,
      gradientEvaluations: outcome.evaluations,
      status: outcome.status,
    });
  }
  return results;
}
