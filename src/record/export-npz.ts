/** Named arrays as one .npz for `numpy.load`, and as one .safetensors file: both keep every bit. */
import { type Zippable, zipSync } from "fflate";
import { formatNpy } from "../data/npy.js";

/** A float64 array in C order with its shape. */
export interface NamedArray {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** A zip of .npy files, stored without compression as numpy.savez does. Equal arrays give equal bytes. */
export function formatNpz(arrays: readonly NamedArray[]): Uint8Array {
  // The earliest date of a zip: the time of the export is no part of the numbers.
  const plain = { level: 0, mtime: new Date(1980, 0, 1) } as const;
  const entries: Zippable = {};
  for (const { name, shape, data } of arrays) entries[`${name}.npy`] = [formatNpy(data, shape), plain];
  return zipSync(entries);
}

/**
 * The safetensors format: the length of the header as a little-endian uint64, the header as JSON padded to a multiple of 8, the data.
 * `metadata` is text by name.
 */
export function formatSafetensors(
  arrays: readonly NamedArray[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  let offset = 0;
  const header: Record<string, unknown> = { __metadata__: metadata };
  for (const { name, shape, data } of arrays) {
    header[name] = { dtype: "F64", shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = Buffer.from(JSON.stringify(header));
  const head = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(head.length));
  const bytes = arrays.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return new Uint8Array(Buffer.concat([length, head, ...bytes]));
}
