/** Local functions of a file, and products with an ellipsis: ONNX Runtime computes both by itself. */
import { describe, expect, test } from "vitest";
import { checkImport, disagreement, replacedIn } from "../../../src/experiment/import-check.js";
import { importModel } from "../../../src/model/index.js";
import { decodeModel, OnnxError } from "../../../src/onnx/index.js";
import { modelType } from "../../../src/onnx/schema.js";
import { randomVector } from "../../support/networks.js";
import { onnxBytes, type TestModel } from "../../support/onnx.js";

const tensor = (name: string, ...dims: number[]) => ({
  ...{ name, dims },
  values: [
    ...randomVector(
      name.length + dims[0]!,
      dims.reduce((p, q) => p * q, 1),
    ),
  ],
});

interface TestFunction {
  readonly name: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly node: readonly object[];
  readonly attribute?: readonly string[];
  readonly attribute_proto?: readonly object[];
  readonly opset?: number;
}

const node = (op_type: string, input: readonly string[], output: string, more: object = {}) => ({
  ...{ op_type, name: output, input, output: [output], ...more },
});
const own = { domain: "own" };

/** The model with local functions of the domain `own`, which its nodes named Own… call. */
function withFunctions(model: TestModel, functions: readonly TestFunction[]): Uint8Array {
  const raw = modelType.toObject(modelType.decode(onnxBytes(model))) as {
    graph: { node: { op_type: string; domain: string }[] };
    opset_import: object[];
    functions: object[];
  };
  for (const call of raw.graph.node) if (call.op_type.startsWith("Own")) call.domain = "own";
  raw.opset_import.push({ domain: "own", version: 1 });
  raw.functions = functions.map(({ opset = 20, ...rest }) => ({
    ...{ ...rest, domain: "own" },
    opset_import: [
      { domain: "", version: opset },
      { domain: "own", version: 1 },
    ],
  }));
  return modelType.encode(modelType.fromObject(raw)).finish();
}

const check = (bytes: Uint8Array) =>
  checkImport({ bytes, model: decodeModel(bytes), options: {}, inputs: null, threads: 1 });

const layer: TestFunction = {
  name: "OwnLayer",
  ...{ input: ["X", "W", "B"], output: ["Y"], attribute: ["axis"] },
  attribute_proto: [{ name: "slope", f: 0.25, type: 1 }],
  node: [
    node("MatMul", ["X", "W"], "m"),
    node("Add", ["m", "B"], "a"),
    node("LeakyRelu", ["a"], "b", { attribute: [{ name: "alpha", ref_attr_name: "slope", type: 1 }] }),
    node("Softmax", ["b"], "Y", { attribute: [{ name: "axis", ref_attr_name: "axis", type: 2 }] }),
  ],
};
const block: TestFunction = {
  name: "OwnBlock",
  ...{ input: ["X", "W", "B"], output: ["Y", "once"] },
  node: [node("OwnLayer", ["X", "W", "B"], "once", own), node("OwnLayer", ["once", "W", "B"], "Y", own)],
};
const model: TestModel = {
  input: ["n", 4],
  tensors: [tensor("w", 4, 4), tensor("b", 4), tensor("last", 4, 2)],
  nodes: [
    { operator: "OwnLayer", name: "m", inputs: ["x", "w", "b"], attributes: { slope: { float: 0.5 } } },
    { operator: "OwnBlock", name: "twice", inputs: ["m", "w", "b"], outputs: ["twice", "same"] },
    { operator: "Add", name: "sum", inputs: ["twice", "same"] },
    { operator: "MatMul", name: "out", inputs: ["sum", "last"] },
  ],
};

test("functions are their nodes, with the attributes of each call, and the runtime agrees", async () => {
  const bytes = withFunctions(model, [layer, block]);
  const read = decodeModel(bytes);
  const slopes = read.nodes.filter(({ operator }) => operator === "LeakyRelu");
  expect(slopes.map(({ name, attributes }) => [name, attributes.get("alpha")?.value])).toEqual([
    ["m/b", 0.5],
    ["twice/once/b", 0.25],
    ["twice/Y/b", 0.25],
  ]);
  expect(read.nodes.some(({ domain }) => domain !== "")).toBe(false);
  expect(importModel(read).sites.map(({ path }) => path)).toEqual(["m/b", "twice/once/b", "twice/Y/b"]);
  const found = await check(bytes);
  expect(found.precision, found.reason ?? "").not.toBeNull();
  expect(disagreement(found)).toBeNull();
});

test.each(["a value of the graph", "an initialiser"])(
  "a value within a function that is named as %s",
  async (what) => {
    const bytes = withFunctions(
      {
        ...{ input: ["n", 4], tensors: [tensor("w", 4, 4), tensor("m/a", 4, 4)] },
        nodes: [
          { operator: "OwnTwo", name: "m", inputs: ["x", "w"] },
          ...(what === "an initialiser"
            ? [{ operator: "MatMul", name: "last", inputs: ["m", "m/a"] }]
            : [
                { operator: "MatMul", name: "m/h", inputs: ["x", "w"] },
                { operator: "Add", name: "last", inputs: ["m", "m/h"] },
              ]),
        ],
      },
      [
        {
          ...{ name: "OwnTwo", input: ["X", "W"], output: ["Y"] },
          node: [node("MatMul", ["X", "W"], "a"), node("Tanh", ["a"], "h"), node("MatMul", ["h", "W"], "Y")],
        },
      ],
    );
    const found = await check(bytes);
    expect(found.precision, found.reason ?? "").toBe("float64");
    expect(disagreement(found)).toBeNull();
  },
);

