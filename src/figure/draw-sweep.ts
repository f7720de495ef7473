/** Draws the pictures that a sweep asks for into its `figures/`, from the records below it alone. */
import { attachSweepFiles } from "../record/sweep.js";
import { formatTable } from "../record/table.js";
import type { DrawOptions } from "./draw.js";
import { PLOT_SCRIPT } from "./matplotlib.js";
import { renderPng, renderSvg } from "./render.js";
import { buildSweepFigures } from "./sweep-figures.js";

export interface DrawnSweep {
  /** Relative to the sweep's folder, SVG before PNG. */
  readonly pictures: readonly string[];
  /** One sentence per figure that could not be drawn. */
  readonly notes: readonly string[];
}

/**
 * Writes SVG, PNG, spec and data of every figure, finished sweep or not.
 * With `force` it replaces like-named files of other origin.
 * @throws ConfigError where such a file stands, or the folder cannot be written
 */
export async function drawSweepFigures(
  directory: string,
  { force = false, pause }: DrawOptions = {},
): Promise<DrawnSweep> {
  const pictures: string[] = [];
  const notes: string[] = [];
  for (const { name, drawing } of await buildSweepFigures(directory)) {
    if (drawing === null) {
      notes.push(`The figure ${name} was not drawn: no run has the numbers that it shows.`);
      continue;
    }
    await pause?.();
    const svg = await renderSvg(drawing.spec);
    await pause?.();
    const stem = `figures/${name}`;
    const files = {
      [`${stem}.svg`]: svg,
      [`${stem}.png`]: renderPng(svg),
      [`${stem}.json`]: `${JSON.stringify(drawing.spec)}\n`,
      [`${stem}.csv`]: formatTable(Object.keys(drawing.rows[0] ?? {}), drawing.rows),
    };
    await attachSweepFiles(directory, files, force);
    pictures.push(`${stem}.svg`, `${stem}.png`);
  }
  if (pictures.length > 0) await attachSweepFiles(directory, { "figures/plot.py": PLOT_SCRIPT }, force);
  return { pictures, notes };
}
