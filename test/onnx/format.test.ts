/** The ONNX format: what is read is what was written, what is replaced is replaced, and the rest of a file stays as it was. */
import { expect, test } from "vitest";
import { decodeModel, OnnxError, replaceInitialisers } from "../../src/onnx/index.js";
import { elementType, modelType } from "../../src/onnx/schema.js";
import { onnxBytes, rawBytes } from "../support/onnx.js";

/** A model of nothing but one initialiser. */
const withTensor = (tensor: object): Uint8Array =>
  modelType
    .encode(
      modelType.fromObject({
        opset_import: [{ version: 20 }],
        graph: { initializer: [{ name: "w", ...tensor }] },
      }),
    )
    .finish();

test.each([
  ["float32 raw", { data_type: 1, raw_data: rawBytes("float32", [1.5, -2]) }, [1.5, -2]],
  ["float64 raw", { data_type: 11, raw_data: rawBytes("float64", [Math.PI, -0]) }, [Math.PI, -0]],
  ["float32 listed", { data_type: 1, float_data: [0.25, 3] }, [0.25, 3]],
  ["float64 listed", { data_type: 11, double_data: [1e-300, 3] }, [1e-300, 3]],
  ["int64 raw", { data_type: 7, raw_data: rawBytes("int64", [-1, 2 ** 40]) }, [-1, 2 ** 40]],
  ["int64 listed", { data_type: 7, int64_data: [-7, 9] }, [-7, 9]],
  ["int32 raw", { data_type: 6, raw_data: rawBytes("int32", [-5, 6]) }, [-5, 6]],
  ["bool raw", { data_type: 9, raw_data: rawBytes("bool", [1, 0]) }, [1, 0]],
  // 1.5 = 0x3e00, -2 = 0xc000 in IEEE 754 binary16; the upper halves of the float32 0x3fc00000 and 0xc0000000.
  ["float16 listed", { data_type: 10, int32_data: [0x3e00, 0xc000] }, [1.5, -2]],
  ["bfloat16 raw", { data_type: 16, raw_data: new Uint8Array([0xc0, 0x3f, 0x00, 0xc0]) }, [1.5, -2]],
])("reads %s", (_, tensor, values) => {
  const found = decodeModel(withTensor({ dims: [2], ...tensor })).initialisers.get("w")!;
  expect([...found.read()]).toEqual(values);
  expect(found.shape).toEqual([2]);
});

test.each([
  ["fewer entries than it announces", { dims: [1_000_000, 1_000_000], data_type: 1 }, /entries/],
  [
    "more than it announces",
    { dims: [1], data_type: 1, raw_data: rawBytes("float32", [1, 2]) },
    /announces \[1\].*holds 2/,
  ],
  [
    "negative lengths",
    { dims: [-2, -1], data_type: 1, raw_data: rawBytes("float32", [1, 2]) },
    /not negative/,
  ],
  ["strings", { dims: [1], data_type: 8, raw_data: new Uint8Array(1) }, /element type string/],
  ["complex numbers", { dims: [1], data_type: 14, raw_data: new Uint8Array(8) }, /element type 14/],
])("refuses a tensor with %s", (_, tensor, message) => {
  expect(() => decodeModel(withTensor(tensor))).toThrow(message);
});

test("a tensor without entries is one, and a length of −1 is unknown", () => {
  const found = decodeModel(withTensor({ dims: [0], data_type: 1 })).initialisers.get("w")!;
  expect([...found.read()]).toEqual([]);
  const model = { input: [-1, 3], nodes: [{ operator: "Relu", inputs: ["x"] }] };
  expect(decodeModel(onnxBytes(model)).inputs[0]!.shape).toEqual([null, 3]);
});

test("refuses bytes that are no model", () => {
  for (const bytes of [new Uint8Array(), Buffer.from("no model at all"), onnxBytes(mlp).subarray(0, 60)])
    expect(() => decodeModel(bytes)).toThrow(OnnxError);
});

const mlp = {
  input: ["n", 2],
  nodes: [{ operator: "Gemm", inputs: ["x", "w", "b"], attributes: { transB: 1 } }],
  tensors: [
    { name: "w", dims: [3, 2], values: [1, 2, 3, 4, 5, 6], type: "float32" },
    { name: "b", dims: [3], values: [7, 8, 9] },
  ],
} as const;

test("replaced initialisers have the new numbers in their own precision, and every other byte stays", () => {
  // A field that gradflow does not know, ModelProto.metadata_props = 14, stands behind the graph.
  const unknown = Buffer.from([0x72, 0x04, 0x0a, 0x02, 0x68, 0x69]);
  const bytes = Buffer.concat([onnxBytes(mlp), unknown]);
  const changed = replaceInitialisers(bytes, new Map([["w", Float64Array.of(0.1, 0, 0, 0, 0, 6.5)]]));
  expect(Buffer.from(changed.subarray(-6))).toEqual(unknown);
  const { initialisers, nodes } = decodeModel(changed);
  expect([...initialisers.get("w")!.read()]).toEqual([Math.fround(0.1), 0, 0, 0, 0, 6.5]);
  expect([...initialisers.get("b")!.read()]).toEqual([7, 8, 9]);
  expect(nodes).toEqual(decodeModel(bytes).nodes);
  // Its own numbers again: the file again, for this writer puts the fields in the same order.
  const own = new Map([["b", Float64Array.of(7, 8, 9)]]);
  expect(decodeModel(replaceInitialisers(bytes, own)).initialisers.get("b")!.elementType).toBe("float64");
  expect(() => replaceInitialisers(bytes, new Map([["v", new Float64Array(1)]]))).toThrow(
    /no initialisers named v/,
  );
  expect(elementType.float64).toBe(11);
});
