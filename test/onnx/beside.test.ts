/** Tensors in files beside the model: they belong to it as if they stood inside, and nothing else on the disk can. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { digestOnnx, OnnxError, readOnnx } from "../../src/onnx/index.js";
import { modelType } from "../../src/onnx/schema.js";
import { onnxBytes, rawBytes, type TestTensor } from "../support/onnx.js";

const folder = mkdtempSync(join(tmpdir(), "gradflow-beside-"));
afterAll(() => rmSync(folder, { recursive: true }));

const weight = { name: "w", dims: [2, 2], values: [1, 2, 3, 4] } as const;
const shape = { name: "shape", dims: [2], values: [-1, 2], type: "int64" } as const;
const bias = { name: "value", dims: [2], values: [0.5, -0.5], type: "float32" } as const;
/** A weight, whole numbers and the tensor of a Constant: every place that a model keeps tensors in. */
const model = (beside: (tensor: TestTensor, offset: number) => TestTensor) =>
  onnxBytes({
    input: ["n", 2],
    tensors: [beside(weight, 8), beside(shape, 48)],
    nodes: [
      { operator: "MatMul", inputs: ["x", "w"] },
      { operator: "Reshape", inputs: ["MatMul", "shape"] },
      { operator: "Constant", inputs: [], attributes: { value: { tensor: beside(bias, 40) } } },
      { operator: "Add", inputs: ["Reshape", "Constant"] },
    ],
  });
const whole = model((tensor) => tensor);
const location = "sub/net.data";
const split = model((tensor, offset) => ({ ...tensor, beside: { location, offset } }));
const data = Buffer.concat([
  Buffer.alloc(8, 255),
  rawBytes("float64", weight.values),
  rawBytes("float32", bias.values),
  rawBytes("int64", shape.values),
]);
const file = join(folder, "net.onnx");
writeFileSync(file, split);
mkdirSync(join(folder, "sub"));
writeFileSync(join(folder, location), data);

test("a model is the same with its tensors beside it and inside", () => {
  writeFileSync(join(folder, "whole.onnx"), whole);
  const [apart, inside] = [readOnnx(file), readOnnx(join(folder, "whole.onnx"))];
  expect(Buffer.from(apart.bytes)).toEqual(Buffer.from(whole));
  expect(apart.sha256).toBe(inside.sha256);
  expect(digestOnnx(file)).toBe(inside.sha256);
  expect([...apart.model.initialisers.get("shape")!.read()]).toEqual([-1, 2]);
  const constant = apart.model.nodes[2]!.attributes.get("value")!;
  expect(constant.kind === "tensor" && [...constant.value.read()]).toEqual([0.5, -0.5]);
});

test("a byte that a tensor takes changes the digest, one that none takes does not", () => {
  const before = digestOnnx(file);
  const digestWith = (at: number): string => {
    const changed = Buffer.from(data);
    changed[at]! ^= 1;
    writeFileSync(join(folder, location), changed);
    return digestOnnx(file);
  };
  expect(digestWith(0)).toBe(before);
  for (const at of [8, 40, 48]) expect(digestWith(at)).not.toBe(before);
  writeFileSync(join(folder, location), data);
});

/** A model whose only tensor says of itself what `external` does. */
const withExternal = (external: Readonly<Record<string, string>>, times = 1): Uint8Array => {
  const external_data = Object.entries(external).map(([key, value]) => ({ key, value }));
  const initializer = Array.from({ length: times }, (_, k) => ({
    ...{ name: `w${k}`, dims: [4], data_type: 11, external_data, data_location: 1 },
  }));
  return modelType
    .encode(modelType.fromObject({ opset_import: [{ version: 20 }], graph: { initializer } }))
    .finish();
};
const secret = join(folder, "..", `gradflow-beside-${process.pid}.secret`);
writeFileSync(secret, Buffer.alloc(64));
afterAll(() => rmSync(secret));
writeFileSync(join(folder, "w.data"), Buffer.alloc(40));
writeFileSync(join(folder, "sparse.data"), "");
truncateSync(join(folder, "sparse.data"), 2 ** 40);
symlinkSync(secret, join(folder, "link.data"));
symlinkSync("sub", join(folder, "way"));

test.each([
  ["no file", { location: "none.data" }, /"none\.data", which is not there; put it beside/],
  ["no name", {}, /must be named relative/],
  ["an absolute name", { location: secret }, /must be named relative/],
  ["a way out", { location: `../gradflow-beside-${process.pid}.secret` }, /outside the model's folder/],
  ["a way out behind a folder", { location: `sub/../../gradflow-beside-${process.pid}.secret` }, /outside/],
  ["a link out", { location: "link.data" }, /outside the model's folder/],
  ["a NUL in its name", { location: "w.data\0" }, /not there/],
  ["a folder", { location: "sub" }, /which is no file/],
  ["the folder itself", { location: "." }, /which is no file/],
  [
    "bytes behind the end",
    { location: "w.data", offset: "16", length: "32" },
    /has 40 bytes.*needs 32 from 16/,
  ],
  ["an offset behind the end", { location: "w.data", offset: "400" }, /holds 0|needs 0 from 400/],
  ["a negative offset", { location: "w.data", offset: "-8" }, /no numbers of bytes/],
  ["an offset in words", { location: "w.data", offset: "1e1" }, /no numbers of bytes/],
  ["an offset beyond whole numbers", { location: "w.data", offset: "99999999999999999999" }, /no numbers/],
  ["a terabyte", { location: "w.data", length: "1099511627776" }, /needs 1099511627776 from 0/],
  ["a terabyte of nothing", { location: "sparse.data", length: "1099511627776" }, /at most 2147483647/],
  [
    "fewer bytes than its shape",
    { location: "w.data", length: "8" },
    /announces \[4\] of float64, 4 entries, and holds 1/,
  ],
])("refuses a tensor with %s", (_, external, message) => {
  const path = join(folder, "bad.onnx");
  writeFileSync(path, withExternal(external));
  const before = process.memoryUsage().arrayBuffers;
  const read = () => readOnnx(path);
  expect(read).toThrow(OnnxError);
  expect(read).toThrow(message);
  // Nothing of what was announced, beside the small files themselves.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 26);
});

test("the same bytes are no thousand tensors", () => {
  const path = join(folder, "bad.onnx");
  writeFileSync(path, withExternal({ location: "w.data", length: "32" }, 1000));
  expect(() => readOnnx(path)).toThrow(/has 40 bytes, and tensors take 64; store each/);
});

test("links within the folder and the rest of a file are taken", () => {
  const path = join(folder, "good.onnx");
  writeFileSync(path, withExternal({ location: "w.data", offset: "8" }));
  expect([...readOnnx(path).model.initialisers.get("w0")!.read()]).toEqual([0, 0, 0, 0]);
  writeFileSync(path, withExternal({ location: "way/net.data", offset: "8", length: "32" }));
  expect([...readOnnx(path).model.initialisers.get("w0")!.read()]).toEqual([1, 2, 3, 4]);
  expect(readFileSync(join(folder, location))).toEqual(data);
});
