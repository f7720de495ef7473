/** Draws every figure of a record into its `figures/`. */

import { type AttachOptions, attachFiles } from "../record/attachments.js";
import { readRecord } from "../record/reader.js";
import { formatTable } from "../record/table.js";
import { figuresOf } from "./figures.js";
import { PLOT_SCRIPT } from "./matplotlib.js";
import { renderPng, renderSvg } from "./render.js";

export interface DrawOptions extends Pick<AttachOptions, "force"> {
  /** Awaited between pictures, each of which takes a tenth of a second or several; what it throws ends the drawing. */
  readonly pause?: () => Promise<void> | undefined;
}

/**
 * Writes `figures/<name>.svg`, `.png`, `.json` (the Vega-Lite spec with its data) and `.csv` (the plotted rows) for every figure
 * that the record can fill, finished or not. Returns the pictures' paths relative to the record, SVG before PNG.
 * Throws ConfigError where the folder is not a record, cannot be written, or without `force` holds like-named files of other origin.
 */
export async function drawFigures(
  directory: string,
  { force = false, pause }: DrawOptions = {},
): Promise<string[]> {
  const record = await readRecord(directory, { thinned: true });
  const options = { force, of: record.manifest };
  const pictures: string[] = [];
  for (const figure of figuresOf(record)) {
    const drawing = figure.build(record);
    if (drawing === null) continue;
    await pause?.();
    const svg = await renderSvg(drawing.spec);
    await pause?.();
    const stem = `figures/${figure.name}`;
    const files = {
      [`${stem}.svg`]: svg,
      [`${stem}.png`]: renderPng(svg),
      [`${stem}.json`]: `${JSON.stringify(drawing.spec)}\n`,
      [`${stem}.csv`]: formatTable(Object.keys(drawing.rows[0] ?? {}), drawing.rows),
    };
    await attachFiles(directory, files, options);
    pictures.push(`${stem}.svg`, `${stem}.png`);
  }
  if (pictures.length > 0) await attachFiles(directory, { "figures/plot.py": PLOT_SCRIPT }, options);
  return pictures;
}
