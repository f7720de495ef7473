/** An ONNX file with the files beside it that hold its larger tensors. */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readFileSync, readSync, realpathSync, statSync } from "node:fs";
import { dirname, isAbsolute, join, relative, sep } from "node:path";
import { decodeModel, type Model } from "./decode.js";
import { OnnxError } from "./error.js";

export interface OnnxFile {
  readonly model: Model;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/** A protobuf message is at most as long. */
const MOST_BYTES = 2 ** 31 - 1;

/** @throws OnnxError where it cannot be read or is no model; the message begins behind the file's name */
export function readOnnx(path: string): OnnxFile {
  const bytes = readWhole(path);
  const model = decodeModel(bytes, (location, offset, length, what) =>
    readBeside(path, location, offset, length, what),
  );
  return { model, bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}

function readWhole(path: string): Uint8Array {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) throw new OnnxError("is no file");
    const { size } = stats;
    if (size > MOST_BYTES)
      throw new OnnxError(
        `has ${size} bytes; a model has at most ${MOST_BYTES}, larger ones keep their tensors in files beside it`,
      );
    return readFileSync(path);
  } catch (error) {
    if (error instanceof OnnxError) throw error;
    throw new OnnxError(`cannot be read (${(error as Error).message})`);
  }
}

/** Only from the model's own folder and those within: a model is not to read the rest of the disk. */
function readBeside(
  path: string,
  location: string,
  offset: number,
  length: number | null,
  what: string,
): Uint8Array {
  const folder = realpathSync(dirname(path));
  const fail = (why: string): never => {
    throw new OnnxError(`keeps a tensor (${what}) in the file ${JSON.stringify(location)}, ${why}`);
  };
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
  const handle = openSync(file, "r");
  try {
    const stats = fstatSync(handle);
    const wanted = length ?? stats.size - offset;
    if (offset + wanted > stats.size)
      fail(`which has ${stats.size} bytes, and the tensor needs ${wanted} from ${offset}`);
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
}
