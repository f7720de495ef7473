/** Files below ROOT and nothing else: a link that leads out, a device or a pipe that would never end is refused. */
import type { Stats } from "node:fs";
import { lstat, realpath, stat } from "node:fs/promises";
import { relative, sep } from "node:path";
import { ConfigError } from "../errors.js";
import { errorCode } from "../record/files.js";

/**
 * The state of a regular file whose folder is known to lie below `root` (itself free of links); null where there is none.
 * @throws ConfigError where it is a link that leads out of `root`, or no regular file
 */
export async function statInside(root: string, path: string): Promise<Stats | null> {
  try {
    const own = await lstat(path);
    if (own.isFile()) return own;
    if (own.isSymbolicLink()) {
      await requireInside(root, path);
      const target = await stat(path);
      if (target.isFile()) return target;
    }
    throw new ConfigError(`${path}: is no regular file; gradflow view does not read it.`);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errorCode(error))) return null;
    throw error;
  }
}

/** @throws ConfigError where a link on the way leads out of `root` */
export async function requireInside(root: string, path: string): Promise<void> {
  const way = relative(root, await realpath(path));
  if (way === ".." || way.startsWith(`..${sep}`) || way === "")
    throw new ConfigError(`${path}: is a link that leads out of ${root}; gradflow view reads nothing there.`);
}

/** Tells a changed file from the same one. */
export const stampOf = (stats: Stats | null): string =>
  stats === null ? "-" : `${stats.ino}:${stats.size}:${stats.mtimeMs}`;
