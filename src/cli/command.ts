/** What a command is to the program. */
import type { Options, PositionalOptions } from "yargs";

/** The values of a command's options and positionals, by name, as yargs parsed them. */
export type Values = Readonly<Record<string, unknown>>;

export interface Command {
  /** Name and positionals, e.g. `run <study>`. */
  readonly usage: string;
  readonly summary: string;
  readonly positionals: Readonly<Record<string, PositionalOptions>>;
  readonly options: Readonly<Record<string, Options>>;
  /** Below the options in `--help`. */
  readonly epilogue: string;
  /** Does the work and prints it. Returns the exit code. `words` is the command line without program and node. */
  execute(values: Values, words: readonly string[]): Promise<number>;
}
