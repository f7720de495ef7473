/**
 * The bytes of a model with other numbers in some initialisers. All else is copied byte for byte, fields that gradflow does not know included:
 * what PyTorch or a runtime says beside the graph stays.
 */
import protobuf from "protobufjs";
import { OnnxError } from "./error.js";
import { elementType, elementTypeName } from "./schema.js";

/** Field numbers of ModelProto.graph, GraphProto.initializer and TensorProto.name, dims and data_type. */
const GRAPH = 7;
const INITIALIZER = 5;
const [DIMS, DATA_TYPE, NAME, RAW_DATA] = [1, 2, 8, 9];

/**
 * @param values new numbers by name, row-major, of the tensor's own size; they are stored in its own precision, and inside the file
 * @throws OnnxError where an initialiser is not there, or is not of floating-point numbers
 */
export function replaceInitialisers(
  bytes: Uint8Array,
  values: ReadonlyMap<string, Float64Array>,
): Uint8Array {
  const left = new Set(values.keys());
  const replaced = mapFields(bytes, (field, content) =>
    field !== GRAPH
      ? content
      : mapFields(content, (inner, tensor) => {
          if (inner !== INITIALIZER) return tensor;
          const { name, dims, type } = describe(tensor);
          const numbers = values.get(name);
          if (numbers === undefined) return tensor;
          left.delete(name);
          return encodeTensor(name, dims, type, numbers);
        }),
  );
  if (left.size > 0) throw new OnnxError(`has no initialisers named ${[...left].join(", ")}`);
  return replaced;
}

/** Copies a message, its length-delimited fields through `map`. */
function mapFields(bytes: Uint8Array, map: (field: number, content: Uint8Array) => Uint8Array): Uint8Array {
  const reader = protobuf.Reader.create(bytes);
  const parts: Uint8Array[] = [];
  let from = 0;
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    if ((tag & 7) !== 2) {
      reader.skipType(tag & 7);
      continue;
    }
    const content = reader.bytes();
    const mapped = map(tag >>> 3, content);
    if (mapped === content) continue;
    parts.push(bytes.subarray(from, start));
    parts.push(protobuf.Writer.create().uint32(tag).uint32(mapped.length).finish(), mapped);
    from = reader.pos;
  }
  return parts.length === 0 ? bytes : Buffer.concat([...parts, bytes.subarray(from)]);
}

function describe(tensor: Uint8Array): { name: string; dims: number[]; type: number } {
  const reader = protobuf.Reader.create(tensor);
  const found = { name: "", dims: [] as number[], type: 0 };
  const length = (): number => Number(reader.int64());
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    const field = tag >>> 3;
    if (field === NAME) found.name = reader.string();
    else if (field === DATA_TYPE) found.type = reader.int32();
    else if (field === DIMS && (tag & 7) === 2) {
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) found.dims.push(length());
    } else if (field === DIMS) found.dims.push(length());
    else reader.skipType(tag & 7);
  }
  return found;
}

function encodeTensor(
  name: string,
  dims: readonly number[],
  type: number,
  numbers: Float64Array,
): Uint8Array {
  if (type !== elementType.float32 && type !== elementType.float64)
    throw new OnnxError(
      `keeps ${name} as ${elementTypeName(type) ?? type}; gradflow writes float and double`,
    );
  const stored = type === elementType.float64 ? numbers : Float32Array.from(numbers);
  const writer = protobuf.Writer.create();
  for (const length of dims) writer.uint32(DIMS << 3).int64(length);
  writer.uint32(DATA_TYPE << 3).int32(type);
  writer.uint32((NAME << 3) | 2).string(name);
  writer
    .uint32((RAW_DATA << 3) | 2)
    .bytes(new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength));
  return writer.finish();
}
