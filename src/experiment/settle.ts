/** Where a study begins whose descent has gone on for a while before t = 0: descent at its iterate, the flows at its running average there. */
import { type LoadedConfig, problemAt } from "../config/load.js";
import { AVERAGE_WINDOW } from "../config/schema-compare.js";
import { createRunningAverage, distance, type Problem } from "../flow/index.js";
import { length } from "../linalg/norm.js";
import { Memory } from "../memory.js";
import { createPause, type Watch } from "./pause.js";

export interface Settled {
  /** θ where descent begins. */
  readonly theta: Float64Array;
  /** Its running average there: θ₀ of the flows. */
  readonly mean: Float64Array;
  /** How far it is to one side of that, d = (2θ_k − θ_{k−1} − θ_{k+1})/4. */
  readonly swing: Float64Array;
  /** θ half a window before, whence a running average goes on. */
  readonly before: Float64Array;
  readonly note: string;
}

/** Steps between two looks at whether anybody interrupts. */
const STRIDE = 20;

/**
 * Null where the study does not ask for it.
 * @throws ConfigError where descent diverges on the way
 */
export async function settle(
  loaded: LoadedConfig,
  problem: Problem,
  theta0: Float64Array,
  watch: Watch,
): Promise<Settled | null> {
  const { descent, compare } = loaded.config;
  const { settle: steps = 0 } = descent;
  if (steps === 0) return null;
  const learningRate = descent.learningRates[0] as number;
  const window = compare?.average ?? AVERAGE_WINDOW;
  const average = createRunningAverage({
    ...{ problem, start: theta0, learningRate, window, memory: new Memory() },
  });
  const pause = createPause(watch, "descending to where the study begins");
  for (let step = 0; ; step = Math.min(step + STRIDE, steps)) {
    await pause();
    const found = await average.at(step);
    if (found === null)
      throw problemAt(
        loaded,
        "descent.settle",
        `descent with learning rate ${learningRate} diverges before step ${step + window / 2}, so nothing settles; lower descent.learningRates, or leave it out.`,
      );
    if (step < steps) continue;
    const { theta: mean, swing } = found;
    const theta = average.stateAt(steps).slice();
    const moved = distance(mean, theta0);
    const swung = length(swing);
    return {
      ...{ theta, mean, swing, before: average.stateAt(steps - window / 2).slice() },
      note: `Descent has made ${steps} steps before t = 0, where it is ${shown(moved)} from the initial parameters: it swings by ‖d‖ = ${shown(swung)} about its mean over ${window} steps, at which the flows begin.`,
    };
  }
}

const shown = (value: number): string => String(Number(value.toPrecision(3)));
