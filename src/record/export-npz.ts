/** Named arrays as one .npz for `numpy.load`, and as one .safetensors file: both keep every bit and every word. */
import { Zip, ZipPassThrough } from "fflate";
import { formatNpy, formatNpyWords } from "../data/npy.js";

/** Float64 in C order with its shape, or words in one axis. */
export interface NamedArray {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float64Array | readonly string[];
}

/** A zip of .npy files in parts, stored without compression as numpy.savez does. Equal arrays give equal bytes. */
export function* formatNpz(arrays: readonly NamedArray[]): Generator<Uint8Array> {
  const parts: Uint8Array[] = [];
  const zip = new Zip((error, part) => {
    if (error !== null) throw error;
    parts.push(part);
  });
  for (const { name, shape, data } of arrays) {
    const file = new ZipPassThrough(`${name}.npy`);
    // The earliest date of a zip: the time of the export is no part of the numbers.
    file.mtime = new Date(1980, 0, 1);
    zip.add(file);
    file.push(data instanceof Float64Array ? formatNpy(data, shape) : formatNpyWords(data), true);
    yield* parts.splice(0);
  }
  zip.end();
  yield* parts;
}

/**
 * The safetensors format, in parts: the length of the header as a little-endian uint64, the header as JSON padded to a multiple of 8, the data.
 * `metadata` is text by name. The format has no words: they go as int32, and the metadata `codes` is a JSON object that lists, by the
 * name of the array, what 0, 1, … stand for.
 */
export function* formatSafetensors(
  arrays: readonly NamedArray[],
  metadata: Readonly<Record<string, string>>,
): Generator<Uint8Array> {
  let offset = 0;
  const codes: Record<string, string[]> = {};
  const numbers = arrays.map(({ name, data }) => {
    if (data instanceof Float64Array) return data;
    const list = [...new Set(data)];
    codes[name] = list;
    return Int32Array.from(data, (word) => list.indexOf(word));
  });
  const header: Record<string, unknown> = { __metadata__: { ...metadata, codes: JSON.stringify(codes) } };
  // The wider numbers first, so that each array starts at a multiple of its own width.
  const order = [...arrays.keys()].sort(
    (p, q) => numbers[q]!.BYTES_PER_ELEMENT - numbers[p]!.BYTES_PER_ELEMENT,
  );
  for (const k of order) {
    const { name, shape } = arrays[k]!;
    const { byteLength } = numbers[k]!;
    const dtype = numbers[k] instanceof Float64Array ? "F64" : "I32";
    header[name] = { dtype, shape, data_offsets: [offset, offset + byteLength] };
    offset += byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const head = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  yield Buffer.concat([length, head]);
  for (const k of order) {
    const { buffer, byteOffset, byteLength } = numbers[k]!;
    yield new Uint8Array(buffer, byteOffset, byteLength);
  }
}
