/** Vega-Lite spec → SVG → PNG. The PNG takes its letters from the DejaVu Sans that npm installed and from no font of the machine. */
import { createRequire } from "node:module";
import type * as ResvgModule from "@resvg/resvg-js";
import type { TopLevelSpec } from "vega-lite";
import { compile, logger, None, parse, View } from "./vega.js";

const PNG_FONT = "DejaVu Sans";
/** The SVG names what to use where its viewer has no DejaVu Sans: Verdana is as wide. */
export const FONT = `${PNG_FONT}, Verdana, sans-serif`;
/** Pixels of the PNG per unit of the figure: about 200 dots per inch at 16 cm width. */
const SCALE = 2;

const require = createRequire(import.meta.url);
const { Resvg } = loadResvg();

/** Its loader reads the name of the C library from Node's report, which would look up the machine's network addresses as well. */
function loadResvg(): typeof ResvgModule {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  const before = report.excludeNetwork ?? false;
  report.excludeNetwork = true;
  const resvg = require("@resvg/resvg-js") as typeof ResvgModule;
  report.excludeNetwork = before;
  return resvg;
}

const FONT_OPTIONS = {
  loadSystemFonts: false,
  fontFiles: [
    require.resolve("dejavu-fonts-ttf/ttf/DejaVuSans.ttf"),
    require.resolve("dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf"),
  ],
  defaultFontFamily: PNG_FONT,
  sansSerifFamily: PNG_FONT,
};

/** White space around the drawing, in units of the figure. */
const MARGIN = 12;

/** Draws a spec without a browser, on white, trimmed to its ink. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  const silent = logger(None);
  const compiled = compile({ ...spec, background: null } as unknown as TopLevelSpec, { logger: silent });
  const view = new View(parse(compiled.spec), { renderer: "none", logger: silent });
  try {
    return trim(renumber(await view.toSVG()));
  } finally {
    view.finalize();
  }
}

/** Vega counts clip paths per process; numbered per picture, equal specs give equal bytes. */
function renumber(svg: string): string {
  const numbers = new Map<string, number>();
  return svg.replace(/(id="|url\(#)clip(\d+)/g, (_, before: string, old: string) => {
    const number = numbers.get(old) ?? numbers.size + 1;
    numbers.set(old, number);
    return `${before}clip${number}`;
  });
}

/** Without a canvas Vega guesses the width of text, half too wide, and leaves as much room; resvg knows the width. */
function trim(svg: string): string {
  const ink = new Resvg(svg, { font: FONT_OPTIONS }).getBBox();
  if (ink === undefined) return svg;
  const [x, y] = [Math.floor(ink.x - MARGIN), Math.floor(ink.y - MARGIN)];
  const [width, height] = [Math.ceil(ink.width + 2 * MARGIN + 1), Math.ceil(ink.height + 2 * MARGIN + 1)];
  const box = `width="${width}" height="${height}" viewBox="${x} ${y} ${width} ${height}"`;
  const paper = `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="white"/>`;
  return svg.replace(/<svg[^>]*>/, (opening) => {
    const attributes = opening.slice(4, -1).replace(/\s(width|height|viewBox)="[^"]*"/g, "");
    return `<svg ${box}${attributes}>${paper}`;
  });
}

/** Rasterises an SVG on white, two pixels per unit. */
export function renderPng(svg: string): Uint8Array {
  const options = {
    background: "white",
    fitTo: { mode: "zoom", value: SCALE },
    font: FONT_OPTIONS,
  } as const;
  return new Resvg(svg, options).render().asPng();
}

/** Widths by size and text: captions repeat their words from figure to figure. */
const widths = new Map<string, number>();

/** Width of a text in units of the figure, as it will be drawn. */
export function measureText(text: string, fontSize: number): number {
  const key = `${fontSize} ${text}`;
  const known = widths.get(key) ?? measure(text, fontSize);
  widths.set(key, known);
  return known;
}

function measure(text: string, fontSize: number): number {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text y="9" font-family="${PNG_FONT}" font-size="${fontSize}">${escaped}</text></svg>`;
  return new Resvg(svg, { font: FONT_OPTIONS }).getBBox()?.width ?? 0;
}
