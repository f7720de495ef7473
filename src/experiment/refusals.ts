/** What a study asks for that its data or its network do not allow: refused before anything is written, by `run` and by `check` alike. */
import { type LoadedConfig, problemAt } from "../config/load.js";
import { methods } from "../ode/index.js";
import { chooseTreatment } from "./boundaries.js";
import { checkFlows } from "./flows.js";
import { checkGaps } from "./gaps.js";
import { type MeasurePlan, planMeasures } from "./measures.js";
import { chooseMethod } from "./ntk-method.js";
import type { Prepared } from "./prepare.js";
import { checkSmoothing } from "./smoothing.js";
import { checkStability } from "./stability.js";

/**
 * How kinks are treated and what is measured, once all of it is known to be possible.
 * @throws ConfigError citing the first field that asks for what cannot be
 */
export async function refuseImpossible(
  loaded: LoadedConfig,
  prepared: Prepared,
): Promise<{ readonly choice: ReturnType<typeof chooseTreatment>; readonly plan: MeasurePlan }> {
  const { config } = loaded;
  const { family } = prepared.problem;
  checkSmoothing(loaded, family.network);
  const { name, maxDimension = Number.POSITIVE_INFINITY } = methods[config.flow.method];
  const { length } = prepared.theta0;
  if (length > maxDimension)
    throw problemAt(
      loaded,
      "flow.method",
      `${name} takes at most ${maxDimension} parameters, this network has ${length}; set flow.method: auto.`,
    );
  const choice = chooseTreatment(loaded, family);
  if (config.measure.ntk !== undefined) chooseMethod(loaded, config.measure.ntk, family);
  await checkFlows(loaded, prepared, choice.treatment);
  checkGaps(loaded, prepared, choice.treatment);
  if (config.stability !== undefined) checkStability(loaded);
  return { choice, plan: await planMeasures(loaded, prepared) };
}
