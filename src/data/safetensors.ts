/**
 * The safetensors format: the length of the header as a little-endian uint64, the header as JSON, then the data of all arrays without gap.
 * Source: github.com/huggingface/safetensors, section Format of its README.
 */
import { float16 } from "./npy.js";
import type { NamedArrays, StoredArray } from "./stored-array.js";

type ReadNumber = (view: DataView, at: number) => number;

/** Floating-point types that are read, by their names in the format. */
const FLOATS: Readonly<Record<string, readonly [size: number, read: ReadNumber]>> = {
  F64: [8, (view, at) => view.getFloat64(at, true)],
  F32: [4, (view, at) => view.getFloat32(at, true)],
  F16: [2, (view, at) => float16(view.getUint16(at, true))],
  BF16: [2, bfloat16],
};
/** Bytes of one number of the other types: their arrays may stand beside, their numbers are not read. */
const OTHERS: Readonly<Record<string, number>> = {
  ...{ I64: 8, U64: 8, I32: 4, U32: 4, I16: 2, U16: 2, I8: 1, U8: 1, BOOL: 1, C64: 8 },
  ...{ F8_E4M3: 1, F8_E5M2: 1, F8_E8M0: 1 },
};
const HEAD = 8;
/** What the format's own reader allows. */
const LARGEST_HEADER = 100e6;

export function parseSafetensors(bytes: Uint8Array, fail: (message: string) => never): NamedArrays {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < HEAD) fail("not a .safetensors file (shorter than the length of its header).");
  const length = Number(view.getBigUint64(0, true));
  const start = HEAD + length;
  if (length > LARGEST_HEADER || start > bytes.byteLength)
    fail(
      `not a .safetensors file, or truncated: its header is said to have ${length} bytes, the file has ${bytes.byteLength}.`,
    );
  const { __metadata__: metadata = {}, ...entries } = parseHeader(bytes.subarray(HEAD, start), fail);
  const placed = Object.entries(entries).map(([name, entry]) => ({ name, ...checkEntry(name, entry, fail) }));
  let end = 0;
  for (const { name, from, to } of [...placed].sort((p, q) => p.from - q.from || p.to - q.to)) {
    if (from !== end)
      fail(
        `array ${name}: its data begin at ${from}, where those before end at ${end}: the header is wrong.`,
      );
    end = to;
  }
  const found = bytes.byteLength - start;
  if (end !== found)
    fail(
      `the data are ${found < end ? "truncated" : "followed by extra bytes"}: ${end} expected, ${found} found.`,
    );
  const arrays = placed.map(({ name, shape, dtype, from, count }): StoredArray => {
    const [size, read] = FLOATS[dtype] ?? [0, null];
    return {
      ...{ name, shape, dtype, isFloat: read !== null },
      read() {
        if (read === null) return fail(`array ${name}: dtype ${dtype} is not read; save it as float64.`);
        return Float64Array.from({ length: count }, (_, i) => read(view, start + from + i * size));
      },
    };
  });
  return { arrays, metadata: metadata as Record<string, string> };
}

function parseHeader(bytes: Uint8Array, fail: (message: string) => never): Record<string, unknown> {
  try {
    const header: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof header === "object" && header !== null && !Array.isArray(header)) {
      const { __metadata__: metadata = {} } = header as Record<string, unknown>;
      if (typeof metadata === "object" && metadata !== null) return header as Record<string, unknown>;
    }
  } catch {
    // Said below.
  }
  return fail("not a .safetensors file: its header is no JSON object.");
}

/** The place of an array, in bytes from the start of the data. */
interface Place {
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly count: number;
  readonly from: number;
  readonly to: number;
}

function checkEntry(name: string, entry: unknown, fail: (message: string) => never): Place {
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  const areSizes = (value: unknown): value is number[] =>
    Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (typeof dtype !== "string" || !areSizes(shape) || !areSizes(offsets) || offsets.length !== 2)
    return fail(`array ${name}: its entry in the header lacks dtype, shape or data_offsets.`);
  const size = Object.hasOwn(FLOATS, dtype)
    ? FLOATS[dtype]![0]
    : Object.hasOwn(OTHERS, dtype)
      ? OTHERS[dtype]!
      : fail(`array ${name}: dtype ${JSON.stringify(dtype)} is unknown; save float64 or float32.`);
  const [from, to] = offsets as [number, number];
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (to - from !== count * size)
    fail(
      `array ${name}: shape [${shape.join(", ")}] of ${dtype} needs ${count * size} bytes, its data_offsets give ${to - from}.`,
    );
  return { shape, dtype, count, from, to };
}

function bfloat16(view: DataView, at: number): number {
  const wide = new DataView(new ArrayBuffer(4));
  wide.setUint16(2, view.getUint16(at, true), true);
  return wide.getFloat32(0, true);
}
