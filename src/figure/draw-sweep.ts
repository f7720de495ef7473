/** Draws the pictures that a sweep asks for into its `figures/`, from the records below it alone. */
import { attachSweepFiles } from "../record/sweep.js";
import type { DrawOptions } from "./draw.js";
import { PLOT_SCRIPT } from "./matplotlib.js";
import { atStem, picturesOf, renderFiles } from "./picture-files.js";
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
  { force = false, pause, pdf }: DrawOptions = {},
): Promise<DrawnSweep> {
  const pictures: string[] = [];
  const notes: string[] = [];
  for (const { name, drawing, lack, pdf: wanted } of await buildSweepFigures(directory)) {
    if (drawing === null) {
      notes.push(`The figure ${name} was not drawn: ${lack ?? "no run has the numbers that it shows"}.`);
      continue;
    }
    const files = await renderFiles(drawing, { pdf: pdf ?? wanted, pause });
    const stem = `figures/${name}`;
    await attachSweepFiles(directory, atStem(stem, files), force);
    pictures.push(...picturesOf(stem, files));
  }
  if (pictures.length > 0) await attachSweepFiles(directory, { "figures/plot.py": PLOT_SCRIPT }, force);
  return { pictures, notes };
}
