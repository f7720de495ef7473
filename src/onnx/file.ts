/** An ONNX file with the files beside it that may hold its larger tensors. */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readFileSync, readSync, realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, relative, sep } from "node:path";
import { decodeModel, type Model } from "./decode.js";
import { OnnxError } from "./error.js";
import type { Pieces } from "./fields.js";
import { inlineTensors, type ReadExternal } from "./inline.js";

export interface OnnxFile {
  readonly model: Model;
  /** With all tensors inside: those of the file itself where it keeps none beside it. */
  readonly bytes: Uint8Array;
  /** Of these bytes, so that it is the network's wherever its numbers stand. */
  readonly sha256: string;
}

/** A protobuf message is at most as long. */
const MOST_BYTES = 2 ** 31 - 1;

/** @throws OnnxError where it cannot be read or is no model; the message begins behind the file's name */
export function readOnnx(path: string): OnnxFile {
  const pieces = readPieces(path);
  const bytes = pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
  return { model: decodeModel(bytes), bytes, sha256: digest([bytes]) };
}

/** The `sha256` that `readOnnx` gives, of a file that need not be a model otherwise. @throws OnnxError where its bytes cannot be had */
export const digestOnnx = (path: string): string => digest(readPieces(path));

function digest(pieces: Pieces): string {
  const hash = createHash("sha256");
  for (const piece of pieces) hash.update(piece);
  return hash.digest("hex");
}

function readPieces(path: string): Pieces {
  const bytes = attempt(() => {
    const stats = statSync(path);
    if (!stats.isFile()) throw new OnnxError("is no file");
    requireSize(stats.size, "");
    return readFileSync(path);
  });
  return inlineTensors(bytes, readerBeside(path, bytes.length));
}

function requireSize(size: number, where: string): void {
  if (size > MOST_BYTES)
    throw new OnnxError(`has ${size} bytes${where}; gradflow takes networks of at most ${MOST_BYTES}`);
}

function attempt<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof OnnxError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw new OnnxError("is not there");
    throw new OnnxError(`cannot be read (${(error as Error).message})`);
  }
}

/**
 * Reads of a model's own folder and those within: a model is not to read the rest of the disk. All tensors take at most what is there, and what a
 * network may have: a short file cannot name the same bytes a thousand times.
 */
function readerBeside(path: string, own: number): ReadExternal {
  const taken = new Map<string, number>();
  let size = own;
  return (location, offset, length, of) => {
    const fail = (why: string): never => {
      throw new OnnxError(`keeps a tensor (${of}) in the file ${JSON.stringify(location)}, ${why}`);
    };
    const file = attempt(() => realpathBeside(path, location, fail));
    return attempt(() => {
      const handle = openSync(file, "r");
      try {
        const { size: whole } = fstatSync(handle);
        const wanted = length ?? Math.max(0, whole - offset);
        if (offset + wanted > whole)
          fail(`which has ${whole} bytes, and the tensor needs ${wanted} from ${offset}`);
        const all = (taken.get(file) ?? 0) + wanted;
        if (all > whole)
          fail(`which has ${whole} bytes, and tensors take ${all}; store each in a place of its own`);
        taken.set(file, all);
        size += wanted;
        requireSize(size, " with the tensors beside it");
        const bytes = Buffer.alloc(wanted);
        for (let at = 0; at < wanted; ) {
          const got = readSync(handle, bytes, at, wanted - at, offset + at);
          if (got === 0) fail("which ended while it was read");
          at += got;
        }
        return bytes;
      } finally {
        closeSync(handle);
      }
    });
  };
}

function realpathBeside(path: string, location: string, fail: (why: string) => never): string {
  const folder = realpathSync(dirname(path));
  if (location === "" || isAbsolute(location)) fail("which must be named relative to the model's folder");
  let file: string;
  try {
    file = realpathSync(join(folder, location));
  } catch {
    return fail("which is not there; put it beside the model");
  }
  const inside = relative(folder, file);
  if (inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside))
    fail("outside the model's folder; put it beside the model");
  // Opening a pipe would wait for its writer.
  if (!statSync(file).isFile()) fail("which is no file");
  return file;
}
