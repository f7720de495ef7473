/** `gradflow ntk`: the tangent kernel of a study at its initial parameters, in a record of its own; nothing is integrated. */
import { type LoadedConfig, problemAt } from "../config/load.js";
import { ntkDefaults } from "../config/schema-measure.js";
import { measureGradient } from "../flow/index.js";
import { whyNotSquared } from "../model/index.js";
import type { RunResult } from "../record/result.js";
import { createNtkObserver } from "./ntk.js";
import { chooseMethod } from "./ntk-method.js";
import { type Findings, type OpenStudy, type RunOptions, recordStudy } from "./study-record.js";

/** Writes `runs/<name>-<hash>-ntk` unless told otherwise. With lanczos the spectral density is estimated too. @throws as `runExperiment` */
export function runKernelStudy(loaded: LoadedConfig, options: RunOptions): Promise<RunResult> {
  const { config } = loaded;
  if (config.engine.dtype === "float32")
    throw problemAt(loaded, "engine.dtype", "the tangent kernel needs float64; set that.");
  const why = whyNotSquared(config.loss);
  if (why !== null)
    throw problemAt(
      loaded,
      "loss",
      `gradflow ntk shows residual, effective rate and frozen kernel of L = c‖r‖²: ${why}; set loss.kind: squared without weight decay.`,
    );
  return recordStudy(loaded, options, "-ntk", ({ problem }) => {
    const asked = config.measure.ntk ?? ntkDefaults();
    const { method } = chooseMethod(loaded, asked, problem.family);
    const density = asked.density ?? (method === "lanczos" ? { probes: 10, steps: 60 } : undefined);
    const ntk = { ...asked, ...(density !== undefined && { density }) };
    const work = async ({ prepared, record }: OpenStudy): Promise<Findings> => {
      const { loss } = await measureGradient(problem)(prepared.theta0);
      const observer = await createNtkObserver(loaded, prepared, record, {
        ntk,
        tEnd: null,
        tolerance: null,
        notFlow: null,
        ...(options.signal && { signal: options.signal }),
        ...(options.onMessage && { onMessage: options.onMessage }),
        onActivity: (activity, fraction) =>
          options.onProgress?.({
            fraction,
            t: 0,
            tEnd: 0,
            loss,
            gradientEvaluations: 0,
            stepSize: 0,
            activity,
          }),
      });
      await observer.start(null);
      const kernel = await observer.finish();
      const interrupted = options.signal?.aborted === true;
      return {
        status: interrupted ? "interrupted" : kernel === null ? "nonFinite" : "reachedEnd",
        message: "the tangent kernel at t = 0; nothing was integrated.",
        time: 0,
        canonicalTime: 0,
        notSquared: null,
        initialLoss: loss,
        loss,
        lossRise: null,
        gradientEvaluations: problem.cost.gradients,
        steps: { accepted: 0, rejected: 0 },
        energyDefect: null,
        decay: null,
        descent: [],
        flows: [],
        gaps: [],
        stability: null,
        method: "none",
        boundaries: "off",
        phases: [],
        sharpness: null,
        errorCheck: null,
        rounding: null,
        events: null,
        smoothing: [],
        measured: observer.taken().extents,
        measures: [observer.taken().cost],
        ntk: kernel,
        notes: [...observer.notes()],
      };
    };
    return { work };
  });
}
