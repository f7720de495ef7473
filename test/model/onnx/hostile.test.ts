/** Files that were not made by an exporter: each is taken as it stands or refused with a reason, whatever it announces. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import protobuf from "protobufjs";
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../../src/errors.js";
import { createFamily, importModel, LayerError } from "../../../src/model/index.js";
import { decodeModel, OnnxError, readOnnx } from "../../../src/onnx/index.js";
import { inlineTensors } from "../../../src/onnx/inline.js";
import { createRandom } from "../../../src/random.js";
import { onnxBytes, type TestModel } from "../../support/onnx.js";

/** Null where the bytes are taken, up to the graph of the loss' gradient; the error else. */
function attempt(bytes: Uint8Array): unknown {
  try {
    const network = importModel(decodeModel(bytes));
    createFamily({ network, samples: 2 }).lossGradient("free");
    return null;
  } catch (error) {
    return error;
  }
}

/** A model whose graph has a node with an attribute that is a graph, and so on. */
function nestedGraphs(depth: number): Buffer {
  const field = (number: number, content: Uint8Array): Uint8Array =>
    protobuf.Writer.create()
      .uint32((number << 3) | 2)
      .bytes(content)
      .finish();
  let graph: Uint8Array = new Uint8Array();
  for (let k = 0; k < depth; k++) graph = field(1, field(5, field(6, graph)));
  return Buffer.concat([field(7, graph), field(8, Uint8Array.of(0x10, 20))]);
}

const isReason = (error: unknown): boolean =>
  error instanceof OnnxError || error instanceof ConfigError || error instanceof LayerError;

