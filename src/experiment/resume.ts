/** The study of a record that ended before its time, as it was. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { hashConfig } from "../config/hash.js";
import { type LoadedConfig, loadConfig } from "../config/load.js";
import { ConfigError } from "../errors.js";
import { readIfPresent } from "../record/files.js";
import { contentFolder, isDone, type Manifest, NETWORK, readManifest } from "../record/manifest.js";

/**
 * Reads the config that the record in `directory` was made by.
 * @throws ConfigError where there is no record, nothing is left to do, or its data have changed
 */
export async function loadUnfinished(directory: string): Promise<LoadedConfig> {
  const manifest = await readManifest(directory);
  if (manifest === null)
    throw new ConfigError(`${directory}: is not a record; name the folder of a run or of a sweep.`);
  if (isDone(manifest.status) && manifest.drawn !== false)
    throw new ConfigError(
      `${directory}: this run has ended (${manifest.status}), nothing is left to do; gradflow run with --force does it again.`,
    );
  if (manifest.command[1] === "ntk")
    throw new ConfigError(
      `${directory}: a kernel at t = 0 is not saved half-done; do it again with gradflow ntk --force.`,
    );
  const folder = contentFolder(directory, manifest);
  const file = join(folder, "config.resolved.json");
  if ((await readIfPresent(file)) === null)
    throw new ConfigError(
      `${directory}: was killed before its config was written; start it again with gradflow run --force.`,
    );
  const copy = copyOfNetwork(directory, manifest);
  const set = copy === null ? [] : [`model.path=${JSON.stringify(copy)}`];
  const loaded = { ...(await loadConfig(file, { baseDir: manifest.folder, set })), set: [] };
  const { hash } = await hashConfig(loaded.config, manifest.folder);
  if (hash !== manifest.hash)
    throw new ConfigError(
      `${directory}: its config or a data file has changed since it was begun (hash ${manifest.hash}, now ${hash}); restore them, or start it again with gradflow run --force.`,
    );
  const source = (await readIfPresent(join(folder, "config.yaml"))) ?? loaded.source;
  return { ...loaded, source };
}

/** The record's own copy of an ONNX file that has gone or changed since; null where there is no such file, or none is needed. */
function copyOfNetwork(directory: string, manifest: Manifest): string | null {
  const { network, folder } = manifest;
  if (network === undefined) return null;
  const isIt = (path: string): boolean => {
    try {
      return createHash("sha256").update(readFileSync(path)).digest("hex") === network.sha256;
    } catch {
      return false;
    }
  };
  const copy = resolve(contentFolder(directory, manifest), NETWORK);
  return !isIt(resolve(folder, network.path)) && isIt(copy) ? copy : null;
}
