/** The figures of a run. To add one: write a file like `gap.ts` and name it here. */
import type { RunRecord } from "../record/reader.js";
import type { DataRow, Figure } from "./chart.js";
import { edgeFigure } from "./edge.js";
import { flowsFigure } from "./flows.js";
import { gapFigure } from "./gap.js";
import { leadingGapFigure } from "./leading-gap.js";
import { lossFigure } from "./loss.js";
import { measuredFigures } from "./measured.js";
import { ntkBoundFigure, ntkModesFigure, ntkSpectrumFigure } from "./ntk.js";
import { ntkDensityFigure } from "./ntk-density.js";
import { rasterFigure } from "./raster.js";
import { slidingFigure } from "./sliding.js";

/** All figures of a record: those of every run, and one for each of its measures. */
export function figuresOf(record: RunRecord): readonly Figure<DataRow>[] {
  return [...figures, ...measuredFigures(record)];
}

export const figures: readonly Figure<DataRow>[] = [
  lossFigure,
  gapFigure,
  flowsFigure,
  edgeFigure,
  leadingGapFigure,
  slidingFigure,
  rasterFigure,
  ntkBoundFigure,
  ntkSpectrumFigure,
  ntkModesFigure,
  ntkDensityFigure,
];
