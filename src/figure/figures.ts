/** The figures of a run. To add one: write a file like `gap.ts` and name it here. */
import type { DataRow, Figure } from "./chart.js";
import { gapFigure } from "./gap.js";
import { lossFigure } from "./loss.js";
import { ntkBoundFigure, ntkModesFigure, ntkSpectrumFigure } from "./ntk.js";
import { ntkDensityFigure } from "./ntk-density.js";
import { rasterFigure } from "./raster.js";
import { slidingFigure } from "./sliding.js";

export const figures: readonly Figure<DataRow>[] = [
  lossFigure,
  gapFigure,
  slidingFigure,
  rasterFigure,
  ntkBoundFigure,
  ntkSpectrumFigure,
  ntkModesFigure,
  ntkDensityFigure,
];
