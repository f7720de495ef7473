/** Messages of the ONNX interchange format (onnx/onnx.proto, field numbers as published): those that gradflow reads or writes. */
import protobuf from "protobufjs";

const schema = `
syntax = "proto3";
package onnx;
message StringStringEntryProto { string key = 1; string value = 2; }
message AttributeProto {
  string name = 1; float f = 2; int64 i = 3; bytes s = 4; TensorProto t = 5; GraphProto g = 6; repeated float floats = 7;
  repeated int64 ints = 8; repeated bytes strings = 9; int32 type = 20; string ref_attr_name = 21;
}
message NodeProto { repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4; repeated AttributeProto attribute = 5; string domain = 7; string overload = 8; }
message TensorProto {
  repeated int64 dims = 1; int32 data_type = 2; repeated float float_data = 4; repeated int32 int32_data = 5; repeated int64 int64_data = 7;
  string name = 8; bytes raw_data = 9; repeated double double_data = 10; repeated uint64 uint64_data = 11;
  repeated StringStringEntryProto external_data = 13; int32 data_location = 14;
}
message SparseTensorProto { TensorProto values = 1; }
message Dimension { oneof value { int64 dim_value = 1; string dim_param = 2; } }
message TensorShapeProto { repeated Dimension dim = 1; }
message TensorTypeProto { int32 elem_type = 1; TensorShapeProto shape = 2; }
message TypeProto { TensorTypeProto tensor_type = 1; }
message ValueInfoProto { string name = 1; TypeProto type = 2; repeated StringStringEntryProto metadata_props = 4; }
message GraphProto {
  repeated NodeProto node = 1; string name = 2; repeated TensorProto initializer = 5; repeated ValueInfoProto input = 11;
  repeated ValueInfoProto output = 12; repeated ValueInfoProto value_info = 13; repeated SparseTensorProto sparse_initializer = 15;
}
message OperatorSetIdProto { string domain = 1; int64 version = 2; }
message FunctionProto {
  string name = 1; repeated string input = 4; repeated string output = 5; repeated string attribute = 6; repeated NodeProto node = 7;
  repeated OperatorSetIdProto opset_import = 9; string domain = 10; repeated AttributeProto attribute_proto = 11; string overload = 13;
}
message ModelProto {
  int64 ir_version = 1; string producer_name = 2; string producer_version = 3; GraphProto graph = 7; repeated OperatorSetIdProto opset_import = 8;
  repeated FunctionProto functions = 25;
}
`;

const { root } = protobuf.parse(schema, { keepCase: true });

export const modelType = root.lookupType("onnx.ModelProto");
export const tensorType = root.lookupType("onnx.TensorProto");

/** Numbers of the element types. */
export const elementType = {
  ...{ float32: 1, uint8: 2, int8: 3, uint16: 4, int16: 5, int32: 6, int64: 7, string: 8, bool: 9 },
  ...{ float16: 10, float64: 11, uint32: 12, uint64: 13, bfloat16: 16 },
} as const;

export type ElementType = keyof typeof elementType;

/** Null for types that gradflow does not read: complex numbers, and those below 16 bits that are no bytes. */
export function elementTypeName(number: number): ElementType | null {
  const found = Object.entries(elementType).find(([, known]) => known === number);
  return (found?.[0] as ElementType | undefined) ?? null;
}
