/**
 * NumPy's .npy files. npyjs decodes and encodes; the checks here come first, because npyjs takes a
 * missing shape for a scalar and a truncated file for a short array. Knows nothing of what the numbers mean.
 */
import { readFile, writeFile } from "node:fs/promises";
import { dump, parse } from "npyjs";
import { ConfigError } from "../errors.js";

/** An array of numbers in C order (last index fastest). */
export interface NumericArray {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

const BYTES: Readonly<Record<string, number>> = {
  f2: 2,
  f4: 4,
  f8: 8,
  i1: 1,
  i2: 2,
  i4: 4,
  i8: 8,
  u1: 1,
  u2: 2,
  u4: 4,
  u8: 8,
};

/**
 * Reads an .npy file of real numbers, widened to float64 and brought to C order.
 * @throws ConfigError that names the file and the fault: no such file, not an .npy, malformed header, truncated,
 * not numeric, big-endian, integers that float64 cannot hold.
 */
export async function readNpy(path: string): Promise<NumericArray> {
  const bytes = await readBytes(path);
  const fail = (message: string): never => {
    throw new ConfigError([{ path: "", message, file: path }]);
  };
  const header = readHeader(bytes, fail);
  const count = header.shape.reduce((product, extent) => product * extent, 1);
  const expected = count * header.itemSize;
  const found = bytes.byteLength - header.dataStart;
  if (found !== expected) {
    const fault = found < expected ? "truncated" : "followed by extra bytes";
    fail(
      `the data are ${fault}: shape (${header.shape.join(", ")}) of ${header.dtype} needs ${expected} bytes, found ${found}.`,
    );
  }
  if (header.dataStart % header.itemSize !== 0) {
    fail(
      `the data start at byte ${header.dataStart}, not at a multiple of ${header.itemSize}; save it again with numpy.save.`,
    );
  }
  const raw = parse(bytes.buffer as ArrayBuffer).data as unknown as ArrayLike<number | bigint>;
  const data = Float64Array.from(raw, Number);
  if (header.dtype.endsWith("i8") || header.dtype.endsWith("u8")) {
    const unsafe = data.findIndex((value) => !Number.isSafeInteger(value));
    if (unsafe >= 0)
      fail(`entry ${unsafe} is ${raw[unsafe]}, an integer beyond 2^53 that float64 cannot hold.`);
  }
  return { shape: header.shape, data: header.fortranOrder ? toRowMajor(data, header.shape) : data };
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
  readonly dtype: string;
  readonly itemSize: number;
  readonly shape: readonly number[];
  readonly fortranOrder: boolean;
  readonly dataStart: number;
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    // A copy, because Node may hand out a view into a larger pool and npyjs reads from the buffer's start.
    return new Uint8Array(await readFile(path));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const message = code === "ENOENT" ? "no such file." : `cannot be read (${code}).`;
    throw new ConfigError([{ path: "", message, file: path }]);
  }
}

/** The format is described in NumPy's documentation, module numpy.lib.format. */
function readHeader(bytes: Uint8Array, fail: (message: string) => never): Header {
  const latin1 = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString("latin1");
  if (latin1(0, 6) !== "\x93NUMPY") fail("not an .npy file (it does not begin with \\x93NUMPY).");
  if (bytes.byteLength < 12) fail("the header is truncated.");
  const version = bytes[6]!;
  if (version < 1 || version > 3) fail(`.npy version ${version} is unknown; versions 1 to 3 are read.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const textStart = version === 1 ? 10 : 12;
  const dataStart = textStart + (version === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  if (dataStart > bytes.byteLength) fail("the header is truncated.");

  const text = latin1(textStart, dataStart).trim();
  const dtype = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const tuple = /'shape'\s*:\s*\(([^)]*)\)/.exec(text)?.[1];
  if (dtype === undefined && /'descr'\s*:\s*\[/.test(text))
    fail("a structured dtype; save a plain array of numbers.");
  if (dtype === undefined || order === undefined || tuple === undefined) {
    return fail(
      `malformed header: expected descr, fortran_order and shape, got ${JSON.stringify(text.slice(0, 80))}.`,
    );
  }
  const extents = tuple
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (!extents.every((extent) => /^\d+$/.test(extent)))
    fail(`malformed header: the shape (${tuple}) is not a tuple of integers.`);
  const itemSize = BYTES[dtype.slice(1)];
  if (itemSize === undefined) {
    return fail(
      `dtype ${dtype} is not a real number type; save float64, e.g. numpy.save(path, a.astype("<f8")).`,
    );
  }
  if (dtype.startsWith(">")) fail(`dtype ${dtype} is big-endian; save it as "<${dtype.slice(1)}".`);
  return { dtype, itemSize, shape: extents.map(Number), fortranOrder: order === "True", dataStart };
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
