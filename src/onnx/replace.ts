/** The bytes of a model with other numbers in some initialisers. All else stays byte for byte: what PyTorch or a runtime says beside the graph. */
import protobuf from "protobufjs";
import { OnnxError } from "./error.js";
import { changeFields, FIELD } from "./fields.js";
import { elementType, elementTypeName, tensorType } from "./schema.js";
import { type RawTensor, toNumber } from "./tensor.js";

/** Of TensorProto. */
const [DIMS, DATA_TYPE, NAME, RAW_DATA] = [1, 2, 8, 9];

/**
 * @param values new numbers by name, row-major, of the tensor's own size; they are stored in its own precision
 * @throws OnnxError where an initialiser is not there, or is not of floating-point numbers
 */
export function replaceInitialisers(
  bytes: Uint8Array,
  values: ReadonlyMap<string, Float64Array>,
): Uint8Array {
  const left = new Set(values.keys());
  const replaced = changeFields(bytes, (field, content) =>
    field !== FIELD.graph
      ? null
      : changeFields(content, (inner, tensor) => {
          if (inner !== FIELD.initializer) return null;
          const { name, dims, data_type } = tensorType.decode(tensor) as unknown as RawTensor;
          const numbers = values.get(name);
          if (numbers === undefined) return null;
          left.delete(name);
          return [encodeTensor(name, dims.map(toNumber), data_type, numbers)];
        }),
  );
  if (left.size > 0) throw new OnnxError(`has no initialisers named ${[...left].join(", ")}`);
  return replaced === null ? bytes : Buffer.concat(replaced);
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
