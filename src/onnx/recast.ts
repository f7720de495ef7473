/** A model as a runtime is to compute it: all floating-point numbers in one precision, chosen initialisers as inputs. */
import type { Model } from "./decode.js";
import { valueInfo } from "./encode.js";
import { elementType, type elementTypeName, modelType } from "./schema.js";
import { decodeTensor, type RawTensor, type Tensor } from "./tensor.js";

export type FloatType = "float32" | "float64";

interface RawAttribute {
  readonly name: string;
  type: number;
  i: unknown;
  t: unknown;
  readonly ref_attr_name: string;
  readonly f: number;
  readonly floats: readonly number[];
}

interface RawNode {
  readonly op_type: string;
  readonly attribute: readonly RawAttribute[];
}

interface RawValueInfo {
  readonly name: string;
  readonly type: { readonly tensor_type: { elem_type: number } | null } | null;
}

interface RawModel {
  ir_version: unknown;
  readonly functions: readonly { readonly node: readonly RawNode[] }[];
  readonly graph: {
    readonly node: readonly RawNode[];
    initializer: unknown[];
    input: unknown[];
    readonly output: readonly RawValueInfo[];
    value_info: readonly RawValueInfo[];
  };
}

/** The oldest version in which an initialiser need not be an input. */
const IR_VERSION = 8;
const [INT, TENSOR] = [2, 4];
const FLOATS: readonly number[] = [
  elementType.float32,
  elementType.float64,
  elementType.float16,
  elementType.bfloat16,
];

/**
 * @param bytes of `model`, all tensors inside
 * @param asInputs names of initialisers that are handed in at every evaluation
 */
export function recast(
  bytes: Uint8Array,
  model: Model,
  precision: FloatType,
  asInputs: ReadonlySet<string>,
): Uint8Array {
  const raw = modelType.decode(bytes) as unknown as RawModel;
  const { graph } = raw;
  const float = elementType[precision];
  raw.ir_version = Math.max(model.irVersion, IR_VERSION);
  for (const node of [...graph.node, ...raw.functions.flatMap((own) => own.node)])
    for (const attribute of node.attribute) recastAttribute(node.op_type, attribute, precision);
  const tensors = [...model.initialisers.values()];
  graph.initializer = (graph.initializer as readonly RawTensor[])
    .filter(({ name }) => !asInputs.has(name))
    .map((own) => {
      const tensor = model.initialisers.get(own.name) as Tensor;
      return tensor.type === "float" ? encodeTensor(tensor, precision) : own;
    });
  const isOwn = ({ name }: RawValueInfo): boolean => !model.initialisers.has(name);
  // Shapes along the way are kept, for the runtime does not find all of them again.
  graph.value_info = graph.value_info.filter((info) => isOwn(info) && info.type?.tensor_type != null);
  const inputs = graph.input as readonly RawValueInfo[];
  for (const { type } of [...inputs, ...graph.output, ...graph.value_info])
    if (type?.tensor_type != null && FLOATS.includes(type.tensor_type.elem_type))
      type.tensor_type.elem_type = float;
  graph.input = [
    ...inputs.filter(isOwn),
    ...tensors
      .filter(({ name }) => asInputs.has(name))
      .map(({ name, shape }) => valueInfo(name, float, shape)),
  ];
  return modelType.encode(raw as never).finish();
}

/** Tensors, the numbers that Constant makes, and what a node is told to make. */
function recastAttribute(operator: string, attribute: RawAttribute, precision: FloatType): void {
  const float = elementType[precision];
  // Of a function: whoever calls it has it.
  if (attribute.ref_attr_name !== "") return;
  if (attribute.type === TENSOR) {
    const tensor = decodeTensor(attribute.t as RawTensor, attribute.name);
    if (tensor.type === "float") attribute.t = encodeTensor(tensor, precision);
  } else if (attribute.type === INT && (attribute.name === "to" || attribute.name === "dtype")) {
    if (FLOATS.includes(Number(attribute.i))) attribute.i = float;
  } else if (operator === "Constant" && attribute.name.startsWith("value_float")) {
    const isOne = attribute.name === "value_float";
    const numbers = isOne ? [attribute.f] : attribute.floats;
    Object.assign(attribute, {
      ...{ name: "value", type: TENSOR, f: 0, floats: [] },
      t: {
        ...{ name: "", dims: isOne ? [] : [numbers.length], data_type: float },
        raw_data: bytesOf(precision, Float64Array.from(numbers)),
      },
    });
  }
}

function encodeTensor(tensor: Tensor, precision: FloatType): object {
  const { name, shape, type } = tensor;
  const own = type === "float" ? precision : tensor.elementType;
  return { name, dims: [...shape], data_type: elementType[own], raw_data: bytesOf(own, tensor.read()) };
}

/** Row-major, little-endian; of 64 bits what is beyond 2⁵³ is an index that means the end, and stays the largest there is. */
function bytesOf(type: NonNullable<ReturnType<typeof elementTypeName>>, numbers: Float64Array): Uint8Array {
  const whole = numbers as unknown as readonly number[];
  const made =
    type === "int64" || type === "uint64"
      ? BigInt64Array.from(whole, (value) => BigInt.asIntN(64, value >= 2 ** 63 ? LARGEST : BigInt(value)))
      : new ARRAYS[type as keyof typeof ARRAYS](whole);
  return new Uint8Array(made.buffer, made.byteOffset, made.byteLength);
}

const LARGEST = 2n ** 63n - 1n;

const ARRAYS = {
  ...{ float32: Float32Array, float64: Float64Array, bool: Uint8Array, uint8: Uint8Array, int8: Int8Array },
  ...{ uint16: Uint16Array, int16: Int16Array, int32: Int32Array, uint32: Uint32Array },
} as const;
