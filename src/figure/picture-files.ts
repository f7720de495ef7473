/** The files of one figure. Apart from draw.ts, whose declarations users of the library compile: those of Vega-Lite fail a strict compiler. */
import type { TopLevelSpec } from "vega-lite";
import { formatTable } from "../record/table.js";
import type { DataRow } from "./chart.js";
import { renderPdf } from "./pdf.js";
import { renderPng, renderSvg } from "./render.js";

/** A figure's files by the end of their names: SVG, PNG and, where asked, PDF, its spec with the data, and the plotted rows. */
export async function renderFiles(
  { spec, rows }: { readonly spec: TopLevelSpec; readonly rows: readonly DataRow[] },
  { pdf, pause }: { readonly pdf: boolean; readonly pause?: (() => Promise<void> | undefined) | undefined },
): Promise<Readonly<Record<string, string | Uint8Array>>> {
  await pause?.();
  const svg = await renderSvg(spec);
  await pause?.();
  return {
    svg,
    png: renderPng(svg),
    ...(pdf ? { pdf: await renderPdf(svg) } : {}),
    json: `${JSON.stringify(spec)}\n`,
    csv: formatTable(Object.keys(rows[0] ?? {}), rows),
  };
}

/** The ends of names that are pictures. */
const PICTURES = ["svg", "png", "pdf"];

/** The pictures among the files of a figure. */
export function picturesOf(stem: string, files: Readonly<Record<string, unknown>>): string[] {
  return PICTURES.filter((ending) => ending in files).map((ending) => `${stem}.${ending}`);
}

/** Names of files by their ends, below a stem. */
export function atStem<T>(stem: string, files: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(files).map(([ending, content]) => [`${stem}.${ending}`, content]));
}
