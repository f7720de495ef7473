/** The part of the ONNX interchange format that gradflow writes (onnx/onnx.proto, field numbers as published). */
import protobuf from "protobufjs";

const schema = `
syntax = "proto3";
package onnx;
message AttributeProto { string name = 1; float f = 2; int64 i = 3; bytes s = 4; repeated int64 ints = 8; int32 type = 20; }
message NodeProto { repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4; repeated AttributeProto attribute = 5; }
message TensorProto { repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9; }
message Dimension { int64 dim_value = 1; }
message TensorShapeProto { repeated Dimension dim = 1; }
message TensorTypeProto { int32 elem_type = 1; TensorShapeProto shape = 2; }
message TypeProto { TensorTypeProto tensor_type = 1; }
message ValueInfoProto { string name = 1; TypeProto type = 2; }
message GraphProto { repeated NodeProto node = 1; string name = 2; repeated TensorProto initializer = 5; repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12; }
message OperatorSetIdProto { string domain = 1; int64 version = 2; }
message ModelProto { int64 ir_version = 1; string producer_name = 2; GraphProto graph = 7; repeated OperatorSetIdProto opset_import = 8; }
`;

const modelType = protobuf.parse(schema, { keepCase: true }).root.lookupType("onnx.ModelProto");

export const elementType = { float32: 1, int32: 6, int64: 7, bool: 9, float64: 11 } as const;
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
