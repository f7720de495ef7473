/** `gradflow figure`: a record's figures, drawn again from its tables. */
import { join } from "node:path";
import { ConfigError } from "../errors.js";
import type { Command } from "./command.js";
import { EXIT } from "./exit.js";
import { formatPath } from "./format.js";

export const figureCommand: Command = {
  usage: "figure <record>",
  summary: "Draw the figures of a record again, finished or not",
  positionals: { record: { type: "string", describe: "The folder of a run", demandOption: true } },
  options: { force: { type: "boolean", describe: "Replace files and links that stand in the way" } },
  epilogue: `Example:
  gradflow figure runs/quickstart-0123456789ab

Works on a run that is still going on and on one that was killed. Beside each figure lie the plotted rows (.csv)
and its Vega-Lite spec (.json). The last line names the figure to open.`,

  async execute(values) {
    const directory = String(values["record"]);
    const { drawFigures } = await import("../figure/draw.js");
    const pictures = await drawFigures(directory, { force: values["force"] === true });
    if (pictures.length === 0)
      throw new ConfigError(`${directory}: has no recorded rows yet, so there is nothing to draw.`);
    for (const picture of pictures) process.stdout.write(`${formatPath(join(directory, picture))}\n`);
    const first = pictures.find((picture) => picture.endsWith(".png")) ?? pictures[0]!;
    process.stdout.write(`figure: ${formatPath(join(directory, first))}\n`);
    return EXIT.done;
  },
};
