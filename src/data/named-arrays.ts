/** Files of named arrays, .npz and .safetensors: which arrays they hold, in which order, and their numbers. Knows nothing of networks. */
import { ConfigError } from "../errors.js";
import { npyHeader, parseNpy, readBytes } from "./npy.js";
import { parseSafetensors } from "./safetensors.js";
import type { NamedArrays, StoredArray } from "./stored-array.js";
import { readZip } from "./zip.js";

/** @throws ConfigError naming the file and the fault: no such file, of another format, truncated, contradicting itself */
export async function readNamedArrays(path: string, format: "npz" | "safetensors"): Promise<NamedArrays> {
  const fail = (message: string): never => {
    throw new ConfigError([{ path: "", message, file: path }]);
  };
  const bytes = await readBytes(path);
  return format === "npz" ? { arrays: parseNpz(bytes, fail), metadata: {} } : parseSafetensors(bytes, fail);
}

function parseNpz(bytes: Uint8Array, fail: (message: string) => never): StoredArray[] {
  return readZip(bytes, fail, "an .npz archive (numpy.savez writes one)").map((entry) => {
    const { name } = entry;
    const own = name.replace(/\.npy$/, "");
    const failAt = (message: string): never => fail(`array ${own}: ${message}`);
    // What a header does not announce is not unpacked.
    const { shape, dtype, size } = npyHeader(entry.head(), failAt);
    if (size !== null && size !== entry.size)
      failAt(
        `the data are ${entry.size < size ? "truncated" : "followed by extra bytes"}: shape (${shape.join(", ")}) of ${dtype} needs ${size} bytes, found ${entry.size}.`,
      );
    return {
      ...{ name: own, shape, dtype },
      isFloat: /^[<>=|]?f/.test(dtype),
      read: () => parseNpy(entry.content(), failAt).data,
    };
  });
}
