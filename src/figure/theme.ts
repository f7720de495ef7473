/** What all figures look like: size, type, colours. Black and white print stays readable, common colour blindness too. */
import type { Config } from "vega-lite";

export const PNG_FONT = "DejaVu Sans";
/** The SVG names what to use where its viewer has no DejaVu Sans: Verdana is as wide. */
export const FONT = `${PNG_FONT}, Verdana, sans-serif`;

/** Of the plotting area, in units of the figure (pixels at scale 1). */
export const PLOT_WIDTH = 560;
export const PLOT_HEIGHT = 330;
export const SUBTITLE_SIZE = 11;
export const LEGEND_SIZE = 11;
export const CAPTION_SIZE = 10.5;
export const CAPTION_COLOUR = "#555555";

/** The flow is a broad band on which descents that agree with it stay visible, and the fit on both. */
export const FLOW_COLOUR = "#ABABAB";
export const FIT_COLOUR = "#000000";

/** Okabe and Ito, "Color Universal Design" (2008), without its black and yellow; the order puts the strongest contrast first. */
const DESCENT_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"];
const DASHES = [
  [5, 2],
  [2, 2],
  [8, 2, 2, 2],
  [12, 2],
  [2, 6],
  [12, 2, 2, 2, 2, 2],
];
const DESCENT_DASHES = [[1, 0], ...DASHES];

/** Dash of the k-th learning rate where colours tell other things. */
export function descentDash(k: number): number[] {
  return DASHES[k % DASHES.length]!;
}

/** Colour and dash of the k-th learning rate: colours first, then the same colours dashed. */
export function descentStyle(k: number): { colour: string; dash: number[] } {
  const round = Math.floor(k / DESCENT_COLOURS.length);
  return {
    colour: DESCENT_COLOURS[k % DESCENT_COLOURS.length]!,
    dash: DESCENT_DASHES[round % DESCENT_DASHES.length]!,
  };
}

/** Steps in time: crossings so far, and the bars of their rate. */
export const STEP_COLOUR = "#0072B2";
export const RATE_COLOUR = "#8FB8D6";

/** Sliding and chatter are darker than every piece, so that they stand out in grey print too. */
export const SLIDING_COLOUR = "#B33A00";
export const CHATTER_COLOUR = "#4A1A4F";

/** The k-th of several modes, largest eigenvalue first: from dark blue over green to pale (stops of viridis, its yellow left out). */
export function modeColour(k: number, count: number): string {
  const stops = ["#440154", "#414487", "#2A788E", "#22A884", "#7AD151"];
  const at = count === 1 ? 0 : (k * (stops.length - 1)) / (count - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const channel = (stop: string, c: number): number => Number.parseInt(stop.slice(1 + 2 * c, 3 + 2 * c), 16);
  const mixed = [0, 1, 2].map((c) =>
    Math.round(channel(stops[low]!, c) * (1 - (at - low)) + channel(stops[low + 1]!, c) * (at - low)),
  );
  return `#${mixed.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

/** From pale to middle blue, evenly, lowest piece first. */
export function pieceColours(count: number): string[] {
  const [pale, strong] = [
    [217, 232, 244],
    [94, 163, 208],
  ];
  return Array.from({ length: count }, (_, k) => {
    const share = count === 1 ? 0 : k / (count - 1);
    const channels = pale!.map((value, c) => Math.round(value + share * (strong![c]! - value)));
    return `#${channels.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
  });
}

export const THEME: Config = {
  font: FONT,
  view: { stroke: "#888888", strokeWidth: 0.8 },
  axis: {
    labelFontSize: 11,
    titleFontSize: 12,
    titleFontWeight: "normal",
    titlePadding: 8,
    gridColor: "#E4E4E4",
    gridWidth: 0.7,
    domain: false,
    labelFlush: false,
    labelBound: false,
    tickColor: "#888888",
    labelColor: "#222222",
    titleColor: "#222222",
  },
  axisLeft: { minExtent: 40 }, // one width for all labels, so that stacked panels align their titles
  title: {
    anchor: "start",
    frame: "group",
    fontSize: 15,
    limit: 900,
    fontWeight: "bold",
    subtitleFontSize: SUBTITLE_SIZE,
    subtitleColor: CAPTION_COLOUR,
    subtitlePadding: 5,
    subtitleLineHeight: 15,
    offset: 12,
  },
  legend: {
    orient: "bottom",
    direction: "horizontal",
    title: null,
    labelFontSize: LEGEND_SIZE,
    labelLimit: 0,
    labelColor: "#222222",
    symbolSize: 500,
    symbolType: "stroke",
    offset: 10,
    rowPadding: 4,
    columnPadding: 14,
  },
};
