/** What the commands that take a study have in common. */
import type { Options } from "yargs";

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
