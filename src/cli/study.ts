/** What the commands that take a study have in common. */
import type { Options } from "yargs";
import type { LoadedConfig } from "../config/load.js";
import type { RunOptions } from "../experiment/study-record.js";
import type { RunResult } from "../record/result.js";
import type { Values } from "./command.js";
import { engineOption, overridesOf } from "./engine-option.js";
import { exitCodeOf } from "./exit.js";
import { watchInterrupts } from "./interrupt.js";
import { single } from "./options.js";
import { reportProgress } from "./progress.js";

/** What an interrupt of an integration answers. */
export const RUN_INTERRUPTED = "Interrupted: ending in order. A second Ctrl-C kills.";

export const studyOptions = {
  ...engineOption,
  set: {
    type: "string",
    array: true,
    requiresArg: true,
    describe: "Change a value for this run: key.key=value (may be repeated)",
  },
  force: { type: "boolean", describe: "Replace the record that stands in that folder" },
  json: { type: "boolean", describe: "Print the result as JSON, and nothing else, on stdout" },
  quiet: { type: "boolean", describe: "No progress on stderr" },
} as const satisfies Readonly<Record<string, Options>>;

/** A loaded study and what to run it by. */
export interface Execution {
  readonly loaded: LoadedConfig;
  readonly run: (loaded: LoadedConfig, options: RunOptions) => Promise<RunResult>;
  /** Where the record is, and what to do with one that stands there. */
  readonly options: Pick<RunOptions, "directory" | "force" | "resume" | "reuse">;
}

/** The study that the values name, loaded, to be run by what `choose` says, which may refuse it. */
export async function loadStudy(
  values: Values,
  words: readonly string[],
  choose: (loaded: LoadedConfig) => Promise<Execution["run"]>,
): Promise<Execution> {
  const directory = single(values, "out", String(words[0]));
  // Loaded late, so that --help does not wait for the schema, nor a bad study for the engine.
  const { loadConfig } = await import("../config/load.js");
  const loaded = await loadConfig(String(values["study"]), {
    set: await overridesOf(values, String(words[0])),
  });
  const options = {
    ...(directory === undefined ? {} : { directory }),
    force: values["force"] === true,
    reuse: true,
    resume: values["resume"] === true,
  };
  return { loaded, run: await choose(loaded), options };
}

/**
 * Runs a study with progress on stderr and Ctrl-C heard, prints its result (as JSON with --json) and returns the exit code.
 * @param told what an interrupt answers
 */
export async function executeStudy(
  { loaded, run, options }: Execution,
  values: Values,
  words: readonly string[],
  describe: (result: RunResult) => string,
  told: string,
): Promise<number> {
  const report = reportProgress(process.stderr, values["quiet"] === true);
  // The reference interpreter never gives the event loop a turn: a handler would only swallow Ctrl-C, so there the
  // system's default stands and kills at once; the record then reads as unfinished.
  const interruption =
    loaded.config.engine.kind === "reference" ? null : watchInterrupts(() => report.say(told));
  let result: RunResult;
  try {
    result = await run(loaded, {
      ...options,
      ...(interruption === null ? {} : { signal: interruption.signal }),
      command: ["gradflow", ...words],
      onProgress: report.update,
      onMessage: (line, inTerminal = line) => report.say(inTerminal),
    });
  } finally {
    report.stop();
    interruption?.release();
  }
  process.stdout.write(values["json"] === true ? `${JSON.stringify(result, null, 2)}\n` : describe(result));
  return exitCodeOf(result.status);
}
