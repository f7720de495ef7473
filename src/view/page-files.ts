/** The files that the page consists of: our own from `assets/view`, the charts' from the package uplot. Nothing else is served by name. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const OWN = fileURLToPath(new URL("../../assets/view/", import.meta.url));
const require = createRequire(import.meta.url);

const FILES: Readonly<Record<string, () => string>> = {
  ...Object.fromEntries(
    ["view.css", "view.js", "runs-table.js", "panel.js", "details.js", "axis.js", "ask.js"].map((name) => [
      name,
      () => join(OWN, name),
    ]),
  ),
  "": () => join(OWN, "index.html"),
  "icon.svg": () => join(OWN, "icon.svg"),
  "uplot.js": () => require.resolve("uplot/dist/uPlot.esm.js"),
  "uplot.css": () => require.resolve("uplot/dist/uPlot.min.css"),
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
  const locate = Object.hasOwn(FILES, name) ? FILES[name] : undefined;
  if (locate === undefined) return null;
  const path = locate();
  return { type: typeOf(path), content: await readFile(path) };
}
