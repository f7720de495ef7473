/** ONNX models for tests, written out node by node. */
import { elementType, modelType } from "../../src/onnx/schema.js";

export interface TestTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: readonly number[];
  /** Default float64. */
  readonly type?: keyof typeof elementType;
  /** Its numbers stand in a file beside the model, from a byte on. */
  readonly beside?: { readonly location: string; readonly offset: number };
}

export type AttributeValue =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: TestTensor };

export interface TestNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs?: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly name?: string;
}

export interface TestModel {
  readonly nodes: readonly TestNode[];
  readonly tensors?: readonly TestTensor[];
  /** Of the input `x`, the batch first. */
  readonly input: readonly (number | string)[];
  readonly inputType?: keyof typeof elementType;
  readonly output?: string;
  readonly opset?: number;
}

/** Row-major numbers as raw bytes. */
export function rawBytes(type: keyof typeof elementType, values: readonly number[]): Uint8Array {
  const arrays = {
    ...{
      float32: Float32Array,
      float64: Float64Array,
      int32: Int32Array,
      bool: Uint8Array,
      string: Uint8Array,
    },
  } as const;
  // 2⁶³, which a double rounds the largest int64 to, is that one.
  const long = (value: number): bigint => (value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(value));
  if (type === "int64") return new Uint8Array(BigInt64Array.from(values, long).buffer);
  return new Uint8Array(arrays[type as keyof typeof arrays].from(values).buffer);
}

function attributeMessage(name: string, value: AttributeValue): object {
  if (typeof value === "string") return { name, s: Buffer.from(value), type: 3 };
  if (typeof value === "number") return { name, i: value, type: 2 };
  if ("float" in value) return { name, f: value.float, type: 1 };
  if ("tensor" in value) return { name, t: tensorMessage(value.tensor), type: 4 };
  if ("floats" in value) return { name, floats: value.floats, type: 6 };
  return { name, ints: value, type: 7 };
}

function tensorMessage({ name, dims, values, type = "float64", beside }: TestTensor): object {
  const message = { name, dims, data_type: elementType[type] };
  const raw = rawBytes(type, values);
  if (beside === undefined) return { ...message, raw_data: raw };
  const entries = { ...beside, length: raw.length };
  const external_data = Object.entries(entries).map(([key, value]) => ({ key, value: String(value) }));
  return { ...message, external_data, data_location: 1 };
}

/** An output that has no name of its own is called as its node; the last one is the graph's. */
export function onnxBytes({
  nodes,
  tensors = [],
  input,
  inputType = "float64",
  output,
  opset = 20,
}: TestModel): Uint8Array {
  const node = nodes.map(({ operator, inputs, outputs, attributes = {}, name = operator }) => ({
    ...{ name, op_type: operator, input: inputs, output: outputs ?? [name] },
    attribute: Object.entries(attributes).map(([key, value]) => attributeMessage(key, value)),
  }));
  const dim = input.map((length) =>
    typeof length === "number" ? { dim_value: length } : { dim_param: length },
  );
  const last = node[node.length - 1]!;
  const message = modelType.fromObject({
    ir_version: 10,
    producer_name: "test",
    opset_import: [{ domain: "", version: opset }],
    graph: {
      name: "test",
      node,
      initializer: tensors.map(tensorMessage),
      input: [{ name: "x", type: { tensor_type: { elem_type: elementType[inputType], shape: { dim } } } }],
      output: [{ name: output ?? last.output[0], type: { tensor_type: { elem_type: elementType.float64 } } }],
    },
  });
  return modelType.encode(message).finish();
}
