/** Writing into a record's folder: whole files appear at once or not at all, and a refusal names the folder and the remedy. */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { ConfigError, DiskFullError, WriteError } from "../errors.js";

/** Where `path` is assembled before it is renamed into place: no other process, and no link that waits there, has this name. */
export function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`);
}

/** Removes what killed processes left of the files so named in a folder. */
export async function removeTemporaries(directory: string, names: readonly string[]): Promise<void> {
  const present: string[] = await readdir(directory).catch(() => []);
  for (const entry of present) {
    const [, name, id] = /^\.(.+)\.(\d+)-[0-9a-f]{12}\.tmp$/.exec(entry) ?? [];
    if (name !== undefined && names.includes(name) && !isRunning(Number(id)))
      await rm(join(directory, entry), { recursive: true, force: true });
  }
}

function isRunning(id: number): boolean {
  if (id === process.pid) return false;
  try {
    return process.kill(id, 0);
  } catch (error) {
    return errorCode(error) === "EPERM";
  }
}

/**
 * Makes a folder and its parents. Returns the topmost that it made, null where all stood. Throws ConfigError.
 * (`mkdir` with `recursive` never returns where a file system such as /proc answers that there is no such folder.)
 */
export async function makeFolder(directory: string): Promise<string | null> {
  const missing: string[] = [];
  try {
    for (let place = directory; (await kindOf(place)) === null; place = dirname(place)) {
      missing.unshift(place);
      if (dirname(place) === place) break;
    }
    for (const folder of missing)
      await mkdir(folder).catch((error: unknown) => {
        if (errorCode(error) !== "EEXIST") throw error;
      });
  } catch (error) {
    throw writeFault(directory, error);
  }
  if ((await kindOf(directory)) !== "folder")
    throw new ConfigError(
      `${directory}: is a file, a record needs a folder; choose another folder with --out.`,
    );
  return missing[0] ?? null;
}

async function kindOf(path: string): Promise<"folder" | "file" | null> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

/**
 * Makes the folders that lead from a folder to a file below it. A symbolic link among them would lead the file elsewhere: it is
 * refused, or with `force` removed for a folder. Throws ConfigError.
 */
export async function makeFoldersTo(directory: string, name: string, force: boolean): Promise<void> {
  let place = directory;
  for (const part of name.split("/").slice(0, -1)) {
    place = join(place, part);
    const found = await lstat(place).catch((error: unknown) => {
      if (errorCode(error) === "ENOENT") return null;
      throw writeFault(place, error);
    });
    if (found?.isSymbolicLink() === true) {
      if (!force)
        throw new ConfigError(
          `${place}: is a symbolic link, which would lead what is written there elsewhere; remove it, or have it replaced by a folder with --force.`,
        );
      await rm(place);
    }
    await makeFolder(place);
  }
}

/**
 * Replaces `path` in one step: `produce` fills a temporary file in the same folder, which is synced and renamed.
 * A kill leaves the old content or the new one. Throws ConfigError.
 */
export async function writeAtomically(
  path: string,
  produce: (temporary: string) => void | Promise<void>,
): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    await produce(temporary);
    const file = await open(temporary, "r+");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw writeFault(path, error);
  }
}

/** Of a file: text or bytes at hand, or in parts that are made while they are written. */
export type Content = string | Uint8Array | AsyncIterable<string | Uint8Array>;

/** `writeAtomically` for a content. */
export async function writeWhole(path: string, content: Content): Promise<void> {
  await writeAtomically(path, async (temporary) => {
    const file = await open(temporary, "wx");
    try {
      await writeFile(file, content);
    } finally {
      await file.close();
    }
  });
}

/** Writes indented JSON; NaN and ±∞ become `null`. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  await writeWhole(path, formatJson(value));
}

export function formatJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Whether anything has this name, a link that leads nowhere included. */
export function stands(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

const read = promisify(readFile);

/** The text of a file. The older interface of Node takes half the time of the newer one, which shows where thousands of files are read. */
export const readText = (path: string): Promise<string> => read(path, "utf8");

/** The text of `path`, or null where there is no such file. Throws ConfigError on any other failure. */
export async function readIfPresent(path: string): Promise<string | null> {
  try {
    return await readText(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new ConfigError(`${path}: cannot be read (${errorText(error)}); check its permissions.`);
  }
}

/** The object in a JSON file, or null where there is no such file. Throws ConfigError where it holds anything else. */
export async function readJsonObject(path: string): Promise<Record<string, unknown> | null> {
  const text = await readIfPresent(path);
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`${path}: is not valid JSON (${errorText(error)}); restore it or run again.`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new ConfigError(`${path}: must hold a JSON object; restore it or run again.`);
  return value as Record<string, unknown>;
}

const CAUSES: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the device",
  EDQUOT: "disk quota exceeded",
  ENOTDIR: "part of its path is a file, not a folder",
  ENOENT: "its parent cannot be created or has gone",
  EISDIR: "a folder has that name",
  EFBIG: "files may not grow that large here; see ulimit -f",
  EMFILE: "too many files are open; see ulimit -n",
  ENFILE: "too many files are open on this machine",
  ELOOP: "it is a symbolic link",
};

const REMEDIES: Readonly<Record<string, string>> = {
  EFBIG: "raise that limit, or record fewer times",
  EMFILE: "raise that limit",
  ENFILE: "close other programs",
};

/** A failed write as the user's problem. A ConfigError passes unchanged. */
export function writeFault(path: string, error: unknown): ConfigError {
  if (error instanceof ConfigError) return error;
  const code = errorCode(error);
  const cause = CAUSES[code] ?? errorText(error);
  if (code === "ENOSPC" || code === "EDQUOT")
    return new DiskFullError(`${path}: cannot be written (${cause}); make room there.`);
  return new WriteError(
    `${path}: cannot be written (${cause}); ${REMEDIES[code] ?? "choose an output folder that can be written"}.`,
  );
}

export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
