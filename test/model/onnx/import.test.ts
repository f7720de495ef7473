/** Imported networks: the same graphs as those of layers, whatever way an exporter writes an affine map. */
import { expect, test } from "vitest";
import { createGraph, GraphBuilder, printGraph } from "../../../src/graph/index.js";
import { createFamily, defineNetwork, importModel, type Network } from "../../../src/model/index.js";
import { decodeModel } from "../../../src/onnx/index.js";
import { modelType } from "../../../src/onnx/schema.js";
import { onnxBytes, type TestModel } from "../../support/onnx.js";

const read = (model: TestModel) => decodeModel(onnxBytes(model));
const importing = (model: TestModel): Network => importModel(read(model));

/** Weights [out, in] and biases of 3-4-2. */
const tensors = [
  { name: "0.weight", dims: [4, 3], values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] },
  { name: "0.bias", dims: [4], values: [0.1, 0.2, 0.3, 0.4] },
  { name: "2.weight", dims: [2, 4], values: [1, 0, 2, 0, 0, 3, 0, 4] },
  { name: "2.bias", dims: [2], values: [5, 6] },
] as const;
const transB = { transB: 1 };
const leaky = {
  operator: "LeakyRelu",
  inputs: ["a"],
  attributes: { alpha: { float: Math.fround(0.1) } },
} as const;

const gemm: TestModel = {
  input: [1, 3],
  tensors,
  nodes: [
    { operator: "Gemm", name: "a", inputs: ["x", "0.weight", "0.bias"], attributes: transB },
    leaky,
    { operator: "Gemm", name: "b", inputs: ["LeakyRelu", "2.weight", "2.bias"], attributes: transB },
  ],
};
const matmul: TestModel = {
  input: ["batch", 3],
  tensors,
  nodes: [
    { operator: "Transpose", name: "t", inputs: ["0.weight"], attributes: { perm: [1, 0] } },
    { operator: "MatMul", name: "m", inputs: ["x", "t"] },
    { operator: "Add", name: "a", inputs: ["0.bias", "m"] },
    leaky,
    { operator: "Transpose", name: "u", inputs: ["2.weight"] },
    { operator: "MatMul", name: "v", inputs: ["LeakyRelu", "u"] },
    { operator: "Add", name: "b", inputs: ["v", "2.bias"] },
  ],
};

/** As jax2onnx writes it: products with a zero added, and biases as rows. */
const rows: TestModel = {
  input: ["batch", 3],
  tensors: [
    ...tensors.map(({ name, dims, values }) => {
      const [out, width = 1] = dims as readonly number[];
      if (dims.length === 1) return { name, dims: [1, out!], values };
      const flipped = values.map((_, i) => values[(i % out!) * width + Math.floor(i / out!)]!);
      return { name, dims: [width, out!], values: flipped };
    }),
    { name: "dot_bias_0", dims: [], values: [0] },
  ],
  nodes: [
    {
      operator: "Gemm",
      name: "p",
      inputs: ["x", "0.weight", "dot_bias_0"],
      attributes: { beta: { float: 0 } },
    },
    { operator: "Add", name: "a", inputs: ["p", "0.bias"] },
    leaky,
    { operator: "Gemm", name: "q", inputs: ["LeakyRelu", "2.weight", "dot_bias_0"] },
    { operator: "Add", name: "b", inputs: ["q", "2.bias"] },
  ],
};

const layered = defineNetwork({
  inputShape: [3],
  activation: { kind: "leaky-relu", slope: 0.1 },
  layers: [{ kind: "dense", width: 4 }, { kind: "activation" }, { kind: "dense", width: 2 }],
});

