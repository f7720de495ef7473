/** `gradflow ntk`: the tangent kernel of a study at its initial parameters, in a record of its own; nothing is integrated. */
import { join, resolve } from "node:path";
import { hashConfig } from "../config/hash.js";
import { type LoadedConfig, problemAt } from "../config/load.js";
import { ntkDefaults } from "../config/schema-measure.js";
import { drawFigures } from "../figure/draw.js";
import { measureGradient } from "../flow/index.js";
import type { RunResult } from "../record/result.js";
import { openRecord } from "../record/writer.js";
import { createNtkObserver } from "./ntk.js";
import { chooseMethod } from "./ntk-method.js";
import { engineOf, prepare } from "./prepare.js";
import { type RunOptions, runFacts } from "./run.js";

/** Writes `runs/<name>-<hash>-ntk` unless told otherwise. With lanczos the spectral density is estimated too. @throws as `runExperiment` */
export async function runKernelStudy(loaded: LoadedConfig, options: RunOptions): Promise<RunResult> {
  const started = performance.now();
  const { config } = loaded;
  if (config.engine.dtype === "float32")
    throw problemAt(loaded, "engine.dtype", "the tangent kernel needs float64; set that.");
  const engine = await engineOf(loaded);
  try {
    const prepared = await prepare(loaded, engine);
    const { dataset, problem, theta0 } = prepared;
    const asked = config.measure.ntk ?? ntkDefaults();
    const { method } = chooseMethod(loaded, asked, problem.family);
    const density = asked.density ?? (method === "lanczos" ? { probes: 10, steps: 60 } : undefined);
    const ntk = { ...asked, ...(density !== undefined && { density }) };
    const { hash } = await hashConfig(config, loaded.baseDir);
    const record = await openRecord({
      directory: options.directory ?? join("runs", `${config.name}-${hash}-ntk`),
      force: options.force ?? false,
      config,
      configText: loaded.source,
      overrides: loaded.set,
      manifest: await runFacts(loaded, prepared, engine, options.command),
    });
    try {
      await record.array("theta0", theta0);
      const { loss } = await measureGradient(problem)(theta0);
      const observer = await createNtkObserver(loaded, prepared, record, {
        ntk,
        tEnd: null,
        rtol: 0,
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
      const result = (figures: readonly string[]): RunResult => ({
        status: interrupted ? "interrupted" : kernel === null ? "nonFinite" : "reachedEnd",
        message: "the tangent kernel at t = 0; nothing was integrated.",
        time: 0,
        canonicalTime: 0,
        initialLoss: loss,
        loss,
        gradientEvaluations: problem.cost.gradients,
        steps: { accepted: 0, rejected: 0 },
        energyDefect: null,
        decay: null,
        descent: [],
        parameters: theta0.length,
        samples: dataset.samples,
        outputs: dataset.outputDimension,
        engine: engine.kind,
        device: engine.device,
        dtype: engine.dtype,
        state: engine.resident === null ? "float64" : "resident",
        threads: engine.threads,
        method: "none",
        boundaries: "off",
        phases: [],
        sharpness: null,
        errorCheck: null,
        rounding: null,
        events: null,
        smoothing: [],
        ntk: kernel,
        notes: [...observer.notes()],
        wallSeconds: (performance.now() - started) / 1000,
        gradientSeconds: problem.cost.seconds,
        record: resolve(record.directory),
        figures,
      });
      await record.finish(result([]));
      const final = result(await drawFigures(record.directory));
      await record.result(final);
      return final;
    } catch (error) {
      await record.fail(error instanceof Error ? error.message : String(error));
      throw error;
    }
  } finally {
    await engine.dispose();
  }
}
