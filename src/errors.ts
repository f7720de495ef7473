/** The errors a caller can catch. Numerical outcomes of a run (`reachedEnd`, `nonFinite`, …) are values, not errors. */

/** One fault of the user's input: where it stands and what to do about it. */
export interface Problem {
  /** Dotted path of the field, e.g. `flow.rtol`; empty for the whole file. */
  readonly path: string;
  /** Constraint, value and remedy in one sentence. */
  readonly message: string;
  readonly file?: string;
  readonly line?: number;
}

/**
 * Bad input: a config, an override, a data file, an output folder. Lists every problem found. Exit code 2. Where an option is the remedy, the
 * problems name that of the command line; the message is for whoever called a function, and names that of the function.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[] | string) {
    const list = typeof problems === "string" ? [{ path: "", message: problems }] : problems;
    super(inWordsOfCode(list.map(describeProblem).join("\n")));
    this.problems = list;
  }
}

/** Advice in the words of the command line, as a caller from code takes it; that of another command stays, for it acts on other things. */
export function inWordsOfCode(text: string): string {
  return text
    .replaceAll("another folder with --out", "another directory")
    .replaceAll(/(?<!gradflow [a-z]+ (?:with )?)--force\b/g, "force: true");
}

/** An error as the terminal tells it. */
export function tellError(error: Error): string {
  return error instanceof ConfigError ? error.problems.map(describeProblem).join("\n") : error.message;
}

/** A file or folder that cannot be written. Exit code 2. */
export class WriteError extends ConfigError {}

/** A disk without space left. Exit code 1. */
export class DiskFullError extends WriteError {}

/** A record that was being written and cannot be written any more; what stands of it reads. Exit code 1. */
export class RecordLostError extends WriteError {}

/** A computation that cannot go on (singular system, non-finite input). Exit code 1. */
export class NumericalError extends Error {
  override readonly name = "NumericalError";
}

/** A signal before there was anything to save. Exit code 130. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
}

/** An engine that is absent, or that cannot do what was asked of it. Exit code 2. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  /** The field of the config that asked for it, e.g. `engine.backend`; null where no single one did. */
  readonly field: string | null;

  constructor(message: string, field: string | null = null) {
    super(message);
    this.field = field;
  }
}

function describeProblem(problem: Problem): string {
  const place =
    problem.file === undefined
      ? ""
      : `${problem.file}${problem.line === undefined ? "" : `:${problem.line}`}: `;
  return `${place}${problem.path === "" ? "" : `${problem.path}: `}${problem.message}`;
}
