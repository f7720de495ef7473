/**
 * The checkpoints of a run: the memory of the computation and the lengths of the tables that belong to it, in one file with its
 * checksum. The last but one is kept beside the last, so that no kill and no damage to one file loses both.
 */
import { createHash } from "node:crypto";
import { readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import { errorCode, writeFault, writeWhole } from "./files.js";
import { fields, number, record, text } from "./shape.js";

export interface Checkpoint {
  /** Version of gradflow that wrote it: another may keep other things. */
  readonly gradflow: string;
  /** ISO 8601, UTC. */
  readonly written: string;
  /** Flow time. */
  readonly t: number;
  /** Bytes of each table that were written by then, by name. */
  readonly tables: Readonly<Record<string, number>>;
  /** Plain data, by name; for the structured clone algorithm. */
  readonly memory: ReadonlyMap<string, object>;
}

const LAST = "checkpoint.bin";
const PREVIOUS = "checkpoint.previous.bin";
export const CHECKPOINT_FILES = [LAST, PREVIOUS];

/** The file: this, the SHA-256 of the rest, the rest. */
const MAGIC = Buffer.from("GFCHECK1");
const DIGEST_BYTES = 32;

/** The content of the file; copies all that the checkpoint refers to. */
export function serialiseCheckpoint(checkpoint: Checkpoint): Buffer {
  const payload = serialize(checkpoint);
  return Buffer.concat([MAGIC, digest(payload), payload]);
}

export async function writeCheckpoint(directory: string, content: Uint8Array): Promise<void> {
  const path = join(directory, LAST);
  // A kill, or a full disk, from here on leaves the previous one.
  await rename(path, join(directory, PREVIOUS)).catch((error: unknown) => {
    if (errorCode(error) !== "ENOENT") throw writeFault(path, error);
  });
  await writeWhole(path, content);
}

/**
 * The last checkpoint that is whole; null where there is none. Removes damaged files, which would otherwise take the place of good ones.
 * @returns with it what was found damaged, as sentences
 */
export async function readCheckpoint(
  directory: string,
): Promise<{ readonly checkpoint: Checkpoint | null; readonly damage: readonly string[] }> {
  const damage: string[] = [];
  for (const name of CHECKPOINT_FILES) {
    const path = join(directory, name);
    const content = await readFile(path).catch((error: unknown) => {
      if (errorCode(error) === "ENOENT") return null;
      throw writeFault(path, error);
    });
    if (content === null) continue;
    const payload = content.subarray(MAGIC.length + DIGEST_BYTES);
    const head = Buffer.concat([MAGIC, digest(payload)]);
    const whole = content.subarray(0, head.length).equals(head);
    const checkpoint = whole ? parsePayload(payload) : null;
    if (checkpoint !== null) return { checkpoint, damage };
    damage.push(`${name} is damaged (${whole ? "it holds no checkpoint" : "its checksum does not fit"})`);
    await rm(path, { force: true });
  }
  return { checkpoint: null, damage };
}

/** Null where it is not a checkpoint, though somebody gave it the checksum of one. */
function parsePayload(payload: Buffer): Checkpoint | null {
  let value: unknown;
  try {
    value = own(deserialize(payload));
  } catch {
    return null;
  }
  const shape = fields<Checkpoint>({
    gradflow: text,
    written: text,
    t: number,
    tables: record(number),
    memory: (memory, path) => (memory instanceof Map ? null : { path, wanted: "a map" }),
  });
  return shape(value, "") === null ? (value as Checkpoint) : null;
}

function digest(payload: Uint8Array): Buffer {
  return createHash("sha256").update(payload).digest();
}

/** Gives every array memory of its own: `deserialize` returns views of the one buffer that it read. */
function own(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) return (value as Float64Array).slice();
  if (Array.isArray(value)) return value.map(own);
  if (value instanceof Map) return new Map([...value].map(([key, entry]) => [key, own(entry)]));
  if (value instanceof Set || typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, own(entry)]));
}
