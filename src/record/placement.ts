/** The folder of a run as a place: claimed for one computation, and an old record there replaced by a new one in one step. */
import { copyFile, link, lstat, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ConfigError, DiskFullError, tellError, WriteError } from "../errors.js";
import { CHECKPOINT_FILES } from "./checkpoint.js";
import {
  type Content,
  errorCode,
  formatJson,
  makeFolder,
  removeTemporaries,
  writeFault,
  writeWhole,
} from "./files.js";
import { LOCKS, type Lock, lockFolder, whileListed } from "./lock.js";
import { MANIFEST, type Manifest, readManifest, rewriteManifest, STAGING } from "./manifest.js";

/** A folder that no other computation writes: its lock, and what was made to have it. */
export interface Claim {
  readonly lock: Lock;
  /** The topmost folder that was made; null where all stood. */
  readonly created: string | null;
}

export const CONFIG_TEXT = "config.yaml";
export const CONFIG = "config.resolved.json";
export const RESULT = "result.json";
/** Space set aside for the last words of a run whose disk is full. */
export const RESERVE = ".reserve";
/** Folders and files that are added to a record later. */
const ADDED = ["figures", "export", "report.html"];
/** Names every record uses from its start; a folder that holds one without a manifest is somebody else's. */
export const OWN_FILES = [
  ...[CONFIG_TEXT, CONFIG, RESULT, "series.csv", "descent.csv", "theta0.npy", "theta.npy", RESERVE],
  ...CHECKPOINT_FILES,
];

/**
 * Claims a folder, made where missing, for one computation, and puts right what a kill left there half-done.
 * @param force take it from an owner of whom nobody here can know whether it lives
 * @throws ConfigError where another process writes there
 */
export async function claimRecord(directory: string, force = false): Promise<Claim> {
  const created = await makeFolder(directory);
  const lock = await lockFolder(directory, { force }).catch(async (error: unknown) => {
    await removeCreated(directory, created);
    throw error;
  });
  try {
    await whileListed(directory, async () => {
      const manifest = await readManifest(directory);
      if (manifest !== null) await settle(directory, manifest);
    });
    await removeTemporaries(directory, [MANIFEST, ...OWN_FILES, ...ADDED, ...LOCKS]);
    return { lock, created };
  } catch (error) {
    await giveUp(directory, { lock, created });
    throw writeFault(directory, error);
  }
}

/** Releases a claim and removes the folders that were made for it, where they are empty. */
export async function giveUp(directory: string, { lock, created }: Claim): Promise<void> {
  await lock.release();
  await removeCreated(directory, created);
}

/**
 * Puts a new record in the place of what the manifest replaces. All that it begins with is on the disk before an old one goes: a kill or
 * a fault leaves the old one or the new one.
 * @param files of the new record besides its manifest, by name
 */
export async function placeRecord(
  directory: string,
  manifest: Manifest,
  files: Readonly<Record<string, Content>>,
): Promise<void> {
  const folder = join(directory, STAGING);
  let placed = false;
  try {
    await stage(directory, { ...files, [MANIFEST]: formatJson(manifest) });
    await whileListed(directory, async () => {
      await rename(join(folder, MANIFEST), join(directory, MANIFEST));
      placed = true;
      await settle(directory, manifest);
    });
  } catch (error) {
    // Once its manifest stands it is a record that may be resumed.
    if (!placed) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    throw error;
  }
}

/** Writes the files beside what stands there, in their order. A fault is told as one of the file that it was to be. */
async function stage(directory: string, files: Readonly<Record<string, Content>>): Promise<void> {
  const folder = join(directory, STAGING);
  try {
    await rm(folder, { recursive: true, force: true });
    await makeFolder(folder);
    for (const [name, content] of Object.entries(files)) await writeWhole(join(folder, name), content);
  } catch (error) {
    if (!(error instanceof WriteError)) throw error;
    const Fault = error instanceof DiskFullError ? DiskFullError : WriteError;
    throw new Fault(tellError(error).replace(folder, directory));
  }
}

/** Removes what the manifest replaces and puts in place what was staged with it. After a kill in the midst it may be done again. */
async function settle(directory: string, manifest: Manifest): Promise<void> {
  const folder = join(directory, STAGING);
  const staged: string[] = await readdir(folder).catch(() => []);
  if (manifest.replaces !== undefined && !staged.includes(MANIFEST)) {
    const old = manifest.replaces.filter((name) => name !== MANIFEST);
    await removeFiles(directory, [...old, ...staged]);
    for (const name of staged) {
      const [from, to] = [join(folder, name), join(directory, name)];
      await link(from, to).catch(() => copyFile(from, to)); // some file systems have no hard links
    }
    await rewriteManifest(directory, manifest, { replaces: undefined });
  }
  await rm(folder, { recursive: true, force: true });
}

/** @throws ConfigError where a folder that is no record's holds a file as records do */
export async function refuseForeignFiles(directory: string, further: readonly string[] = []): Promise<void> {
  const present = await readdir(directory);
  const foreign = [...OWN_FILES, ...ADDED, ...further].filter((name) => present.includes(name));
  if (foreign.length > 0)
    throw new ConfigError(
      `${directory}: holds ${foreign.join(", ")} but is not a gradflow record, so nothing there is replaced; choose another folder with --out.`,
    );
}

async function removeCreated(directory: string, topmost: string | null): Promise<void> {
  if (topmost === null) return;
  for (let folder = directory; folder.startsWith(topmost); folder = dirname(folder)) {
    const empty = await rmdir(folder).then(
      () => true,
      () => false,
    );
    if (!empty) return;
  }
}

/** Removes the listed files, what a kill left of them, and folders thereby emptied. Names that lead outside are skipped. */
async function removeFiles(directory: string, names: readonly string[]): Promise<void> {
  const inside = names.filter(
    (name) => /^[\w.-]+(\/[\w.-]+)*$/.test(name) && !name.split("/").includes(".."),
  );
  const folders = new Set(inside.map((name) => dirname(name)));
  // A link among the folders leads outside too.
  const real = new Set<string>();
  for (const folder of folders) if (await isInside(directory, folder)) real.add(folder);
  // A folder has a listed name only where somebody doctored the list.
  for (const name of inside.filter((candidate) => real.has(dirname(candidate))))
    await rm(join(directory, name), { force: true }).catch((error: unknown) => {
      if (errorCode(error) !== "ERR_FS_EISDIR") throw error;
    });
  for (const folder of real) {
    const own = inside.filter((name) => dirname(name) === folder).map((name) => basename(name));
    await removeTemporaries(join(directory, folder), own);
    if (folder !== ".") await rmdir(join(directory, folder)).catch(() => undefined);
  }
}

/** Whether a relative path leads through folders alone. */
async function isInside(directory: string, path: string): Promise<boolean> {
  let place = directory;
  for (const part of path.split("/")) {
    place = join(place, part);
    const found = await lstat(place).catch(() => null);
    if (part !== "." && found?.isDirectory() !== true) return false;
  }
  return true;
}
