/** `gradflow report`: one HTML file that tells a run or a sweep. */
import { resolve } from "node:path";
import { ConfigError } from "../errors.js";
import type { Command } from "./command.js";
import { EXIT } from "./exit.js";
import { formatPath } from "./format.js";
import { openFile } from "./open.js";

/** Records that get a report each without being named. */
const MOST_REPORTS = 200;

export const reportCommand: Command = {
  usage: "report <folder>",
  summary:
    "Write one HTML file with figures, results, checks, study, circumstances and commands of a run or a sweep",
  positionals: {
    folder: {
      type: "string",
      describe: "The folder of a run, of a sweep, or one that holds them",
      demandOption: true,
    },
  },
  options: {
    open: { type: "boolean", describe: "Open it in the browser; of several the first" },
    force: {
      type: "boolean",
      describe: "Replace a report.html of other origin; report more than 200 records",
    },
  },
  epilogue: `Example:
  gradflow report runs/quickstart-0123456789ab --open

The file, report.html in that folder, needs nothing else and no network; its figures show their numbers under the pointer.
Checks come first, each good, doubtful or bad with its reason; curves can be hidden, and runs of a sweep set side by side.
Of a folder that holds records and sweeps, each gets its own.`,

  async execute(values) {
    const root = String(values["folder"]);
    const { findRecords } = await import("../record/search.js");
    const { readSweep } = await import("../record/sweep.js");
    const { writeReport } = await import("../figure/report.js");
    const folders = (await readSweep(root)) === null ? await findRecords(root) : [root];
    if (folders.length === 0)
      throw new ConfigError(`${root}: is not a record and holds none; name the folder of a run or a sweep.`);
    const force = values["force"] === true;
    if (folders.length > MOST_REPORTS && !force)
      throw new ConfigError(
        `${root}: holds ${folders.length} records, and a report of each takes about a megabyte; name one of them or the folder of a sweep, or insist with --force.`,
      );
    const reports: string[] = [];
    for (const folder of folders) {
      reports.push(await writeReport(folder, force));
      process.stdout.write(`report: ${formatPath(reports.at(-1)!)}\n`);
    }
    if (values["open"] === true && !(await openFile(resolve(reports[0]!))))
      process.stderr.write("no program was found that opens it; open the file by hand.\n");
    return EXIT.done;
  },
};