test.each([
  ["Gemm, fixed batch", gemm],
  ["MatMul and Add, free batch", matmul],
  ["Gemm of zero and Add of a row", rows],
])("an MLP of %s has the very graphs of one of layers", (_, model) => {
  const network = importing(model);
  const graphsOf = (net: Network): string[] => {
    const family = createFamily({ network: net, samples: 5, factor: 0.5 });
    return [family.lossGradient("free"), family.lockedField(), family.scalarGram(4)].map(printGraph);
  };
  expect(graphsOf(network)).toEqual(graphsOf(layered));
  expect(network.coupled).toBe(false);
  expect(network.hasLayerProducts).toBe(true);
  expect(network.layout.parameters.map(({ name, offset }) => [name, offset])).toEqual([
    ["0.weight", 0],
    ["0.bias", 12],
    ["2.weight", 16],
    ["2.bias", 24],
  ]);
  // θ has the weights as [in, out].
  expect([...network.start!.subarray(0, 5)]).toEqual([1, 4, 7, 10, 2]);
  const transposed = model !== rows;
  expect(network.imported!.arrays["2.weight"]).toEqual({ shape: transposed ? [2, 4] : [4, 2], transposed });
});

test("a weight that is used both ways stays as it is in the file", () => {
  const network = importing({
    input: ["n", 3],
    tensors: [{ name: "w", dims: [3, 3], values: [1, 2, 3, 4, 5, 6, 7, 8, 9] }],
    nodes: [
      { operator: "Gemm", name: "a", inputs: ["x", "w"], attributes: transB },
      { operator: "MatMul", name: "b", inputs: ["a", "w"] },
    ],
  });
  expect([...network.start!]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(network.imported!.arrays["w"]!.transposed).toBe(false);
});

test("what cannot be taken is said all at once, with the names of the nodes", () => {
  const model: TestModel = {
    input: ["n", 3],
    tensors,
    nodes: [
      { operator: "Gemm", name: "first", inputs: ["x", "0.weight"], attributes: transB },
      { operator: "Erfinv", name: "second", inputs: ["first"] },
      { operator: "NonMaxSuppression", name: "third", inputs: ["second"] },
    ],
  };
  expect(() => importing(model)).toThrow(/Erfinv \(second\), NonMaxSuppression \(third\)/);
});

test.each([
  [
    "a circle",
    [
      { operator: "Add", name: "a", inputs: ["x", "b"] },
      { operator: "Neg", name: "b", inputs: ["a"] },
    ],
    /circle/,
  ],
  [
    "an edge from nowhere",
    [{ operator: "Add", name: "a", inputs: ["x", "ghost"] }],
    /node a take ghost, which nothing makes/,
  ],
  [
    "a value made twice",
    [
      { operator: "Neg", name: "a", inputs: ["x"] },
      { operator: "Neg", name: "b", inputs: ["x"], outputs: ["a"] },
    ],
    /makes the value a twice/,
  ],
  [
    "an attribute nobody knows",
    [{ operator: "MatMul", name: "a", inputs: ["x", "w"], attributes: { twist: 3 } }],
    /attribute twist/,
  ],
  ["shapes that do not fit", [{ operator: "MatMul", name: "a", inputs: ["w", "x"] }], /matmul of/],
])("%s is refused", (_, nodes, message) => {
  expect(() =>
    importing({ input: ["n", 3], tensors: [{ name: "w", dims: [3, 2], values: [1, 2, 3, 4, 5, 6] }], nodes }),
  ).toThrow(message);
});

test("trainable chooses by name and pattern, and what it does not name is a constant", () => {
  const model = read(gemm);
  const network = importModel(model, { trainable: ["2.*"] });
  expect(network.layout.parameters.map(({ name }) => name)).toEqual(["2.weight", "2.bias"]);
  expect(network.imported!.frozen.map(({ name }) => name)).toEqual(["0.weight", "0.bias"]);
  expect(() => importModel(model, { trainable: ["3.*"] })).toThrow(
    /no initialiser that trainable names by 3\.\*/,
  );
});

test("shapes that the file computes from the batch are folded", () => {
  const network = importing({
    input: ["n", 2, 3],
    tensors: [
      { name: "w", dims: [6, 2], values: Array.from({ length: 12 }, (_, i) => i) },
      { name: "shape", dims: [2], values: [0, -1], type: "int64" },
    ],
    nodes: [
      { operator: "Reshape", name: "flat", inputs: ["x", "shape"] },
      { operator: "MatMul", name: "out", inputs: ["flat", "w"] },
    ],
  });
  expect(network.outputShape).toEqual([2]);
  expect(network.coupled).toBe(false);
  const b = new GraphBuilder();
  const { output } = network.forward(b, {
    theta: b.input("theta", [12]),
    x: b.input("x", [7, 2, 3]),
    pieces: null,
  });
  expect(createGraph("forward", { output }).outputs["output"]!.shape).toEqual([7, 2]);
});

test.each([Number.NEGATIVE_INFINITY, -Number.MAX_VALUE, -3.4028234663852886e38])(
  "a mask whose entries are %s is a constant, as what PyTorch's exporter marks as a buffer is",
  (least) => {
    const model: TestModel = {
      input: ["n", 2],
      tensors: [
        { name: "w", dims: [2, 2], values: [1, 2, 3, 4] },
        { name: "mask", dims: [2], values: [0, least] },
        { name: "shift", dims: [2], values: [5, 6] },
      ],
      nodes: [
        { operator: "MatMul", name: "scores", inputs: ["x", "w"] },
        { operator: "Add", name: "shifted", inputs: ["scores", "shift"] },
        { operator: "Add", name: "masked", inputs: ["shifted", "mask"] },
        { operator: "Softmax", name: "out", inputs: ["masked"] },
      ],
    };
    const raw = modelType.toObject(modelType.decode(onnxBytes(model))) as { graph: object };
    const mark = { key: "pkg.torch.export.graph_signature.InputSpec.kind", value: "BUFFER" };
    Object.assign(raw.graph, { value_info: [{ name: "shift", metadata_props: [mark] }] });
    const marked = decodeModel(modelType.encode(modelType.fromObject(raw)).finish());
    expect(importModel(marked).imported!.frozen.map(({ name, why }) => [name, why])).toEqual([
      ["mask", "has entries that stand for infinity"],
      ["shift", "a buffer of the module"],
    ]);
    // By name it is trained.
    const asked = importModel(marked, { trainable: ["shift"] });
    expect(asked.layout.parameters.map(({ name }) => name)).toEqual(["shift"]);
    expect(() => importModel(marked, { trainable: ["*"] })).toThrow(/cannot train mask: it has entries that/);
  },
);

test("weights in nodes Constant are told from a file without any", () => {
  const value = { tensor: { name: "", dims: [3, 2], values: [1, 2, 3, 4, 5, 6] } };
  const product = { operator: "MatMul", inputs: ["x", "Constant"] };
  const model = {
    input: ["n", 3],
    nodes: [{ operator: "Constant", inputs: [], attributes: { value } }, product],
  };
  expect(() => importModel(decodeModel(onnxBytes(model)))).toThrow(
    /; its arrays stand in nodes Constant \(Constant\), which are not trained/,
  );
  expect(() =>
    importModel(decodeModel(onnxBytes({ input: ["n", 3], nodes: [{ operator: "Relu", inputs: ["x"] }] }))),
  ).toThrow(/could be trained$/);
});

/** One operator on four values and a constant. */
const bounded = (operator: string, dims: readonly number[], values: readonly number[]) =>
  ["bound,a", "a,bound"].map((inputs) =>
    importing({
      ...{ input: ["n", 3], tensors: [...tensors.slice(0, 2), { name: "bound", dims, values }] },
      nodes: [gemm.nodes[0]!, { operator, inputs: inputs.split(",") }],
    }),
  );

test.each([
  ["Max", -1],
  ["Min", 1],
])("%s with %d times infinity is no kink, and no number of the outputs", (operator, sign) => {
  const plain = importing({ input: ["n", 3], tensors: tensors.slice(0, 2), nodes: [gemm.nodes[0]!] });
  const graph = (network: Network) => printGraph(createFamily({ network, samples: 2, factor: 1 }).predict());
  // The largest of float32 is what exporters write for it.
  for (const size of [Number.POSITIVE_INFINITY, Number.MAX_VALUE, 3.4028234663852886e38])
    for (const dims of [[], [1], [4], [1, 4]]) {
      const values = Array.from({ length: dims.at(-1) ?? 1 }, () => sign * size);
      for (const network of bounded(operator, dims, values)) expect(graph(network)).toBe(graph(plain));
    }
  const [none, mixed] = [sign * Number.POSITIVE_INFINITY, /some entries are infinite/];
  expect(() => bounded(operator, [4], [none, 0, 1, none])).toThrow(mixed);
  expect(() => bounded(operator, [2, 1, 4], Array(8).fill(none))).toThrow(mixed);
});
