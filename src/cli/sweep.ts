/** `gradflow sweep`, and `gradflow run -m`: many runs of one study. */
import type { LoadedSweep } from "../config/load-sweep.js";
import { ConfigError } from "../errors.js";
import type { SweepResult } from "../experiment/sweep.js";
import type { SweepManifest } from "../record/sweep.js";
import type { Command, Values } from "./command.js";
import { engineOption, overridesOf } from "./engine-option.js";
import { EXIT, UsageError } from "./exit.js";
import { formatDuration } from "./format.js";
import { watchInterrupts } from "./interrupt.js";
import { single } from "./options.js";
import { reportSweep } from "./sweep-progress.js";

/** The options of a sweep, for `sweep` and for `run -m`. */
export const sweepOptions = {
  multiply: {
    alias: "m",
    type: "string",
    array: true,
    requiresArg: true,
    describe:
      "Vary a field: key=value,value or key=0..4; fields in step: a=1,2;b=3,4 (may be repeated: crossed)",
  },
  jobs: {
    type: "string",
    requiresArg: true,
    describe: "Runs at a time; as many as the cores bear if left out",
  },
  launcher: {
    choices: ["local", "slurm"],
    requiresArg: true,
    describe: "local (default): processes on this machine; slurm: a job array, --jobs tasks at a time",
  },
  sbatch: { type: "string", requiresArg: true, describe: "Further options of sbatch, in one text (slurm)" },
  "fail-fast": { type: "boolean", describe: "Start no further run after one that failed" },
} as const;

export const sweepCommand: Command = {
  usage: "sweep <study>",
  summary: "Do all runs of a study with a sweep section, several at a time; draw them in one picture",
  positionals: { study: { type: "string", describe: "The study, a YAML file", demandOption: true } },
  options: {
    ...sweepOptions,
    set: {
      type: "string",
      array: true,
      requiresArg: true,
      describe: "Change a value in all runs: key.key=value (may be repeated)",
    },
    ...engineOption,
    out: {
      type: "string",
      requiresArg: true,
      describe: "Folder of the sweep; runs/<name>-<hash> if left out",
    },
    force: { type: "boolean", describe: "Do runs again that are done" },
    json: { type: "boolean", describe: "Print the results as JSON, and nothing else, on stdout" },
    quiet: { type: "boolean", describe: "No progress on stderr" },
  },
  epilogue: `Examples:
  gradflow sweep configs/paper/dnn-width.yaml --set scale=0.2 --jobs 2
  gradflow sweep study.yaml -m model.hidden=[50,50],[100,100] -m seed=0..2
  gradflow sweep study.yaml --launcher slurm --jobs 64 --sbatch="--partition=long --time=2:00:00"
  gradflow run study.yaml -m seed=0,1,2            the same for a study without a sweep section

Each run has its record in a folder of the sweep, named by its values; results.csv has all results, figures/ the pictures.
Runs with the most to compute start first. Started again, a sweep does what is not done yet. A run that fails does not stop the others, unless --fail-fast.
Exit codes: 0 all done, 1 some runs failed, 2 bad study or usage (nothing was computed), 130 interrupted.`,

  execute: executeSweep,
};

/** What of a sweep is gone on with. */
export interface ResumedSweep {
  readonly manifest: SweepManifest;
  /** Although a process seems to run it already. */
  readonly takeOver: boolean;
}

/** Runs the sweep that the values describe, or goes on with one. */
export async function executeSweep(
  values: Values,
  words: readonly string[],
  resumed: ResumedSweep | null = null,
): Promise<number> {
  const directory = single(values, "out", "sweep");
  const parallel = readCount(single(values, "jobs", "sweep"));
  const { loadSweep } = await import("../config/load-sweep.js");
  const sweep = await loadSweep(String(values["study"]), {
    set: await overridesOf(values, "sweep"),
    multiply: (values["multiply"] ?? []) as string[],
  });
  if (resumed !== null) refuseChanges(String(directory), resumed.manifest, sweep);
  const launcher = single(values, "launcher", "sweep");
  const sbatch = single(values, "sbatch", "sweep");
  if (sbatch !== undefined && launcher !== "slurm")
    throw new UsageError("sweep: --sbatch is for --launcher slurm.");
  const { runSweep } = await import("../experiment/sweep.js");
  const { launchOnSlurm } = await import("../experiment/slurm.js");
  const report = reportSweep(process.stderr, values["quiet"] === true, sweep.jobs.length);
  for (const note of sweep.notes) report.say(`note: ${note}`);
  const interruption = watchInterrupts(() =>
    report.say("Interrupted: ending in order. A second Ctrl-C kills."),
  );
  let result: SweepResult;
  try {
    result = await runSweep(sweep, {
      ...(directory === undefined ? {} : { directory }),
      ...(parallel === undefined ? {} : { parallel }),
      failFast: values["fail-fast"] === true,
      force: values["force"] === true,
      takeOver: resumed?.takeOver === true,
      signal: interruption.signal,
      command: ["gradflow", ...words],
      ...(launcher === "slurm"
        ? {
            launch: (folder) =>
              launchOnSlurm({ directory: folder, sbatch: sbatch?.split(/\s+/).filter(Boolean) ?? [] }),
          }
        : {}),
      onEvent: report.tell,
      onMessage: report.say,
    });
  } finally {
    report.stop();
    interruption.release();
  }
  const { summariseSweep, sweepAsJson } = await import("./sweep-summary.js");
  process.stdout.write(
    values["json"] === true
      ? `${JSON.stringify(sweepAsJson(result), null, 2)}\n`
      : summariseSweep(result, headOf(result)),
  );
  if (result.status === "interrupted") return EXIT.interrupted;
  return result.status === "done" ? EXIT.done : EXIT.failed;
}

/** To go on is to compute what was to be computed: `gradflow sweep` does what has changed again, in place of what stands. */
function refuseChanges(directory: string, { jobs, study }: SweepManifest, sweep: LoadedSweep): void {
  const before = new Map(jobs.map(({ name, hash }) => [name, hash]));
  const changed = sweep.jobs.filter(({ name, hash }) => before.get(name) !== hash);
  if (changed.length === 0 && jobs.length === sweep.jobs.length) return;
  const [{ name, hash } = { name: "", hash: "" }] = changed;
  const was = before.get(name);
  const how =
    changed.length === 0 || was === undefined
      ? `had ${jobs.length} runs, and ${study} describes ${sweep.jobs.length}, not the same ones`
      : `of its runs ${changed.length} would be others now, ${name} among them (hash ${was}, now ${hash}): ${study}, a file that it names, or gradflow has changed`;
  throw new ConfigError(
    `${directory}: ${how}. Restore what has changed; or gradflow sweep ${study} begins a sweep of its own, and with --out ${directory} does in this one again what has changed.`,
  );
}

function readCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 1024)
    throw new UsageError(`sweep: --jobs must be an integer from 1 to 1024, got ${text}.`);
  return count;
}

function headOf({ status, states, skipped, wallSeconds }: SweepResult): string {
  return `${status}: ${states.length} runs, ${skipped} stood already, ${formatDuration(wallSeconds)}`;
}

/** For `run`: a study with a sweep is not one run. */
export function refuseSweep(study: string): ConfigError {
  return new ConfigError([
    {
      path: "sweep",
      message: `this study is a sweep; do all its runs with gradflow sweep ${study}, or its base alone with --set sweep=null.`,
      file: study,
    },
  ]);
}