test("a function that is named as an operator is told where the two are not the same", async () => {
  const raw = modelType.toObject(
    modelType.decode(
      onnxBytes({
        ...{ input: ["n", 4], tensors: [tensor("w", 4, 4)] },
        nodes: [
          { operator: "MatMul", name: "h", inputs: ["x", "w"] },
          { operator: "Tanh", inputs: ["h"] },
        ],
      }),
    ),
  ) as { functions: object[] };
  const sine = {
    ...{ name: "Tanh", domain: "", input: ["X"], output: ["Y"] },
    node: [node("Sin", ["X"], "Y")],
  };
  raw.functions = [{ ...sine, opset_import: [{ domain: "", version: 20 }] }];
  const model = decodeModel(modelType.encode(modelType.fromObject(raw)).finish());
  expect(model.nodes.map(({ operator }) => operator)).toEqual(["MatMul", "Sin"]);
  expect(replacedIn(model)).toMatch(
    /local functions named as operators of ONNX, Tanh; gradflow computes the functions/,
  );
});

describe("refused", () => {
  const calling = (name: string): TestModel => ({ ...model, nodes: [{ operator: name, inputs: ["x"] }] });
  const itself = { name: "OwnLoop", input: ["X"], output: ["Y"] };
  const refusals: readonly (readonly [string, TestModel, readonly TestFunction[], RegExp])[] = [
    [
      "a function that calls itself",
      calling("OwnLoop"),
      [{ ...itself, node: [node("OwnLoop", ["X"], "Y", own)] }],
      /more than 64 deep/,
    ],
    [
      "functions that double forty times",
      calling("Own0"),
      Array.from({ length: 40 }, (_, k) => ({
        ...{ name: `Own${k}`, input: ["X"], output: ["Y"] },
        node:
          k === 39
            ? [node("Neg", ["X"], "Y")]
            : [node(`Own${k + 1}`, ["X"], "h", own), node(`Own${k + 1}`, ["h"], "Y", own)],
      })),
      /more than 50000 nodes/,
    ],
    [
      "functions that double forty times and come to nothing",
      calling("Own0"),
      Array.from({ length: 40 }, (_, k) => ({
        ...{ name: `Own${k}`, input: ["X"], output: ["Y"] },
        node: k === 39 ? [] : [node(`Own${k + 1}`, ["X"], "h", own), node(`Own${k + 1}`, ["h"], "Y", own)],
      })),
      /more than 50000 nodes and calls/,
    ],
    ["another operator set", model, [{ ...layer, opset: 17 }, block], /OwnLayer in operator set 17/],
    [
      "inputs that it does not have",
      { ...model, nodes: [{ operator: "OwnLoop", name: "call", inputs: ["x", "w"] }] },
      [{ ...itself, node: [node("Neg", ["X"], "Y")] }],
      /OwnLoop \(call\) with 2 inputs/,
    ],
  ];
  test.each(refusals)("%s", (_, own, functions, message) => {
    const bytes = withFunctions(own, functions);
    const refused = (): unknown => {
      try {
        return decodeModel(bytes);
      } catch (error) {
        return error;
      }
    };
    const error = refused();
    expect(error).toBeInstanceOf(OnnxError);
    expect((error as OnnxError).message).toMatch(message);
  });
});

test.each([
  ["...ij,jk->...ik", [5, 3, 4], [4, 2]],
  ["...ij,...jk->...ik", [5, 3, 4], [1, 1, 4, 2]],
  ["b...i,i->b...", [5, 4], [4]],
  ["...i,...i", [5, 4], [1, 5, 4]],
  ["...i,ji", [5, 4], [3, 4]],
  ["n...->n...", [3], [1]],
])("Einsum %s", async (equation, shape, dims) => {
  const isOne = !equation.includes(",");
  const bytes = onnxBytes({
    input: ["n", ...shape],
    tensors: [tensor("w", ...dims)],
    nodes: [
      { operator: "Einsum", inputs: isOne ? ["x"] : ["x", "w"], attributes: { equation } },
      ...(isOne ? [{ operator: "Mul", inputs: ["Einsum", "w"] }] : []),
    ],
  });
  const found = await check(bytes);
  expect(found.precision, found.reason ?? "").toBe("float64");
  expect(disagreement(found)).toBeNull();
});

test("an ellipsis that the result leaves out is refused", () => {
  const bytes = onnxBytes({
    input: ["n", 5, 4],
    tensors: [tensor("w", 4, 2)],
    nodes: [{ operator: "Einsum", inputs: ["x", "w"], attributes: { equation: "n...i,ij->nj" } }],
  });
  expect(() => importModel(decodeModel(bytes))).toThrow(/leaves out the axes of its ellipsis/);
});
