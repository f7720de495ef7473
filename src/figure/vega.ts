/**
 * Vega and Vega-Lite from the one file each that their packages hold for browsers. From their four hundred modules they take twice as
 * long to load, as long as a small run, and every process of a sweep pays it.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { compileFunction } from "node:vm";
import type * as Vega from "vega";
import type * as VegaLite from "vega-lite";

const { resolve } = createRequire(import.meta.url);
const read = (entry: string, file: string): string =>
  readFileSync(join(dirname(resolve(entry)), file), "utf8");

/** Vega's text, for reports too: these carry it with them. */
export const VEGA_SOURCE = read("vega/vega-schema.json", "vega.min.js");

const vega = evaluate<typeof Vega>(VEGA_SOURCE);
export const { logger, None, parse, View } = vega;
/** Of vega-scenegraph, which its declarations leave out: how wide a text is. */
export const { textMetrics } = vega as unknown as {
  readonly textMetrics: { width: (item: object, text: unknown) => number };
};
export const { compile } = evaluate<typeof VegaLite>(read("vega-lite", "vega-lite.min.js"), vega);

/** The exports of a CommonJS module; `require` itself would take a file of these packages for an ES module. */
function evaluate<T>(source: string, needed?: unknown): T {
  const module = { exports: {} };
  compileFunction(source, ["module", "exports", "require"])(module, module.exports, () => needed);
  return module.exports as T;
}
