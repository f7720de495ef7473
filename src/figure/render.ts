/** Vega-Lite spec → SVG → PNG. The PNG takes its letters from the DejaVu Sans that npm installed and from no font of the machine. */
import { createRequire } from "node:module";
import type * as ResvgModule from "@resvg/resvg-js";
import type { TopLevelSpec } from "vega-lite";
import { CAPTION_COLOUR, CAPTION_SIZE, FONT, PNG_FONT } from "./theme.js";
import { compile, logger, None, parse, textMetrics, View } from "./vega.js";

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

/** Without a canvas Vega guesses the width of text, half too wide, and puts titles as far from their axes. */
textMetrics.width = (
  item: { readonly fontSize?: number; readonly fontWeight?: string | number },
  text: unknown,
) => measureText(String(text ?? ""), item.fontSize ?? 11, item.fontWeight === "bold");

/** Draws a spec without a browser, on white, trimmed to its ink, with its caption below. */
export async function renderSvg(spec: TopLevelSpec): Promise<string> {
  const silent = logger(None);
  const compiled = compile({ ...spec, background: null } as unknown as TopLevelSpec, { logger: silent });
  const view = new View(parse(compiled.spec), { renderer: "none", logger: silent });
  try {
    return frame(renumber(await view.toSVG()), captionOf(spec));
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

/** The paragraphs that a figure carries beside its picture: what to look for, and the facts. */
export function captionOf({ usermeta }: TopLevelSpec): string[] {
  const { caption } = (usermeta ?? {}) as { readonly caption?: unknown };
  return Array.isArray(caption) ? caption.map(String) : [];
}

const CAPTION_LINE = 15;
const CAPTION_GAP = 16;
/** A caption below a narrow picture is as wide as this. */
const NARROWEST_CAPTION = 420;

/** Trims to the ink, and sets the caption below it. */
function frame(svg: string, caption: readonly string[]): string {
  const ink = new Resvg(svg, { font: FONT_OPTIONS }).getBBox();
  if (ink === undefined) return svg;
  const left = Math.floor(ink.x);
  const wide = Math.max(ink.width, caption.length === 0 ? 0 : NARROWEST_CAPTION);
  const lines = caption.flatMap((paragraph) => breakWords(paragraph, wide, CAPTION_SIZE));
  const bottom = Math.ceil(ink.y + ink.height);
  const texts = lines.map(
    (line, k) =>
      `<text x="${left}" y="${bottom + CAPTION_GAP + CAPTION_LINE * k + 8}" font-family="${FONT}" font-size="${CAPTION_SIZE}px" fill="${CAPTION_COLOUR}">${escapeText(line)}</text>`,
  );
  const below = lines.length === 0 ? 0 : CAPTION_GAP + CAPTION_LINE * lines.length - 4;
  const [x, y] = [left - MARGIN, Math.floor(ink.y - MARGIN)];
  const [width, height] = [Math.ceil(wide + 2 * MARGIN + 1), Math.ceil(bottom + below + MARGIN + 1 - y)];
  const box = `width="${width}" height="${height}" viewBox="${x} ${y} ${width} ${height}"`;
  const paper = `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="white"/>`;
  return svg
    .replace(/<svg[^>]*>/, (opening) => {
      const attributes = opening.slice(4, -1).replace(/\s(width|height|viewBox)="[^"]*"/g, "");
      return `<svg ${box}${attributes}>${paper}`;
    })
    .replace(/<\/svg>\s*$/, () => `${texts.join("")}</svg>`);
}

/** Lines between words that are no wider than asked, unless one word is; what stands about an = stays together. */
export function breakWords(text: string, width: number, size: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/(?<!=) (?!=)/)) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && measureText(longer, size) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
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

/** Widths by size, weight and text: captions repeat their words from figure to figure. */
const widths = new Map<string, number>();

/** Width of a text in units of the figure, as it will be drawn. */
export function measureText(text: string, fontSize: number, isBold = false): number {
  const key = `${fontSize} ${isBold} ${text}`;
  const known = widths.get(key) ?? measure(text, fontSize, isBold);
  widths.set(key, known);
  return known;
}

function measure(text: string, fontSize: number, isBold: boolean): number {
  const weight = isBold ? ' font-weight="bold"' : "";
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text y="9" font-family="${PNG_FONT}" font-size="${fontSize}"${weight}>${escapeText(text)}</text></svg>`;
  return new Resvg(svg, { font: FONT_OPTIONS }).getBBox()?.width ?? 0;
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
