/** What the commands that take a study have in common. */
import type { Options } from "yargs";
import type { Values } from "./command.js";
import { UsageError } from "./exit.js";

export const studyOptions = {
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

/** The one value of an option; yargs makes a list of an option given twice. */
export function single(command: string, values: Values, name: string): string | undefined {
  const value = values[name];
  if (Array.isArray(value))
    throw new UsageError(`${command}: --${name} was given ${value.length} times; give it once.`);
  if (value === "") throw new UsageError(`${command}: --${name} needs a value.`);
  return value as string | undefined;
}
