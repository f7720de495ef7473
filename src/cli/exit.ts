/** Exit codes, and what an error says on the terminal. */
import {
  ConfigError,
  DiskFullError,
  EngineError,
  InterruptedError,
  NumericalError,
  type Problem,
  RecordLostError,
} from "../errors.js";
import { printable } from "./format.js";

/** `failed` stands for numerical failures and for faults of the program itself. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** A command line that makes no sense; its message says what to type instead. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Outcomes that are failures of the numbers; every other is an end that was asked for. */
const FAILURES: readonly string[] = ["nonFinite", "stepTooSmall", "tooManyContacts", "maxSteps"];

/** The exit code of a run that ended with this status. */
export function exitCodeOf(status: string): number {
  if (status === "interrupted") return EXIT.interrupted;
  return FAILURES.includes(status) ? EXIT.failed : EXIT.done;
}

/** The text and the exit code of an error. The stack is shown under GRADFLOW_DEBUG, and only for faults of the program. */
export function describeError(error: unknown): { readonly text: string; readonly code: number } {
  const { text, code } = describe(error);
  return { text: printable(text), code };
}

function describe(error: unknown): { readonly text: string; readonly code: number } {
  const debug = (process.env["GRADFLOW_DEBUG"] ?? "") !== "";
  const stack = debug && error instanceof Error ? `\n${error.stack}` : "";
  if (error instanceof DiskFullError || error instanceof RecordLostError)
    return { text: `${listProblems(error.problems)}${stack}`, code: EXIT.failed };
  if (error instanceof ConfigError)
    return { text: `${listProblems(error.problems)}${stack}`, code: EXIT.usage };
  if (error instanceof UsageError || error instanceof EngineError)
    return { text: `gradflow: ${error.message}${stack}`, code: EXIT.usage };
  if (error instanceof InterruptedError)
    return { text: `gradflow: ${error.message}`, code: EXIT.interrupted };
  if (error instanceof NumericalError)
    return { text: `gradflow: ${error.message}${stack}`, code: EXIT.failed };
  const message = error instanceof Error ? error.message : String(error);
  const remedy = debug ? stack : "\nThis is a fault of gradflow. GRADFLOW_DEBUG=1 shows where it arose.";
  return { text: `gradflow: unexpected error: ${message}${remedy}`, code: EXIT.failed };
}

/** One line per problem: place, field, sentence. */
function listProblems(problems: readonly Problem[]): string {
  const lines = problems.map(({ file, line, path, message }) => {
    const place = file === undefined ? "" : `${file}${line === undefined ? "" : `:${line}`}: `;
    return `${place}${path === "" ? "" : `${path}: `}${message}`;
  });
  if (lines.length === 1) return `gradflow: ${lines[0]}`;
  return [`gradflow: ${lines.length} problems`, ...lines.map((line) => `  ${line}`)].join("\n");
}
