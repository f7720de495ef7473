/** Writing into a record's folder: whole files appear at once or not at all, and a refusal names the folder and the remedy. */
import { open, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ConfigError, DiskFullError } from "../errors.js";

/** Where `path` is assembled before it is renamed into place. */
export function temporaryPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.tmp`);
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

/** `writeAtomically` for text or bytes at hand. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  await writeAtomically(path, async (temporary) => {
    const file = await open(temporary, "w");
    try {
      await file.writeFile(content);
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

/** The text of `path`, or null where there is no such file. Throws ConfigError on any other failure. */
export async function readIfPresent(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
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
};

/** A failed write as the user's problem. A ConfigError passes unchanged. */
export function writeFault(path: string, error: unknown): ConfigError {
  if (error instanceof ConfigError) return error;
  const code = errorCode(error);
  const cause = CAUSES[code] ?? errorText(error);
  const Fault = code === "ENOSPC" || code === "EDQUOT" ? DiskFullError : ConfigError;
  return new Fault(
    `${path}: cannot be written (${cause}); choose an output folder that can be written, with space left.`,
  );
}

export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
