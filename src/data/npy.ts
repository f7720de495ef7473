/**
 * NumPy's .npy files. The reader is ours, for it must name what it refuses and its remedy; npyjs writes. Knows nothing
 * of what the numbers mean.
 */
import { readFile, writeFile } from "node:fs/promises";
import { dump } from "npyjs";
import { ConfigError } from "../errors.js";
import { requireRoom } from "./room.js";

/** An array of numbers in C order (last index fastest). */
export interface NumericArray {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** The number that stands at a byte of a view. */
type ReadNumber = (view: DataView, at: number, littleEndian: boolean) => number | bigint;

/** The types that are read, by NumPy's letter and size in bytes; the keys are all that a refusal lists. */
const TYPES: Readonly<Record<string, ReadNumber>> = {
  f8: (view, at, little) => view.getFloat64(at, little),
  f4: (view, at, little) => view.getFloat32(at, little),
  f2: (view, at, little) => float16(view.getUint16(at, little)),
  i8: (view, at, little) => view.getBigInt64(at, little),
  i4: (view, at, little) => view.getInt32(at, little),
  i2: (view, at, little) => view.getInt16(at, little),
  i1: (view, at) => view.getInt8(at),
  u8: (view, at, little) => view.getBigUint64(at, little),
  u4: (view, at, little) => view.getUint32(at, little),
  u2: (view, at, little) => view.getUint16(at, little),
  u1: (view, at) => view.getUint8(at),
  b1: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
};

/** What a type that is not read is, by its letter. */
const OTHER_TYPES: Readonly<Record<string, string>> = {
  c: "complex numbers; save their real and imaginary parts as columns",
  O: "Python objects",
  U: "text",
  S: "text",
  a: "text",
  V: "raw bytes",
  M: "dates; save them as numbers, e.g. (a - a[0]) / numpy.timedelta64(1, 's')",
  m: "time spans; save them as numbers, e.g. a / numpy.timedelta64(1, 's')",
};
const REMEDY = 'save float64: numpy.save(path, a.astype("<f8"))';

/**
 * Reads an .npy file of real numbers or truth values, widened to float64 and brought to C order. All of NumPy's
 * float, integer and boolean types are read, in either byte order; `=` counts as little-endian.
 * @throws ConfigError that names the file and the fault: no such file, not an .npy, malformed header, truncated,
 * not numeric, integers that float64 cannot hold, more numbers than `room` bytes of memory have place for.
 */
export async function readNpy(path: string, room?: number): Promise<NumericArray> {
  const fail = (message: string): never => {
    throw new ConfigError([{ path: "", message, file: path }]);
  };
  const bytes = await readBytes(path);
  requireRoom(readHeader(bytes, fail).shape, room, fail);
  return parseNpy(bytes, fail);
}

/** The shape and the type of an .npy file's array, whatever the type is, and the bytes of the whole file where it is one that is read. */
export function npyHeader(
  bytes: Uint8Array,
  fail: (message: string) => never,
): { readonly shape: readonly number[]; readonly dtype: string; readonly size: number | null } {
  const { shape, dtype, dataStart } = readHeader(bytes, fail);
  const type = dtype.replace(/^[<>=|]/, "");
  const size = dataStart + Number(type.slice(1)) * shape.reduce((p, q) => p * q, 1);
  return { shape, dtype, size: Object.hasOwn(TYPES, type) ? size : null };
}

/** The array in the bytes of an .npy file. */
export function parseNpy(bytes: Uint8Array, fail: (message: string) => never): NumericArray {
  const header = readHeader(bytes, fail);
  const { shape, dtype } = header;
  const { read, itemSize, littleEndian } = numberType(dtype, fail);
  const count = shape.reduce((product, extent) => product * extent, 1);
  const expected = count * itemSize;
  const found = bytes.byteLength - header.dataStart;
  if (found !== expected) {
    const fault = found < expected ? "truncated" : "followed by extra bytes";
    fail(
      `the data are ${fault}: shape (${shape.join(", ")}) of ${dtype} needs ${expected} bytes, found ${found}.`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + header.dataStart);
  const data = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const value = read(view, i * itemSize, littleEndian);
    data[i] = Number(value);
    if (typeof value === "bigint" && BigInt(data[i] as number) !== value)
      fail(
        `entry ${i} is ${value}, an integer beyond 2^53 that float64 cannot hold; if it may be rounded, ${REMEDY}.`,
      );
  }
  return { shape, data: header.fortranOrder ? toRowMajor(data, shape) : data };
}

/** IEEE 754 half precision from its 16 bits. */
export function float16(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Writes float64 data in C order as an .npy file. @throws RangeError when the shape does not hold the data. */
export async function writeNpy(path: string, data: Float64Array, shape: readonly number[]): Promise<void> {
  await writeFile(path, formatNpy(data, shape));
}

/** Float64 data in C order as the bytes of an .npy file. @throws RangeError when the shape does not hold the data. */
export function formatNpy(data: Float64Array, shape: readonly number[]): Uint8Array {
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (count !== data.length) {
    throw new RangeError(`npy: shape (${shape.join(", ")}) holds ${count} numbers, got ${data.length}.`);
  }
  return new Uint8Array(dump(data, [...shape]));
}

/** Words as the bytes of an .npy file: NumPy's `<U` of as many letters as the longest has. */
export function formatNpyWords(words: readonly string[]): Uint8Array {
  const letters = words.map((word) => [...word].map((letter) => letter.codePointAt(0) as number));
  const width = Math.max(1, ...letters.map(({ length }) => length));
  const head = `{'descr': '<U${width}', 'fortran_order': False, 'shape': (${words.length},), }`;
  const headLength = 64 * Math.ceil((HEAD_START + head.length + 1) / 64) - HEAD_START;
  const bytes = Buffer.alloc(HEAD_START + headLength + 4 * width * words.length);
  bytes.write("\x93NUMPY\x01\x00", "latin1");
  bytes.writeUInt16LE(headLength, 8);
  bytes.write(`${head.padEnd(headLength - 1)}\n`, HEAD_START, "latin1");
  const start = HEAD_START + headLength;
  letters.forEach((word, row) => {
    word.forEach((letter, k) => {
      bytes.writeUInt32LE(letter, start + 4 * (row * width + k));
    });
  });
  return new Uint8Array(bytes);
}

/** Bytes before the header of version 1: magic, version, length. */
const HEAD_START = 10;

interface Header {
  /** As the file has it. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly fortranOrder: boolean;
  readonly dataStart: number;
}

/** A whole file. @throws ConfigError naming it */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: "no such file.",
      ERR_FS_FILE_TOO_LARGE:
        "is larger than the 2 GiB that can be read; save it as float32, or fewer samples.",
    };
    const message = reasons[code ?? ""] ?? `cannot be read (${code}).`;
    throw new ConfigError([{ path: "", message, file: path }]);
  }
}

