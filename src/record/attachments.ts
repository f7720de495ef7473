/** Files that are added to a record later: figures, exports, a report. */
import { rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ConfigError } from "../errors.js";
import {
  type Content,
  makeFoldersTo,
  removeTemporaries,
  stands,
  temporaryPath,
  writeAtomically,
  writeWhole,
} from "./files.js";
import { whileListed } from "./lock.js";
import { type Manifest, presentManifest, rewriteManifest } from "./manifest.js";

export interface AttachOptions {
  /** Replace files and links that are not the record's. */
  readonly force?: boolean;
  /** Of the record that the files were made from: another that took its place meanwhile gets none of them. */
  readonly of?: Pick<Manifest, "started">;
}

/**
 * Adds files to a record, finished or not, or replaces them: `figures/loss.svg` → its content. They are removed with the record.
 * Throws ConfigError where the folder is not a record, holds a like-named file of other origin, or cannot be written.
 */
export async function attachFiles(
  directory: string,
  contents: Readonly<Record<string, Content>>,
  options: AttachOptions = {},
): Promise<void> {
  /** What is long in the making is made before the list is locked. */
  const made = new Map<string, string>();
  try {
    for (const [name, content] of Object.entries(contents)) {
      if (typeof content === "string" || content instanceof Uint8Array) continue;
      const path = temporaryPath(join(directory, name.split("/", 1)[0]!));
      made.set(name, path);
      await writeWhole(path, content);
    }
    await whileListed(directory, () => attachListed(directory, contents, made, options));
  } finally {
    for (const path of made.values()) await rm(path, { force: true }).catch(() => undefined);
  }
}

async function attachListed(
  directory: string,
  contents: Readonly<Record<string, Content>>,
  made: ReadonlyMap<string, string>,
  { force = false, of }: AttachOptions,
): Promise<void> {
  const manifest = await presentManifest(directory);
  if (of !== undefined && manifest.started !== of.started)
    throw new ConfigError(`${directory}: the record was replaced meanwhile; do this again.`);
  for (const name of Object.keys(contents)) {
    await makeFoldersTo(directory, name, force);
    if (!force && !manifest.files.includes(name) && (await stands(join(directory, name))))
      throw new ConfigError(
        `${join(directory, name)}: is not the record's; move it away, or replace it with ${name.startsWith("figures/") ? "gradflow figure " : ""}--force.`,
      );
  }
  await rewriteManifest(directory, manifest, {}, Object.keys(contents));
  for (const folder of new Set(Object.keys(contents).map(dirname))) {
    const names = Object.keys(contents).filter((name) => dirname(name) === folder);
    await removeTemporaries(
      join(directory, folder),
      names.map((name) => basename(name)),
    );
  }
  for (const [name, content] of Object.entries(contents)) {
    const path = made.get(name);
    if (path === undefined) await writeWhole(join(directory, name), content);
    else await writeAtomically(join(directory, name), (temporary) => rename(path, temporary));
  }
}
