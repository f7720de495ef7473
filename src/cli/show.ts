/** `gradflow show`: what a run or a sweep said when it ended, from its folder. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Manifest } from "../record/manifest.js";
import type { SweepManifest } from "../record/sweep.js";
import type { Command } from "./command.js";
import { EXIT } from "./exit.js";
import { formatNumber, formatPath } from "./format.js";
import { summarise } from "./summary.js";

export const showCommand: Command = {
  usage: "show <folder>",
  summary: "Print the summary of a run or a sweep again, from its folder",
  positionals: {
    folder: { type: "string", describe: "The folder of a run or of a sweep", demandOption: true },
  },
  options: { json: { type: "boolean", describe: "Print the result as JSON, as gradflow run --json does" } },
  epilogue: `Example:
  gradflow show runs/quickstart-0123456789ab

Of a run that has not ended, or was killed, it says how far the run got. Nothing is written. gradflow list shows many records,
gradflow report makes a page of one.`,

  async execute(values) {
    const directory = resolve(String(values["folder"]));
    const json = values["json"] === true;
    const { readSweep } = await import("../record/sweep.js");
    const sweep = await readSweep(directory);
    process.stdout.write(
      sweep === null ? await showRun(directory, json) : await showSweep(directory, sweep, json),
    );
    return EXIT.done;
  },
};

async function showRun(directory: string, json: boolean): Promise<string> {
  const { readOutcome } = await import("../record/reader.js");
  const { manifest, result } = await readOutcome(directory);
  if (result === null) return json ? asText(manifest) : describeUnended(directory, manifest);
  // The record may have been moved since.
  const found = { ...result, record: directory };
  return json ? asText(found) : summarise(found);
}

/** How far a run without a result got. */
async function describeUnended(directory: string, manifest: Manifest): Promise<string> {
  const { readColumns } = await import("../record/reader.js");
  const { t, loss } = await readColumns(join(directory, "series.csv"), ["t", "loss"]);
  const reached =
    t.length === 0
      ? "no rows yet"
      : `${t.length} rows, up to t = ${formatNumber(t.at(-1)!)}, loss ${formatNumber(loss.at(-1)!)}`;
  const { status, failure, process } = manifest;
  const state =
    status === "running"
      ? `process ${process.id} on ${process.host} writes it, or was killed; gradflow resume ${formatPath(directory)} goes on in that case`
      : (failure ?? "it has no result");
  return `${status}: ${state}\n\n  ${reached}\n\nrecord: ${formatPath(directory)}\n`;
}

async function showSweep(directory: string, sweep: SweepManifest, json: boolean): Promise<string> {
  const { readJobs } = await import("../record/sweep-states.js");
  const states = await readJobs(directory, sweep);
  const { status, fields, started, finished } = sweep;
  const figures = sweep.figures
    .flatMap(({ name }) => [`figures/${name}.svg`, `figures/${name}.png`])
    .filter((file) => existsSync(join(directory, file)));
  const found = { status, directory, fields, states, figures, notes: [] };
  const { summariseSweep, sweepAsJson } = await import("./sweep-summary.js");
  if (json) return asText(sweepAsJson(found));
  const ended = states.filter(({ manifest }) => manifest !== null && manifest.finished !== null).length;
  const when = finished === null ? `started ${started}` : `ended ${finished}`;
  return summariseSweep(found, `${status}: ${ended} of ${states.length} runs have ended; ${when}`);
}

const asText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
