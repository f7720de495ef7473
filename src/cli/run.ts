/** `gradflow run`: one study from its file to its record. */
import type { LoadedConfig } from "../config/load.js";
import type { Command } from "./command.js";
import { UsageError } from "./exit.js";
import { executeStudy, loadStudy, RUN_INTERRUPTED, studyOptions } from "./study.js";
import { summarise } from "./summary.js";
import { executeSweep, refuseSweep, sweepOptions } from "./sweep.js";

export const runCommand: Command = {
  usage: "run <study>",
  summary: "Integrate the gradient flow of a study, gradient descent beside it; write a record with figures",
  positionals: { study: { type: "string", describe: "The study, a YAML file", demandOption: true } },
  options: {
    set: studyOptions.set,
    engine: studyOptions.engine,
    out: {
      type: "string",
      requiresArg: true,
      describe: "Folder of the record; runs/<name>-<hash> if left out",
    },
    force: studyOptions.force,
    resume: {
      type: "boolean",
      describe: "Go on with that folder's record where it is an unfinished one of this study",
    },
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

The result goes to stdout, progress to stderr. A study that is done is not run again: its record is shown, unless --force. Ctrl-C ends the run and keeps its record; a second one kills.
Either way, and after a crash, gradflow resume FOLDER goes on with it.
Exit codes: 0 done, 1 the numbers failed, 2 bad study or usage, 130 interrupted.`,

  async execute(values, words) {
    if (values["multiply"] !== undefined) return executeSweep(values, words);
    for (const option of ["jobs", "fail-fast", "launcher", "sbatch"])
      if (values[option] !== undefined)
        throw new UsageError(
          `run: --${option} is for many runs; name what varies with -m, or use gradflow sweep.`,
        );
    const choose = async (loaded: LoadedConfig) => {
      if (loaded.sweep !== null) throw refuseSweep(loaded.file);
      return (await import("../experiment/run.js")).runExperiment;
    };
    return executeStudy(await loadStudy(values, words, choose), values, words, summarise, RUN_INTERRUPTED);
  },
};
