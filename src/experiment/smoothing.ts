/** Flows of smoothed networks beside the flow of the kinked one: how fast, and whether, the approximation converges. */
import { type LoadedConfig, problemAt } from "../config/load.js";
import type { Engine } from "../engine/index.js";
import { createProblem, distance, type FlowOptions, integrateSmooth } from "../flow/index.js";
import { createFamily, smoothActivation } from "../model/index.js";
import type { SmoothingResult } from "../record/result.js";
import type { Prepared } from "./prepare.js";

/** @throws ConfigError if the activation cannot be blended to a half-width asked for. */
export function checkSmoothing(loaded: LoadedConfig): void {
  const { flow, model } = loaded.config;
  flow.compareSmoothing.forEach((halfWidth, i) => {
    if (smoothActivation(model.activation, halfWidth) !== null) return;
    throw problemAt(
      loaded,
      `flow.compareSmoothing.${i}`,
      `${model.activation.kind} cannot be blended with half-width ${halfWidth}: the blends overlap or the slope is trained; lower it or leave it out.`,
    );
  });
}

/** Integrates to `tEnd` with each half-width and compares with `theta`. */
export async function compareSmoothing(
  halfWidths: readonly number[],
  engine: Engine,
  { problem, data, theta0 }: Prepared,
  options: Omit<FlowOptions, "problem" | "theta0" | "onSegment">,
  theta: Float64Array,
): Promise<SmoothingResult[]> {
  const results: SmoothingResult[] = [];
  for (const halfWidth of halfWidths) {
    const { spec, samples, factor } = problem.family;
    const activation = smoothActivation(spec.activation, halfWidth);
    if (activation === null) continue; // refused by checkSmoothing before the run
    const smoothed = await createProblem(
      engine,
      createFamily({ spec: { ...spec, activation }, samples, factor }),
      data,
    );
    const outcome = await integrateSmooth({
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
