/** Draws every figure of a record into its `figures/`. */
import { type AttachOptions, attachFiles } from "../record/attachments.js";
import { readRecord } from "../record/reader.js";
import { figuresOf } from "./figures.js";
import { PLOT_SCRIPT } from "./matplotlib.js";
import { atStem, picturesOf, renderFiles } from "./picture-files.js";
import { settingsOf } from "./settings.js";

export interface DrawOptions extends Pick<AttachOptions, "force"> {
  /** Awaited between pictures, each of which takes a tenth of a second or several; what it throws ends the drawing. */
  readonly pause?: () => Promise<void> | undefined;
  /** Also as PDF; by default as the study's `figure.pdf` says. */
  readonly pdf?: boolean;
}

/**
 * Writes `figures/<name>.svg`, `.png`, where asked `.pdf`, `.json` (the Vega-Lite spec with its data) and `.csv` (the plotted rows) for every figure
 * that the record can fill, finished or not. Returns the pictures' paths relative to the record, SVG before PNG.
 * Throws ConfigError where the folder is not a record, cannot be written, or without `force` holds like-named files of other origin.
 */
export async function drawFigures(
  directory: string,
  { force = false, pause, pdf }: DrawOptions = {},
): Promise<string[]> {
  const record = await readRecord(directory, { thinned: true });
  const options = { force, of: record.manifest };
  const pictures: string[] = [];
  for (const figure of figuresOf(record)) {
    const drawing = figure.build(record);
    if (drawing === null) continue;
    const files = await renderFiles(drawing, { pdf: pdf ?? settingsOf(record.config).pdf, pause });
    const stem = `figures/${figure.name}`;
    await attachFiles(directory, atStem(stem, files), options);
    pictures.push(...picturesOf(stem, files));
  }
  if (pictures.length > 0) await attachFiles(directory, { "figures/plot.py": PLOT_SCRIPT }, options);
  return pictures;
}
