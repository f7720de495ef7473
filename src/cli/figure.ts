/** `gradflow figure`: a record's figures, drawn again from its tables. */
import { dirname, join } from "node:path";
import { ConfigError } from "../errors.js";
import type { DrawOptions } from "../figure/draw.js";
import type { Command, Values } from "./command.js";
import { EXIT, UsageError } from "./exit.js";
import { formatPath, printable } from "./format.js";
import { single } from "./options.js";
import { reportProgress } from "./progress.js";

const SCALES = ["log", "linear"] as const;

export const figureCommand: Command = {
  usage: "figure <folders..>",
  summary: "Draw the figures of a run or of a sweep again, or any columns of any records in one picture",
  positionals: {
    folders: {
      ...{ type: "string", array: true, demandOption: true },
      describe: "The folder of a run or of a sweep; with --y several",
    },
  },
  options: {
    y: {
      type: "string",
      array: true,
      requiresArg: true,
      describe: "Draw this column alone; again for a panel more",
    },
    x: { type: "string", requiresArg: true, describe: "With --y: the column across [default: t]" },
    xscale: { type: "string", choices: SCALES, requiresArg: true, describe: "With --y: the axis across" },
    yscale: { type: "string", choices: SCALES, requiresArg: true, describe: "With --y: the axis upwards" },
    from: { type: "string", requiresArg: true, describe: "With --y: where x begins" },
    to: { type: "string", requiresArg: true, describe: "With --y: where x ends" },
    title: { type: "string", requiresArg: true, describe: "With --y: the title" },
    out: { type: "string", requiresArg: true, describe: "With --y: files without ending [default: <y>-<x>]" },
    pdf: { type: "boolean", describe: "Draw PDF too" },
    force: { type: "boolean", describe: "Replace files and links that stand in the way" },
  },
  epilogue: `Examples:
  gradflow figure runs/quickstart-0123456789ab --pdf
  gradflow figure runs/a runs/b --y loss                         both in one picture, here as loss-t.svg and loss-t.png
  gradflow figure runs/a --y loss --y sharpness --xscale log     two panels over one time
  gradflow figure runs/a runs/b --y loss --x gradientEvaluations which of them took less work?

Works on a run that is still going on and on one that was killed. Beside each figure lie the plotted rows (.csv)
and its Vega-Lite spec (.json). Columns are those of the tables of a record (docs/guide.md#the-record); a sweep stands for all its
runs. The last line names the figure to open.`,

  async execute(values) {
    const folders = values["folders"] as string[];
    const force = values["force"] === true;
    const { createPause } = await import("../experiment/pause.js");
    const { say } = reportProgress(process.stderr, false);
    const options = {
      force,
      pause: createPause({ say }, "drawing the figures"),
      ...(values["pdf"] === true ? { pdf: true } : {}),
    };
    if (values["y"] !== undefined) return drawOfColumns(folders, values, options);
    const stray = ["x", "xscale", "yscale", "from", "to", "title", "out"].find(
      (name) => values[name] !== undefined,
    );
    if (stray !== undefined)
      throw new UsageError(`figure: --${stray} says how to draw a column; name it by --y.`);
    const [directory] = folders as [string];
    if (folders.length > 1)
      throw new UsageError(
        "figure: several folders are drawn in one picture of a column; name it by --y loss.",
      );
    const { readSweep } = await import("../record/sweep.js");
    const isSweep = (await readSweep(directory)) !== null;
    const pictures = isSweep ? await drawSweep(directory, options) : await drawRun(directory, options);
    if (pictures.length === 0)
      throw new ConfigError(
        isSweep
          ? `${directory}: none of its figures could be drawn from what its runs have recorded.`
          : `${directory}: has no recorded rows yet, so there is nothing to draw.`,
      );
    return tellPictures(pictures.map((picture) => join(directory, picture)));
  },
};

function tellPictures(pictures: readonly string[]): number {
  for (const picture of pictures) process.stdout.write(`${formatPath(picture)}\n`);
  const first = pictures.find((picture) => picture.endsWith(".png")) ?? pictures[0]!;
  process.stdout.write(`figure: ${formatPath(first)}\n`);
  return EXIT.done;
}

/** `--y`: columns of the records, into the working directory or where `--out` says. */
async function drawOfColumns(
  folders: readonly string[],
  values: Values,
  options: DrawOptions,
): Promise<number> {
  const word = (name: string) => single(values, name, "figure");
  const y = values["y"] as string[];
  const x = word("x") ?? "t";
  const [from, to] = ["from", "to"].map((name) => numberOf(name, word(name)));
  if (from !== undefined && to !== undefined && !(from < to))
    throw new UsageError(`figure: --from ${from} must be less than --to ${to}.`);
  const { drawColumns } = await import("../figure/columns.js");
  const { atStem, picturesOf, renderFiles } = await import("../figure/picture-files.js");
  const scale = (name: string) => word(name) as (typeof SCALES)[number] | undefined;
  const request = { xScale: scale("xscale"), yScale: scale("yscale"), from, to, title: word("title") };
  const given = Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
  const drawing = await drawColumns({ directories: folders, x, y, ...given });
  for (const note of drawing.notes) process.stderr.write(`${printable(`note: ${note}`)}\n`);
  const stem = word("out") ?? `${y.join("-")}-${x}`;
  const files = await renderFiles(drawing, { pdf: options.pdf ?? false, pause: options.pause });
  await writeNew(atStem(stem, files), options.force ?? false);
  return tellPictures(picturesOf(stem, files));
}

/** Writes files, all or, where one stands and is not to be replaced, none. */
async function writeNew(files: Readonly<Record<string, string | Uint8Array>>, force: boolean): Promise<void> {
  const { stands, writeWhole } = await import("../record/files.js");
  for (const path of Object.keys(files)) {
    if (!(await stands(dirname(path))))
      throw new ConfigError(`${dirname(path)}: is no folder; make it first.`);
    if (!force && (await stands(path)))
      throw new ConfigError(
        `${path}: stands already; use --force to replace it, or name other files by --out.`,
      );
  }
  for (const [path, content] of Object.entries(files)) await writeWhole(path, content);
}

function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value))
    throw new UsageError(`figure: --${name} must be a number, got ${text}.`);
  return value;
}

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