const convolution: TestModel = {
  input: ["batch", 1, 4, 4],
  tensors: [
    { name: "w", dims: [2, 1, 3, 3], values: Array.from({ length: 18 }, (_, k) => k / 18) },
    { name: "b", dims: [2], values: [0.1, -0.1] },
    { name: "shape", dims: [2], values: [0, -1], type: "int64" },
    { name: "v", dims: [2, 8], values: Array.from({ length: 16 }, (_, k) => Math.sin(k)) },
  ],
  nodes: [
    { operator: "Conv", inputs: ["x", "w", "b"], attributes: { pads: [1, 1, 1, 1] } },
    { operator: "LeakyRelu", inputs: ["Conv"], attributes: { alpha: { float: 0.1 } } },
    { operator: "MaxPool", inputs: ["LeakyRelu"], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
    { operator: "Reshape", inputs: ["MaxPool", "shape"] },
    { operator: "Gemm", inputs: ["Reshape", "v"], attributes: { transB: 1 } },
  ],
};

test("is taken as it is", () => {
  expect(attempt(onnxBytes(convolution))).toBeNull();
});

test("of four hundred files with changed bytes none is an internal error", () => {
  const random = createRandom(7);
  // A copy: slices of a Buffer share its memory.
  const whole = Uint8Array.from(onnxBytes(convolution));
  const at = (length: number) => Math.floor(random.uniform() * length);
  const outcomes = Array.from({ length: 400 }, (_, k) => {
    let bytes = whole.slice();
    if (k % 4 === 0) bytes = bytes.slice(0, at(bytes.length));
    else if (k % 4 === 1) {
      const from = at(bytes.length);
      const part = whole.slice(from, from + at(64));
      bytes = new Uint8Array([...whole.slice(0, from), ...part, ...whole.slice(from)]);
    } else for (let n = 0; n <= k % 5; n++) bytes[at(bytes.length)] = at(256);
    return attempt(bytes);
  });
  const internal = outcomes.filter((error) => error !== null && !isReason(error));
  expect(internal.map((error) => (error instanceof Error ? error.stack : error))).toEqual([]);
  // Names, numbers and unused bytes may change without harm.
  expect(outcomes.filter((error) => error === null).length).toBeGreaterThan(20);
  expect(outcomes.filter((error) => error !== null).length).toBeGreaterThan(100);
});

describe("announces what nobody has memory for", () => {
  const vector = (name: string, values: readonly number[]) => ({
    ...{ name, dims: [values.length], values },
    type: "int64" as const,
  });
  const x = { input: ["batch", 3] };
  const models: Record<string, TestModel> = {
    "a constant of shape": {
      ...x,
      tensors: [vector("shape", [1e6, 1e6])],
      nodes: [
        { operator: "ConstantOfShape", inputs: ["shape"] },
        { operator: "Add", inputs: ["x", "ConstantOfShape"] },
      ],
    },
    "an expansion": {
      ...x,
      tensors: [vector("shape", [1, 2 ** 40, 3])],
      nodes: [{ operator: "Expand", inputs: ["x", "shape"] }],
    },
    tiles: {
      ...x,
      tensors: [vector("times", [1, 2 ** 40])],
      nodes: [{ operator: "Tile", inputs: ["x", "times"] }],
    },
    padding: {
      ...x,
      tensors: [vector("pads", [0, 0, 0, 2 ** 40])],
      nodes: [{ operator: "Pad", inputs: ["x", "pads"] }],
    },
    "forty doublings": {
      ...x,
      tensors: [vector("shape", [1024])],
      nodes: [
        { operator: "ConstantOfShape", inputs: ["shape"], outputs: ["c0"] },
        ...Array.from({ length: 40 }, (_, k) => ({
          ...{ operator: "Concat", inputs: [`c${k}`, `c${k}`], outputs: [`c${k + 1}`] },
          attributes: { axis: 0 },
        })),
        { operator: "Add", inputs: ["x", "c40"] },
      ],
    },
    "a range": {
      ...x,
      tensors: [
        { name: "from", dims: [], values: [0], type: "int64" },
        { name: "to", dims: [], values: [1e12], type: "int64" },
        { name: "by", dims: [], values: [1], type: "int64" },
      ],
      nodes: [
        { operator: "Range", inputs: ["from", "to", "by"] },
        { operator: "Cast", inputs: ["Range"], attributes: { to: 11 } },
        { operator: "Add", inputs: ["x", "Cast"] },
      ],
    },
  };
  test.each(Object.entries(models))("%s", (_, model) => {
    const before = process.memoryUsage();
    const error = attempt(onnxBytes(model));
    expect(error).not.toBeNull();
    expect(isReason(error), String((error as Error).stack)).toBe(true);
    const after = process.memoryUsage();
    expect(after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed).toBeLessThan(2e8);
  });
});

describe("is no graph", () => {
  const x = { input: ["batch", 3] };
  const models: Record<string, TestModel> = {
    "a circle": {
      ...x,
      nodes: [
        { operator: "Add", inputs: ["x", "Relu"] },
        { operator: "Relu", inputs: ["Add"] },
      ],
    },
    "an input that nothing gives": { ...x, nodes: [{ operator: "Add", inputs: ["x", "nowhere"] }] },
    "an output that nothing gives": { ...x, output: "nowhere", nodes: [{ operator: "Relu", inputs: ["x"] }] },
    "one value twice": {
      ...x,
      nodes: [
        { operator: "Relu", name: "a", inputs: ["x"], outputs: ["y"] },
        { operator: "Tanh", name: "b", inputs: ["x"], outputs: ["y"] },
      ],
    },
    "no input at all": { ...x, nodes: [{ operator: "Relu", inputs: [] }] },
    "words where numbers belong": {
      ...x,
      nodes: [{ operator: "LeakyRelu", inputs: ["x"], attributes: { alpha: "much" } }],
    },
  };
  test.each(Object.entries(models))("%s", (_, model) => {
    const error = attempt(onnxBytes(model));
    expect(isReason(error), String((error as Error | null)?.stack)).toBe(true);
  });

  test.each(["constructor", "toString", "__proto__", "hasOwnProperty"])(
    "an operator called %s is one that there is not",
    (operator) => {
      const error = attempt(onnxBytes({ ...x, nodes: [{ operator, name: "odd", inputs: ["x"] }] }));
      expect(String(error)).toMatch(new RegExp(`does not have: ${operator} \\(odd\\)`));
    },
  );

  test.each([
    ["a million groups within each other", Buffer.alloc(1_000_000, 0x0b)],
    [
      "a million groups within the graph",
      Buffer.concat([Buffer.from([0x3a, 0xc0, 0x84, 0x3d]), Buffer.alloc(1_000_000, 0x0b)]),
    ],
    ["graphs within graphs, two thousand deep", nestedGraphs(2000)],
  ])("%s", (_, bytes) => {
    expect(isReason(attempt(bytes)), String((attempt(bytes) as Error).stack)).toBe(true);
    expect(() => inlineTensors(bytes, () => new Uint8Array())).not.toThrow(RangeError);
  });

  test("a chain of ten thousand nodes is one", () => {
    const nodes = Array.from({ length: 10_000 }, (_, k) => ({
      ...{ operator: "Neg", name: `n${k}` },
      inputs: [k === 0 ? "x" : `n${k - 1}`],
    }));
    const tensors = [{ name: "w", dims: [3, 2], values: [1, 2, 3, 4, 5, 6] }];
    const last = { operator: "MatMul", inputs: ["n9999", "w"] };
    const error = attempt(onnxBytes({ ...x, tensors, nodes: [...nodes, last] }));
    expect(error === null || isReason(error), String((error as Error | null)?.stack)).toBe(true);
  });
});

test.skipIf(process.platform === "win32")(
  "a pipe in place of a file is refused, and nobody waits for its writer",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "gradflow-pipe-"));
    try {
      execFileSync("mkfifo", [join(folder, "net.onnx")]);
      expect(() => readOnnx(join(folder, "net.onnx"))).toThrow(/is no file/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);