/** The format is described in NumPy's documentation, module numpy.lib.format. */
function readHeader(bytes: Uint8Array, fail: (message: string) => never): Header {
  const latin1 = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString("latin1");
  if (latin1(0, 4) === "PK\x03\x04")
    fail("is an .npz archive of several arrays; save one array by numpy.save.");
  if (latin1(0, 6) !== "\x93NUMPY") fail("not an .npy file (it does not begin with \\x93NUMPY).");
  if (bytes.byteLength < 12) fail("the header is truncated.");
  const version = bytes[6]!;
  if (version < 1 || version > 3) fail(`.npy version ${version} is unknown; versions 1 to 3 are read.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const textStart = version === 1 ? 10 : 12;
  const dataStart = textStart + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (dataStart > bytes.byteLength) fail("the header is truncated.");

  const text = latin1(textStart, dataStart).trim();
  const value = (key: string, pattern: string) =>
    new RegExp(`['"]${key}['"]\\s*:\\s*${pattern}`).exec(text)?.[1];
  const dtype = value("descr", `['"]([^'"]*)['"]`);
  const order = value("fortran_order", "(True|False)");
  const tuple = value("shape", "\\(([^)]*)\\)");
  if (dtype === undefined && value("descr", "([[(])") !== undefined)
    fail("a structured dtype; save a plain array of numbers, e.g. one column for each field.");
  if (dtype === undefined || order === undefined || tuple === undefined) {
    return fail(
      `malformed header: expected descr, fortran_order and shape, got ${JSON.stringify(text.slice(0, 80))}.`,
    );
  }
  // Python 2 wrote extents as long integers: 3L.
  const extents = tuple
    .split(",")
    .map((part) => part.trim().replace(/L$/, ""))
    .filter((part) => part !== "");
  if (!extents.every((extent) => /^\d+$/.test(extent) && Number.isSafeInteger(Number(extent))))
    fail(`malformed header: the shape (${tuple}) is not a tuple of integers.`);
  return { dtype, dataStart, shape: extents.map(Number), fortranOrder: order === "True" };
}

/** How numbers of a dtype are read. */
function numberType(
  dtype: string,
  fail: (message: string) => never,
): { readonly read: ReadNumber; readonly itemSize: number; readonly littleEndian: boolean } {
  const [, endian = "", type = ""] = /^([<>=|]?)(.*)$/s.exec(dtype) ?? [];
  const read = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
  if (read === undefined) {
    const letter = /^([a-zA-Z])(?![a-zA-Z])/.exec(type)?.[1];
    const what = OTHER_TYPES[letter ?? ""] ?? "not a number type that is read";
    return fail(
      `dtype ${dtype} is ${what}. Real numbers are read (${Object.keys(TYPES).join(", ")}); ${REMEDY}.`,
    );
  }
  return { read, itemSize: Number(type.slice(1)), littleEndian: endian !== ">" };
}

function toRowMajor(data: Float64Array, shape: readonly number[]): Float64Array {
  const out = new Float64Array(data.length);
  const index = new Array<number>(shape.length).fill(0);
  for (let target = 0; target < out.length; target++) {
    let source = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) source = source * shape[axis]! + index[axis]!;
    out[target] = data[source]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
  return out;
}
