/** `gradflow run`: one study from its file to its record. */
import type { RunResult } from "../record/result.js";
import type { Command } from "./command.js";
import { exitCodeOf, UsageError } from "./exit.js";
import { watchInterrupts } from "./interrupt.js";
import { single } from "./options.js";
import { reportProgress } from "./progress.js";
import { studyOptions } from "./study.js";
import { summarise } from "./summary.js";
import { executeSweep, refuseSweep, sweepOptions } from "./sweep.js";

export const runCommand: Command = {
  usage: "run <study>",
  summary: "Integrate the gradient flow of a study, gradient descent beside it; write a record with figures",
  positionals: { study: { type: "string", describe: "The study, a YAML file", demandOption: true } },
  options: {
    set: studyOptions.set,
    out: {
      type: "string",
      requiresArg: true,
      describe: "Folder of the record; runs/<name>-<hash> if left out",
    },
    force: studyOptions.force,
    json: studyOptions.json,
    quiet: studyOptions.quiet,
    ...sweepOptions,
  },
  epilogue: `Examples:
  gradflow run study.yaml
  gradflow run study.yaml --set flow.rtol=1e-8 --set descent.learningRates=[0.1,0.01]
  gradflow run study.yaml --out runs/tight --force
  gradflow run study.yaml --json --quiet | jq .decay.rate
  gradflow run study.yaml -m seed=0..4 --jobs 2         five runs, see gradflow sweep --help

The result goes to stdout, progress to stderr. Ctrl-C ends the run and keeps its record; a second one kills.
Exit codes: 0 done, 1 the numbers failed, 2 bad study or usage, 130 interrupted.`,

  async execute(values, words) {
    if (values["multiply"] !== undefined) return executeSweep(values, words);
    for (const option of ["jobs", "fail-fast", "launcher", "sbatch"])
      if (values[option] !== undefined)
        throw new UsageError(
          `run: --${option} is for many runs; name what varies with -m, or use gradflow sweep.`,
        );
    const directory = single(values, "out", "run");
    // Loaded late, so that --help does not wait for the schema, nor a bad study for the engine.
    const { loadConfig } = await import("../config/load.js");
    const loaded = await loadConfig(String(values["study"]), { set: (values["set"] ?? []) as string[] });
    if (loaded.sweep !== null) throw refuseSweep(loaded.file);
    const { runExperiment } = await import("../experiment/run.js");
    const report = reportProgress(process.stderr, values["quiet"] === true);
    // The reference interpreter never gives the event loop a turn: a handler would only swallow Ctrl-C, so there the
    // system's default stands and kills at once; the record then reads as unfinished.
    const interruption =
      loaded.config.engine.kind === "reference"
        ? null
        : watchInterrupts(() => report.say("Interrupted: finishing the record. A second Ctrl-C kills."));
    let result: RunResult;
    try {
      result = await runExperiment(loaded, {
        ...(directory === undefined ? {} : { directory }),
        force: values["force"] === true,
        ...(interruption === null ? {} : { signal: interruption.signal }),
        command: ["gradflow", ...words],
        onProgress: report.update,
        onMessage: report.say,
      });
    } finally {
      report.stop();
      interruption?.release();
    }
    process.stdout.write(
      values["json"] === true ? `${JSON.stringify(result, null, 2)}\n` : summarise(result),
    );
    return exitCodeOf(result.status);
  },
};
