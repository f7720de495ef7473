/** The figures that a sweep asks for, as specs with their rows. */
import { ConfigError } from "../errors.js";
import { readSweep, type SweepFigureSpec } from "../record/sweep.js";
import { readJobs } from "../record/sweep-states.js";
import type { DataRow } from "./chart.js";
import { drawSweepCurves, type SweepDrawing } from "./sweep-curves.js";
import { drawSweepDistances } from "./sweep-distances.js";
import { type Sweep, sweepSettings } from "./sweep-groups.js";
import { drawSweepPoints } from "./sweep-points.js";

export interface BuiltFigure {
  readonly name: string;
  /** Null where the runs lack what it shows. */
  readonly drawing: SweepDrawing<DataRow> | null;
  /** What they lack, where the figure can tell. */
  readonly lack: string | null;
  /** Whether the study asks for a PDF of it. */
  readonly pdf: boolean;
}

/** The figures of a sweep as specs with their rows, by name. `known`: what was read of the sweep just now. */
export async function buildSweepFigures(directory: string, known?: Sweep): Promise<BuiltFigure[]> {
  const sweep = known ?? (await readWhole(directory));
  const { pdf } = sweepSettings(sweep);
  const built: BuiltFigure[] = [];
  for (const figure of sweep.manifest.figures) {
    built.push({ name: figure.name, ...(await draw(sweep, figure)), pdf });
  }
  return built;
}

async function draw(sweep: Sweep, figure: SweepFigureSpec): Promise<Pick<BuiltFigure, "drawing" | "lack">> {
  if (figure.kind === "distances") return drawSweepDistances(sweep, figure);
  const drawing =
    figure.kind === "curves" ? await drawSweepCurves(sweep, figure) : drawSweepPoints(sweep, figure);
  return { drawing, lack: null };
}

async function readWhole(directory: string): Promise<Sweep> {
  const manifest = await readSweep(directory);
  if (manifest === null)
    throw new ConfigError(`${directory}: is not a sweep (it has no sweep.json); name its folder.`);
  return { manifest, states: await readJobs(directory, manifest) };
}
