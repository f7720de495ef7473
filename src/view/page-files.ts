/** The files that the page consists of, all from `assets/view`. Nothing else is served by name. */
import { readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const OWN = fileURLToPath(new URL("../../assets/view/", import.meta.url));

/** By the name in the address. */
const FILES: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      ...["view.css", "view.js", "ask.js", "axis.js", "icon.svg"],
      ...["runs-table.js", "run-rows.js", "details.js"],
      ...["panel.js", "held-curves.js", "curve-looks.js", "lane.js", "navigate.js"],
    ].map((name) => [name, name]),
  ),
  "": "index.html",
  "uplot.js": "uplot/uPlot.iife.min.js",
  "uplot.css": "uplot/uPlot.min.css",
};

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
};

export const typeOf = (path: string): string => TYPES[extname(path)] ?? "application/octet-stream";

/** Null where the page has no such file. */
export async function readPageFile(
  name: string,
): Promise<{ readonly type: string; readonly content: Buffer } | null> {
  const file = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
  if (file === undefined) return null;
  const path = join(OWN, file);
  return { type: typeOf(path), content: await readFile(path) };
}
