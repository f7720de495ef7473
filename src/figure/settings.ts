/** The `figure` section of a study: size, scales, range and title of its figures. */
import { PLOT_HEIGHT, PLOT_WIDTH } from "./theme.js";

export interface FigureSettings {
  /** Of the plotting area, in units of the figure. */
  readonly width: number;
  readonly height: number;
  readonly xScale: "log" | "linear" | null;
  readonly yScale: "log" | "linear" | null;
  /** Times that are shown; null where the record decides. */
  readonly from: number | null;
  readonly to: number | null;
  readonly title: string | null;
  /** For the script beside the figures. */
  readonly latex: boolean;
  /** When the run ends; asked for, they are drawn all the same. */
  readonly draw: boolean;
  readonly pdf: boolean;
}

/** What a config says of its figures; anything that is missing or no such value is as though it were left out. */
export function settingsOf(config: Readonly<Record<string, unknown>>): FigureSettings {
  const { width, height, xScale, yScale, from, to, title, latex, draw, pdf } = (config["figure"] ??
    {}) as Readonly<Record<string, unknown>>;
  const number = (value: unknown) => (typeof value === "number" && Number.isFinite(value) ? value : null);
  const scale = (value: unknown) => (value === "log" || value === "linear" ? value : null);
  return {
    width: number(width) ?? PLOT_WIDTH,
    height: number(height) ?? PLOT_HEIGHT,
    xScale: scale(xScale),
    yScale: scale(yScale),
    from: number(from),
    to: number(to),
    title: typeof title === "string" ? title : null,
    latex: latex === true,
    draw: draw !== false,
    pdf: pdf === true,
  };
}
