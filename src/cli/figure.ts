/** `gradflow figure`: a record's figures, drawn again from its tables. */
import { join } from "node:path";
import { ConfigError } from "../errors.js";
import type { DrawOptions } from "../figure/draw.js";
import type { Command } from "./command.js";
import { EXIT } from "./exit.js";
import { formatPath, printable } from "./format.js";
import { reportProgress } from "./progress.js";

export const figureCommand: Command = {
  usage: "figure <folder>",
  summary: "Draw the figures of a run or of a sweep again, finished or not",
  positionals: {
    folder: { type: "string", describe: "The folder of a run or of a sweep", demandOption: true },
  },
  options: { force: { type: "boolean", describe: "Replace files and links that stand in the way" } },
  epilogue: `Example:
  gradflow figure runs/quickstart-0123456789ab

Works on a run that is still going on and on one that was killed. Beside each figure lie the plotted rows (.csv)
and its Vega-Lite spec (.json). The last line names the figure to open.`,

  async execute(values) {
    const directory = String(values["folder"]);
    const force = values["force"] === true;
    const { readSweep } = await import("../record/sweep.js");
    const isSweep = (await readSweep(directory)) !== null;
    const { createPause } = await import("../experiment/pause.js");
    const { say } = reportProgress(process.stderr, false);
    const options = { force, pause: createPause({ say }, "drawing the figures") };
    const pictures = isSweep ? await drawSweep(directory, options) : await drawRun(directory, options);
    if (pictures.length === 0)
      throw new ConfigError(`${directory}: has no recorded rows yet, so there is nothing to draw.`);
    for (const picture of pictures) process.stdout.write(`${formatPath(join(directory, picture))}\n`);
    const first = pictures.find((picture) => picture.endsWith(".png")) ?? pictures[0]!;
    process.stdout.write(`figure: ${formatPath(join(directory, first))}\n`);
    return EXIT.done;
  },
};

async function drawRun(directory: string, options: DrawOptions): Promise<readonly string[]> {
  const { drawFigures } = await import("../figure/draw.js");
  return drawFigures(directory, options);
}

async function drawSweep(directory: string, options: DrawOptions): Promise<readonly string[]> {
  const { drawSweepFigures } = await import("../figure/draw-sweep.js");
  const { pictures, notes } = await drawSweepFigures(directory, options);
  for (const note of notes) process.stderr.write(`${printable(note)}\n`);
  return pictures;
}
