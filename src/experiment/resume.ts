/** The study of a record that ended before its time, as it was. */
import { join, resolve } from "node:path";
import { hashConfig } from "../config/hash.js";
import { type LoadedConfig, loadConfig } from "../config/load.js";
import { ConfigError } from "../errors.js";
import { digestOnnx } from "../onnx/index.js";
import { readIfPresent, readJsonObject } from "../record/files.js";
import { contentFolder, isDone, type Manifest, NETWORK, readManifest } from "../record/manifest.js";
import { namesOfOwn } from "./own-measures.js";

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
  const config = await readJsonObject(file);
  if (config === null)
    throw new ConfigError(
      `${directory}: was killed before its config was written; start it again with gradflow run --force.`,
    );
  const own = namesOfOwn(config);
  if (own.length > 0)
    throw new ConfigError(
      `${directory}: measures ${own.join(", ")} of a program, which no file holds; go on from that program, with runExperiment(study, { directory, resume: true }).`,
    );
  const copy = copyOfNetwork(directory, manifest);
  const set = copy === null ? [] : [`model.path=${JSON.stringify(copy.path)}`];
  const read = await loadConfig(file, { baseDir: manifest.folder, set });
  const loaded = { ...read, notes: copy === null ? read.notes : [copy.note, ...read.notes], set: [] };
  const { hash } = await hashConfig(loaded.config, manifest.folder);
  if (hash !== manifest.hash)
    throw new ConfigError(
      `${directory}: its config or a data file has changed since it was begun (hash ${manifest.hash}, now ${hash}); restore them, or start it again with gradflow run --force.`,
    );
  const source = (await readIfPresent(join(folder, "config.yaml"))) ?? loaded.source;
  return { ...loaded, source };
}

/**
 * The record's own copy of an ONNX file that is not what it was any more; null where there is no such file, or none is needed.
 * @throws ConfigError where both are lost
 */
function copyOfNetwork(directory: string, manifest: Manifest): { path: string; note: string } | null {
  const { network, folder } = manifest;
  if (network === undefined) return null;
  const fault = faultOf(resolve(folder, network.path), network.sha256);
  if (fault === null) return null;
  const path = resolve(contentFolder(directory, manifest), NETWORK);
  const lost = faultOf(path, network.sha256);
  if (lost !== null)
    throw new ConfigError(
      `${directory}: its network (model.path) ${network.path} ${fault}, and the record's copy ${NETWORK} ${lost}; restore either, or start the run again with gradflow run --force.`,
    );
  return { path, note: `model.path: ${network.path} ${fault}; going on with the record's copy, ${NETWORK}.` };
}

/** Null where the file is the network of that digest. */
function faultOf(path: string, sha256: string): string | null {
  try {
    const now = digestOnnx(path);
    if (now === sha256) return null;
    return `has changed since, or a file beside it that holds its tensors has (SHA-256 ${sha256.slice(0, 12)}, now ${now.slice(0, 12)})`;
  } catch (error) {
    return (error as Error).message;
  }
}
