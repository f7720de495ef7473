/** `gradflow doctor`: what this installation can do, found by doing it. */

import type { Check } from "./checks.js";
import type { Command } from "./command.js";
import { EXIT } from "./exit.js";
import { gradflowVersion } from "./version.js";

export const doctorCommand: Command = {
  usage: "doctor",
  summary: "Check engines, versions and fonts; say what is missing and how to get it",
  positionals: {},
  options: { json: { type: "boolean", describe: "Print the checks as JSON" } },
  epilogue: "Exit codes: 0 all in order, 2 something is missing. Engines that are absent are optional.",

  async execute(values) {
    const { runChecks } = await import("./checks.js");
    const checks = await runChecks();
    const ok = checks.every((check) => check.ok || check.optional);
    const json = { gradflow: gradflowVersion, ok, checks };
    process.stdout.write(
      values["json"] === true ? `${JSON.stringify(json, null, 2)}\n` : describe(checks, ok),
    );
    return ok ? EXIT.done : EXIT.usage;
  },
};

function describe(checks: readonly Check[], ok: boolean): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap(({ name, ok: fine, optional, found, remedy }) => [
    `  ${fine ? "ok     " : optional ? "absent " : "MISSING"}  ${name.padEnd(width)}  ${found}`,
    ...(remedy === null ? [] : [`  ${" ".repeat(width + 9)}  → ${remedy}`]),
  ]);
  const verdict = ok
    ? "All in order. Absent engines are optional; the arrows say how to get one."
    : "Something is missing; see the arrows.";
  return [`gradflow ${gradflowVersion}`, ...lines, verdict, ""].join("\n");
}
