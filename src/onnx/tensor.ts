/** Tensors of an ONNX file: their shape and type at once, their numbers when they are asked for, as doubles. */
import { OnnxError } from "./error.js";
import { type ElementType, elementTypeName } from "./schema.js";

/** 64-bit numbers as protobufjs has them. */
export type Long = number | { toNumber(): number };

export const toNumber = (value: Long): number => (typeof value === "number" ? value : value.toNumber());

export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly elementType: ElementType;
  readonly type: "float" | "int" | "bool";
  /** Row-major; int64 beyond ±2^53 rounded. The same array at every call. */
  read(): Float64Array;
}

export interface RawTensor {
  readonly dims: readonly Long[];
  readonly data_type: number;
  readonly name: string;
  readonly float_data: readonly number[];
  readonly int32_data: readonly number[];
  readonly int64_data: readonly Long[];
  readonly double_data: readonly number[];
  readonly uint64_data: readonly Long[];
  readonly raw_data: Uint8Array;
  readonly external_data: readonly { readonly key: string; readonly value: string }[];
  readonly data_location: number;
}

interface Format {
  readonly bytes: number;
  readonly type: Tensor["type"];
  read(view: DataView, at: number): number;
  /** Where the numbers stand that are not raw. */
  readonly field: "float_data" | "int32_data" | "int64_data" | "double_data" | "uint64_data";
  /** From an entry of that field, where it is not the number itself. */
  readonly fromField?: (entry: number) => number;
}

const int = (
  bytes: number,
  read: (view: DataView, at: number) => number,
  field: Format["field"] = "int32_data",
): Format => ({ bytes, type: "int", read, field });

const formats: { readonly [K in Exclude<ElementType, "string">]: Format } = {
  float32: { bytes: 4, type: "float", read: (v, at) => v.getFloat32(at, true), field: "float_data" },
  float64: { bytes: 8, type: "float", read: (v, at) => v.getFloat64(at, true), field: "double_data" },
  float16: {
    ...{ bytes: 2, type: "float", field: "int32_data", fromField: fromHalf },
    read: (v, at) => fromHalf(v.getUint16(at, true)),
  },
  bfloat16: {
    ...{ bytes: 2, type: "float", field: "int32_data", fromField: fromBfloat },
    read: (v, at) => fromBfloat(v.getUint16(at, true)),
  },
  int8: int(1, (v, at) => v.getInt8(at)),
  uint8: int(1, (v, at) => v.getUint8(at)),
  int16: int(2, (v, at) => v.getInt16(at, true)),
  uint16: int(2, (v, at) => v.getUint16(at, true)),
  int32: int(4, (v, at) => v.getInt32(at, true)),
  uint32: int(4, (v, at) => v.getUint32(at, true), "uint64_data"),
  int64: int(8, (v, at) => Number(v.getBigInt64(at, true)), "int64_data"),
  uint64: int(8, (v, at) => Number(v.getBigUint64(at, true)), "uint64_data"),
  bool: { ...int(1, (v, at) => Number(v.getUint8(at) !== 0)), type: "bool" },
};

/** Sign, 5 bits of exponent, 10 of mantissa. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const mantissa = bits & 1023;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}

/** The upper half of a float32. */
function fromBfloat(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint32(0, bits << 16);
  return view.getFloat32(0);
}

/** Entries of one tensor. */
const MOST_ENTRIES = 2 ** 31;

/** @throws OnnxError where its bytes do not carry what it announces */
export function decodeTensor(raw: RawTensor, what: string): Tensor {
  const shape = raw.dims.map(toNumber);
  const bad = shape.find((length) => !Number.isSafeInteger(length) || length < 0);
  if (bad !== undefined)
    throw new OnnxError(`has a tensor (${what}) of shape [${shape.join(", ")}]; lengths are not negative`);
  const size = shape.reduce((p, q) => p * q, 1);
  if (size > MOST_ENTRIES)
    throw new OnnxError(
      `has a tensor (${what}) of shape [${shape.join(", ")}], ${size} entries; ${MOST_ENTRIES} is the most`,
    );
  const elementType = elementTypeName(raw.data_type);
  if (elementType === null || elementType === "string")
    throw new OnnxError(
      `has a tensor (${what}) of element type ${elementType ?? raw.data_type}; gradflow reads floating-point numbers, integers and bool`,
    );
  const format = formats[elementType];
  if (raw.data_location === 1)
    throw new OnnxError(`keeps a tensor (${what}) in another file, and came without it`);
  const entries = raw[format.field];
  const isRaw = raw.raw_data.length > 0 || (entries.length === 0 && size > 0);
  const found = isRaw ? raw.raw_data.length / format.bytes : entries.length;
  if (found !== size)
    throw new OnnxError(
      `has a tensor (${what}) that announces [${shape.join(", ")}] of ${elementType}, ${size} entries, and holds ${found}; the file is damaged or not whole`,
    );
  let known: Float64Array | null = null;
  const read = (): Float64Array => {
    if (isRaw) return fromBytes(raw.raw_data, format, size);
    const { fromField = (entry: number) => entry } = format;
    return Float64Array.from(entries as readonly Long[], (entry) => fromField(toNumber(entry)));
  };
  return {
    ...{ name: raw.name, shape, elementType, type: format.type },
    read() {
      known ??= read();
      return known;
    },
  };
}

function fromBytes(bytes: Uint8Array, { bytes: width, read }: Format, size: number): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const numbers = new Float64Array(size);
  for (let k = 0; k < size; k++) numbers[k] = read(view, k * width);
  return numbers;
}
