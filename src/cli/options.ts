/** Reading the values of options as yargs hands them over. */
import type { Values } from "./command.js";
import { UsageError } from "./exit.js";

/** The one value of an option; yargs makes a list of an option given twice. */
export function single(values: Values, name: string, command: string): string | undefined {
  const value = values[name];
  if (Array.isArray(value))
    throw new UsageError(`${command}: --${name} was given ${value.length} times; give it once.`);
  if (value === "") throw new UsageError(`${command}: --${name} needs a value.`);
  return value as string | undefined;
}
