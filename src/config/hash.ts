/**
 * The identity of an experiment: its complete config with every file it refers to replaced by that file's contents, an ONNX file by those of the
 * files, too, that it keeps its tensors in.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { ConfigError } from "../errors.js";
import { digestOnnx, OnnxError } from "../onnx/index.js";
import { type FileReference, fileReferences } from "./files.js";
import type { Config } from "./schema.js";
import { isRecord } from "./walk.js";

export interface ConfigHash {
  /** The first 12 hexadecimal digits of the SHA-256 of the canonical text. */
  readonly hash: string;
  /** SHA-256 of each file, by the path of the field that names it, e.g. `dataset.inputs`. */
  readonly files: Readonly<Record<string, string>>;
}

/** SHA-256 of files that were read already, by their absolute path. */
export type Digests = Map<string, string>;

/**
 * Hashes a config. The same whatever the order of keys, and wherever the files stand.
 * @param digests of files that other configs of the same moment refer to; what is missing is added
 * @throws ConfigError where an ONNX file is not whole; what the system says where another cannot be read
 */
export async function hashConfig(
  config: Config,
  baseDir: string,
  digests: Digests = new Map(),
): Promise<ConfigHash> {
  const copy = structuredClone(config) as unknown as Record<string, unknown>;
  // How often a run is saved, and how its figures look, changes no number.
  delete copy["figure"];
  delete (copy["record"] as Record<string, unknown>)["checkpoint"];
  const files: Record<string, string> = {};
  for (const reference of fileReferences(config)) {
    const { path, file } = reference;
    const full = resolve(baseDir, file);
    const digest = digests.get(full) ?? (await digestOf(reference, full));
    digests.set(full, digest);
    files[path.join(".")] = digest;
    const parent = path.slice(0, -1).reduce((section, key) => section[key] as Record<string, unknown>, copy);
    parent[path.at(-1)!] = `sha256:${digest}`;
  }
  return { hash: sha256(canonicalJson(copy)).slice(0, 12), files };
}

/** @throws ConfigError where an ONNX file's tensors, which may stand in other files, cannot be had */
async function digestOf({ path, file, isNetwork }: FileReference, full: string): Promise<string> {
  if (isNetwork !== true) return sha256(await readFile(full));
  try {
    return digestOnnx(full);
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    throw new ConfigError([{ path: path.join("."), message: `${file} ${error.message}.` }]);
  }
}

/** JSON with the keys of every object sorted and no spaces. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, entry: unknown) =>
    isRecord(entry) ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1))) : entry,
  );
}

function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}
