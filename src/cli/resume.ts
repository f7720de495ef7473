/** `gradflow resume`: an unfinished run, or sweep, gone on with from where it was. */
import { ConfigError } from "../errors.js";
import type { Command } from "./command.js";
import { executeStudy, RUN_INTERRUPTED, studyOptions } from "./study.js";
import { summarise } from "./summary.js";
import { executeSweep } from "./sweep.js";

export const resumeCommand: Command = {
  usage: "resume <folder>",
  summary: "Go on with a run that was interrupted, killed or out of disk space, or with a sweep",
  positionals: {
    folder: { type: "string", describe: "The folder of the run or of the sweep", demandOption: true },
  },
  options: {
    force: {
      type: "boolean",
      describe: "Take the folder from a process on another machine that may have gone",
    },
    json: studyOptions.json,
    quiet: studyOptions.quiet,
  },
  epilogue: `Examples:
  gradflow resume runs/study-0123456789ab
  gradflow run study.yaml --set record.checkpoint=5      saves every 5 seconds instead of 30

A run is saved every record.checkpoint seconds. What it goes on with is what it would have computed: its tables and
parameters are the same to the last byte as those of a run that was never stopped. A damaged checkpoint is detected and the one
before it used; without any the run starts at t = 0.
A sweep does its unfinished runs in the same way and skips those that are done.
Exit codes: as gradflow run.`,

  async execute(values, words) {
    const directory = String(values["folder"]);
    const takeOver = values["force"] === true;
    const { CODE, readSweep } = await import("../record/sweep.js");
    const sweep = await readSweep(directory);
    if (sweep !== null) {
      const { resolve } = await import("node:path");
      const { study, folder, set, multiply } = sweep;
      if (study === CODE)
        throw new ConfigError(
          `${directory}: is a sweep from code, which no file holds; start its program again with runSweep(sweep, { directory }): what is done stands, what is not goes on.`,
        );
      const again = { ...values, force: false, study: resolve(folder, study), set, multiply, out: directory };
      return executeSweep(again, sweep.command.slice(1), { manifest: sweep, takeOver });
    }
    const { loadUnfinished } = await import("../experiment/resume.js");
    const { runExperiment } = await import("../experiment/run.js");
    const loaded = await loadUnfinished(directory);
    const execution = { loaded, run: runExperiment, options: { directory, resume: true, takeOver } };
    return executeStudy(execution, values, words, summarise, RUN_INTERRUPTED);
  },
};
