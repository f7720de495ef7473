/** `gradflow compare`: records side by side. */
import type { Fact } from "../record/facts.js";
import type { Command } from "./command.js";
import { EXIT, UsageError } from "./exit.js";
import { formatColumns, formatFact, formatNumber, formatPath } from "./format.js";

export const compareCommand: Command = {
  usage: "compare <records..>",
  summary: "Show in which settings records differ, their results side by side, and how far apart they are",
  positionals: {
    records: { type: "string", array: true, describe: "Folders of runs, two or more", demandOption: true },
  },
  options: { json: { type: "boolean", describe: "Print the comparison as JSON" } },
  epilogue: `Example:
  gradflow run study.yaml --out a && gradflow run study.yaml --set flow.rtol=1e-10 --out b
  gradflow compare a b                     is a gap of a real, or integration error?

Distances are against the first record: the largest relative difference of the loss over the times that both recorded, and
‖θ − θ₁‖ at the start and at the end, where both ended at the same time.`,

  async execute(values) {
    const directories = values["records"] as string[];
    if (directories.length < 2) throw new UsageError("compare: name at least two records.");
    const { compareRecords } = await import("../record/compare.js");
    const comparison = await compareRecords(directories);
    if (values["json"] === true) {
      process.stdout.write(`${JSON.stringify(comparison, null, 2)}\n`);
      return EXIT.done;
    }
    const { differences, results, distances, notes } = comparison;
    const heads = directories.map((_, k) => `[${k + 1}]`);
    const table = (rows: readonly { name: string; values: readonly (Fact | undefined)[] }[]) =>
      formatColumns([
        ["", ...heads],
        ...rows.map(({ name, values: cells }) => [
          name,
          ...cells.map((cell) => shorten(formatFact(cell, 6))),
        ]),
      ]);
    process.stdout.write(
      [
        ...directories.map((path, k) => `[${k + 1}] ${formatPath(path)}`),
        "",
        ...(differences.length === 0
          ? ["  the settings are the same"]
          : ["  settings that differ", ...table(differences)]),
        "",
        ...(results.length === 0
          ? ["  the results are the same"]
          : ["  results that differ", ...table(results)]),
        "",
        "  distance from [1]",
        ...formatColumns([
          ["", "max |L/L₁ − 1|", "at times", "‖θ − θ₁‖, start", "‖θ − θ₁‖, end"],
          ...distances.map(({ loss, commonTimes, initialParameters, parameters }, k) => [
            `[${k + 2}]`,
            formatNumber(loss),
            String(commonTimes),
            formatNumber(initialParameters),
            formatNumber(parameters),
          ]),
        ]),
        ...(notes.length === 0 ? [] : ["", ...notes.map((note) => `note: ${note}`)]),
        "",
      ].join("\n"),
    );
    return EXIT.done;
  },
};

/** One long message would make all rows as wide; --json has it whole. */
function shorten(text: string): string {
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 2)} …` : text;
}

const LONGEST_TEXT = 32;
