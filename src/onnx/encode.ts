/** Graphs of operators → bytes of an ONNX model: what engines hand to a runtime. */
import { modelType } from "./schema.js";

const attributeType = { int: 2, ints: 7 } as const;

export interface OnnxNode {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly op_type: string;
  readonly attribute: readonly object[];
}

export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly data_type: number;
  readonly raw_data: Uint8Array;
}

export function attribute(name: string, value: number | readonly number[]): object {
  return typeof value === "number"
    ? { name, i: value, type: attributeType.int }
    : { name, ints: value, type: attributeType.ints };
}

export function valueInfo(name: string, elem_type: number, shape: readonly number[]): object {
  return {
    name,
    type: { tensor_type: { elem_type, shape: { dim: shape.map((dim_value) => ({ dim_value })) } } },
  };
}

/** Serialises a model with the default operator set 17 (IR version 8). */
export function encodeModel(graph: {
  readonly name: string;
  readonly node: readonly OnnxNode[];
  readonly initializer: readonly OnnxTensor[];
  readonly input: readonly object[];
  readonly output: readonly object[];
}): Uint8Array {
  const model = {
    ir_version: 8,
    producer_name: "gradflow",
    graph,
    opset_import: [{ domain: "", version: 17 }],
  };
  return modelType.encode(modelType.fromObject(model)).finish();
}
