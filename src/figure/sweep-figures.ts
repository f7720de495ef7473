/** The figures that a sweep asks for, as specs with their rows. */
import { ConfigError } from "../errors.js";
import { readSweep } from "../record/sweep.js";
import { readJobs } from "../record/sweep-states.js";
import type { DataRow } from "./chart.js";
import { drawSweepCurves, type SweepDrawing } from "./sweep-curves.js";
import { drawSweepPoints } from "./sweep-points.js";

/** The figures of a sweep as specs with their rows, by name; null where the runs lack what it shows. */
export async function buildSweepFigures(
  directory: string,
): Promise<{ name: string; drawing: SweepDrawing<DataRow> | null }[]> {
  const manifest = await readSweep(directory);
  if (manifest === null)
    throw new ConfigError(`${directory}: is not a sweep (it has no sweep.json); name its folder.`);
  const sweep = { manifest, states: await readJobs(directory, manifest) };
  const built: { name: string; drawing: SweepDrawing<DataRow> | null }[] = [];
  for (const figure of manifest.figures) {
    const curves = figure.kind === "curves";
    const drawing = curves ? await drawSweepCurves(sweep, figure) : drawSweepPoints(sweep, figure);
    built.push({ name: figure.name, drawing });
  }
  return built;
}
