/** All commands as one yargs program, and how its complaints read. Knows no command's work. */
import { existsSync } from "node:fs";
import { closest, distance } from "fastest-levenshtein";
import yargs from "yargs";
import { checkCommand } from "./check.js";
import type { Command } from "./command.js";
import { compareCommand } from "./compare.js";
import { doctorCommand } from "./doctor.js";
import { describeError, EXIT, UsageError } from "./exit.js";
import { exportCommand } from "./export.js";
import { figureCommand } from "./figure.js";
import { initCommand } from "./init.js";
import { listCommand } from "./list.js";
import { methodsCommand } from "./methods.js";
import { modelCommand } from "./model.js";
import { ntkCommand } from "./ntk.js";
import { reportCommand } from "./report.js";
import { resumeCommand } from "./resume.js";
import { runCommand } from "./run.js";
import { showCommand } from "./show.js";
import { stabilityCommand } from "./stability.js";
import { sweepCommand } from "./sweep.js";
import { gradflowVersion } from "./version.js";
import { viewCommand } from "./view.js";
import { workPrecisionCommand } from "./work-precision.js";

const commands: readonly Command[] = [
  runCommand,
  sweepCommand,
  resumeCommand,
  checkCommand,
  modelCommand,
  ntkCommand,
  showCommand,
  figureCommand,
  listCommand,
  compareCommand,
  viewCommand,
  reportCommand,
  exportCommand,
  workPrecisionCommand,
  stabilityCommand,
  methodsCommand,
  doctorCommand,
  initCommand,
];

const EPILOGUE = `Examples:
  gradflow init && gradflow run study.yaml         start from a commented study
  gradflow run study.yaml --set flow.rtol=1e-8     change one value for this run
  gradflow run study.yaml --json > result.json     the result for a script
  gradflow sweep study.yaml -m seed=0..4           many runs, a picture of all
  gradflow resume runs/study-0123456789ab          go on with a run that was stopped or killed
  gradflow check study.yaml                        sizes, rank caps, cost and stable steps, before a run
  gradflow ntk study.yaml                          the tangent kernel at initialisation alone
  gradflow show runs/study-0123456789ab            print a record's summary again
  gradflow figure runs/study-0123456789ab          draw a record's figures again
  gradflow view runs                               all records on a page in the browser, live
  gradflow workprecision study.yaml                what each method charges for a digit
  gradflow stability study.yaml                    the largest learning rates that descend

Exit codes:
  0    done: the end time, or a limit set in the study, was reached
  1    the numbers failed: not finite, step too small, flow.maxSteps used up; or the disk is full
  2    bad study, data, option or engine; nothing was computed
  130  interrupted (Ctrl-C once; the record is complete up to there, a second Ctrl-C kills; gradflow resume goes on)

Which page answers which question: docs/index.md. Every field of a study: docs/config.md. GRADFLOW_DEBUG=1 shows the stack of an error.`;

/** Runs the command that `words` name. Returns the exit code; errors are told on stderr. */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  try {
    const work = await parseCommandLine(words);
    return await work();
  } catch (error) {
    const { text, code } = describeError(error);
    process.stderr.write(`${text}\n`);
    return code;
  }
}

/** What the words ask for; help and version are printed here. @throws UsageError */
export async function parseCommandLine(words: readonly string[]): Promise<() => Promise<number>> {
  let work = async (): Promise<number> => EXIT.done;
  const program = createProgram(words);
  for (const command of commands) {
    program.command({
      command: command.usage,
      describe: command.summary,
      builder: (y) => {
        for (const [name, positional] of Object.entries(command.positionals)) y.positional(name, positional);
        return y
          .usage(`gradflow ${command.usage}\n\n${command.summary}.`)
          .options({ ...command.options })
          .epilogue(command.epilogue);
      },
      handler: (values) => {
        work = () => command.execute(values, words);
      },
    });
  }
  if (words.length === 0) {
    process.stderr.write(`${await program.getHelp()}\n`);
    return async () => EXIT.usage;
  }
  refuseUnknownCommand(words);
  try {
    await program.parseAsync();
  } catch (error) {
    throw error instanceof Error ? explain(error, words) : error;
  }
  return work;
}

/** The command that yargs has itself. */
const COMPLETION = "completion";

function createProgram(words: readonly string[]) {
  return yargs([...words])
    .scriptName("gradflow")
    .usage("$0 <command>\n\nGradient flow of neural networks with controlled error, beside gradient descent.")
    .parserConfiguration({
      "camel-case-expansion": false,
      "dot-notation": false,
      "greedy-arrays": false, // `--set a=1 study.yaml`: the study is no second assignment
      "parse-numbers": false,
      "parse-positional-numbers": false,
      "strip-aliased": true,
    })
    .locale("en")
    .version(gradflowVersion)
    .help()
    .alias("help", "h")
    .strict()
    .completion(COMPLETION, "Print a script that completes commands, options and files in bash or zsh")
    .demandCommand(1)
    .exitProcess(false)
    .fail(false)
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .epilogue(EPILOGUE);
}

/** Refuses a first word that is no command, before yargs takes it for an argument. */
function refuseUnknownCommand([first]: readonly string[]): void {
  const names = commands.map(nameOf);
  if (first === undefined || first.startsWith("-") || [...names, "help", COMPLETION].includes(first)) return;
  const study = /\.ya?ml$/i.test(first) || existsSync(first);
  const near = study ? `run ${first}` : nearest(first, names);
  throw new UsageError(
    near === null
      ? `unknown command ${first}; there are ${names.join(", ")}.`
      : `unknown command ${first}; did you mean gradflow ${near}?`,
  );
}

/** yargs' complaint in our words. */
function explain(error: Error, words: readonly string[]): UsageError {
  const command = commands.find((candidate) => words.includes(nameOf(candidate)));
  const told = translate(error.message, command, words);
  if (command === undefined) return new UsageError(`${told} Try gradflow --help.`);
  return new UsageError(`${nameOf(command)}: ${told} Try gradflow ${nameOf(command)} --help.`);
}

function translate(message: string, command: Command | undefined, words: readonly string[]): string {
  if (message.startsWith("Not enough non-option arguments")) {
    if (command === undefined) return `name a command: ${commands.map(nameOf).join(", ")}.`;
    return `${command.usage.slice(nameOf(command).length + 1)} is missing.`;
  }
  const valueless = /^Not enough arguments following: (.*)$/.exec(message)?.[1];
  if (valueless !== undefined) return `${dashed(valueless)} needs a value.`;
  const unknown = /^Unknown arguments?: (.*)$/.exec(message)?.[1]?.split(", ");
  if (unknown === undefined) return `${message.replaceAll(/\s*\n\s*/g, " ").trim()}.`;
  const known = ["help", "version", ...Object.keys(command?.options ?? {})];
  const told = unknown.map((name) => {
    if (words.includes(name)) return `unexpected argument ${name}.`;
    const near = nearest(name, known);
    return `unknown option ${dashed(name)}${near === null ? "." : `; did you mean --${near}?`}`;
  });
  return told.join(" ");
}

function nameOf(command: Command): string {
  return command.usage.split(" ", 1)[0]!;
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

/** At most two letters away, and not a wholly different word. */
function nearest(word: string, known: readonly string[]): string | null {
  const near = closest(word, known);
  return distance(word, near) <= Math.min(2, Math.ceil(word.length / 2)) ? near : null;
}
