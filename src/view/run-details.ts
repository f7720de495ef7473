/** What the page tells of one run: how it ended, its checks and notes, its study, its figures, every fact. */
import { join } from "node:path";
import { ConfigError } from "../errors.js";
import { assess } from "../figure/assess.js";
import { checkRows } from "../figure/report-checks.js";
import { quote } from "../record/command.js";
import { readIfPresent } from "../record/files.js";
import { contentFolder, type Manifest, readManifest } from "../record/manifest.js";
import { readResult } from "../record/reader.js";
import type { Entry } from "./catalogue.js";
import type { TableName } from "./curves.js";
import { requireInside, statInside } from "./inside.js";

const PICTURE = /^figures\/[^/]+\.(svg|png)$/;

/** Of an entry that the catalogue holds. @throws ConfigError where the record has gone or is damaged */
export async function readDetails(
  root: string,
  { directory, name, facts }: Entry,
  columns: Readonly<Record<TableName, readonly string[]>>,
) {
  const manifest = await presentManifest(root, directory);
  const folder = contentFolder(directory, manifest);
  await statInside(root, join(folder, "result.json"));
  const result = await readResult(folder);
  const study =
    (await statInside(root, join(folder, "config.yaml"))) === null
      ? null
      : await readIfPresent(join(folder, "config.yaml"));
  const pictures = manifest.files.filter((file) => PICTURE.test(file));
  return {
    name,
    status: manifest.status,
    message: result?.message ?? manifest.failure ?? null,
    notes: result?.notes ?? manifest.announced ?? [],
    verdicts: result === null ? [] : assess(result),
    checks: result === null ? [] : checkRows(result),
    study,
    command: quote(manifest.command),
    // One of each name: the drawing where there is one.
    figures: pictures.filter(
      (file) => file.endsWith(".svg") || !pictures.includes(file.replace(/png$/, "svg")),
    ),
    facts: [...facts],
    columns,
    labels: Object.fromEntries(
      (manifest.measures ?? []).flatMap((measure) =>
        measure.columns.map(({ name, label, axis }) => [name, `${label} (${axis})`]),
      ),
    ),
  };
}

/** A figure of a record as a path that may be read. @throws ConfigError */
export async function locateFigure(root: string, { directory, name }: Entry, file: string): Promise<string> {
  const manifest = await presentManifest(root, directory);
  const path = join(contentFolder(directory, manifest), file);
  if (!PICTURE.test(file) || !manifest.files.includes(file) || (await statInside(root, path)) === null)
    throw new ConfigError(`${name} has no figure ${file}.`);
  // The folder of the figures may be a link itself.
  await requireInside(root, path);
  return path;
}

async function presentManifest(root: string, directory: string): Promise<Manifest> {
  await statInside(root, join(directory, "manifest.json"));
  const manifest = await readManifest(directory);
  if (manifest === null) throw new ConfigError(`${directory}: the record has gone.`);
  return manifest;
}
