/** Imported networks beside ONNX Runtime: what agrees, what does not, and what cannot be compared. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { writeNpy } from "../../src/data/npy.js";
import { ConfigError } from "../../src/errors.js";
import { describeModel } from "../../src/experiment/describe-model.js";
import { checkImport, checkOnnx, disagreement } from "../../src/experiment/import-check.js";
import { derivativeError } from "../../src/experiment/import-errors.js";
import { runExperiment } from "../../src/experiment/run.js";
import { decodeModel, recast } from "../../src/onnx/index.js";
import { describeImportCheck } from "../../src/record/import-check.js";
import { readOutcome } from "../../src/record/reader.js";
import { randomVector } from "../support/networks.js";
import { onnxBytes, type TestModel } from "../support/onnx.js";

vi.mock("../../src/onnx/index.js", async (original) => {
  const module = await original<typeof import("../../src/onnx/index.js")>();
  return { ...module, recast: vi.fn(module.recast) };
});

const ROUNDINGS = 1000;
const [SINGLE, DOUBLE] = [ROUNDINGS * 2 ** -24, ROUNDINGS * 2 ** -53];

const scaled = (seed: number, length: number, scale: number) =>
  [...randomVector(seed, length)].map((value) => value * scale);

/** 3-8-2, with that activation between. */
function mlp(activation: TestModel["nodes"][number], scale = 1, batch: number | string = "n"): TestModel {
  return {
    input: [batch, 3],
    tensors: [
      { name: "a.weight", dims: [8, 3], values: scaled(1, 24, scale) },
      { name: "a.bias", dims: [8], values: scaled(2, 8, scale) },
      { name: "b.weight", dims: [2, 8], values: scaled(3, 16, scale) },
      { name: "b.bias", dims: [2], values: scaled(4, 2, scale) },
    ],
    nodes: [
      { operator: "Gemm", name: "a", inputs: ["x", "a.weight", "a.bias"], attributes: { transB: 1 } },
      { ...activation, name: "bend", inputs: ["a"] },
      { operator: "Gemm", name: "b", inputs: ["bend", "b.weight", "b.bias"], attributes: { transB: 1 } },
    ],
  };
}
const relu = { operator: "Relu", inputs: [] };
const leaky = (alpha: number) => ({
  ...{ operator: "LeakyRelu", inputs: [], attributes: { alpha: { float: Math.fround(alpha) } } },
});

const check = (model: TestModel, inputs: Float64Array | null = null) => {
  const bytes = onnxBytes(model);
  return checkImport({ bytes, model: decodeModel(bytes), options: {}, inputs, threads: 1 });
};

test.each([1e-9, 1, 1e9])("an MLP agrees in double, values and derivatives, at scale %s", async (scale) => {
  const found = await check(
    mlp(relu, scale),
    randomVector(9, 30).map((value) => value * scale),
  );
  expect(found).toMatchObject({ precision: "float64", reason: null, samples: 3, allowed: DOUBLE });
  // Some roundoffs of sums of 8 terms.
  expect(found.difference).toBeLessThan(1e-15);
  expect(found.derivative).toBeLessThan(1e-6);
  expect(found.runtimeDerivative).toBeLessThan(1e-6);
  expect(disagreement(found)).toBeNull();
});

test("what the runtime lacks in double it computes in float32, with the slope that the file stores", async () => {
  const found = await check(mlp(leaky(0.1)));
  expect(found).toMatchObject({ precision: "float32", allowed: SINGLE, runtimeDerivative: null });
  expect(found.reason).toMatch(/^float64: .*LeakyRelu/);
  // Some roundoffs of float32.
  expect(found.difference).toBeLessThan(1e-6);
  expect(disagreement(found)).toBeNull();
});

test.each([
  ["another slope", mlp(leaky(0.1)), mlp(leaky(0.1003))],
  [
    "another kind of GELU",
    mlp({ operator: "Gelu", inputs: [] }),
    mlp({ ...{ operator: "Gelu", inputs: [] }, attributes: { approximate: "tanh" } }),
  ],
  [
    "a bias left out",
    mlp(relu),
    {
      ...mlp(relu),
      nodes: mlp(relu).nodes.map((node, k) =>
        k === 2 ? { ...node, inputs: node.inputs.slice(0, 2) } : node,
      ),
    },
  ],
])("%s is found", async (_, read, run) => {
  const model = decodeModel(onnxBytes(read));
  const found = await checkImport({ bytes: onnxBytes(run), model, options: {}, inputs: null, threads: 1 });
  expect(found.difference).toBeGreaterThan(found.allowed!);
  expect(disagreement(found)).toMatch(/outputs differ from those of ONNX Runtime/);
});

test("outputs of which ours alone are no numbers are found, and of the runtime's it is told", async () => {
  const [logs, relus] = [mlp({ operator: "Log", inputs: [] }), mlp(relu)].map(onnxBytes) as [
    Uint8Array,
    Uint8Array,
  ];
  const rest = { options: {}, inputs: null, threads: 1 };
  const ours = await checkImport({ ...rest, bytes: relus, model: decodeModel(logs) });
  expect(ours.difference).toBe(Number.POSITIVE_INFINITY);
  expect(disagreement(ours)).toMatch(/outputs are not finite numbers.* and those of ONNX Runtime .* are/);
  const theirs = await checkImport({ ...rest, bytes: logs, model: decodeModel(relus) });
  expect(theirs).toMatchObject({ precision: null, difference: null });
  expect(theirs.reason).toMatch(/float64: outputs of the runtime .* not finite/);
});

/** One product with 1, and a function of it. */
const saturating = (operator: string): TestModel => ({
  input: ["n", 1],
  tensors: [{ name: "w", dims: [1, 1], values: [1] }],
  nodes: [
    { operator: "MatMul", name: "h", inputs: ["x", "w"] },
    { operator, inputs: ["h"] },
  ],
});

test.each([
  ["Sigmoid", 25, 30],
  ["Tanh", 25, 30],
  ["Sigmoid", 100, 200],
  ["Tanh", -200, -100],
])("%s of %d to %d is constant to rounding: its gradient is not compared", async (operator, low, high) => {
  const found = await check(saturating(operator), Float64Array.of(low, high));
  expect(found).toMatchObject({ precision: "float64", derivative: null, runtimeDerivative: null });
  expect(disagreement(found)).toBeNull();
  expect(found.atData).toBeUndefined();
});

test("where the runtime's Sigmoid has no digit left, inputs between -1 and 1 decide, and it is said", async () => {
  const found = await check(saturating("Sigmoid"), Float64Array.of(-45, -38));
  expect(found.precision).toBe("float64");
  expect(found.derivative).toBeLessThan(1e-6);
  expect(disagreement(found)).toBeNull();
  // Nothing of it is left to see once the runtime's Sigmoid is one below −36.
  if (found.atData !== undefined)
    expect(describeImportCheck(found)).toMatch(
      /inputs between -1 and 1, .* Between the extremes of the data not: .*outputs differ/,
    );
});

test("another network is refused on inputs like pixels too", async () => {
  const [read, run] = [mlp(leaky(0.1)), mlp(leaky(0.1003))].map(onnxBytes) as [Uint8Array, Uint8Array];
  const inputs = randomVector(3, 30).map((value) => Math.round(128 + 50 * value));
  const found = await checkImport({ bytes: run, model: decodeModel(read), options: {}, inputs, threads: 1 });
  expect(disagreement(found)).toMatch(/outputs differ/);
  expect(found.atData).toBeUndefined();
});

test.each([1e-9, 1, 1e9])(
  "an error of the gradient is told from rounding of the loss, at scale %s",
  async (scale) => {
    const loss = async ([a]: Float64Array) => scale * (1 + Math.sin(a!));
    const one = Float64Array.of(1);
    const error = (slope: number) => derivativeError(loss, one, one, Float64Array.of(scale * slope));
    const slope = Math.cos(1);
    expect(await error(slope)).toBeLessThan(1e-6);
    // What quotients have beside that is below 1e-6.
    expect(await error(slope * 1.001)).toBeCloseTo(1e-3, 5);
    expect(await error(0)).toBe(Number.POSITIVE_INFINITY);
    const still = derivativeError(async () => scale, one, one, Float64Array.of(1e-11 * scale));
    expect(await still).toBeNull();
    expect(await derivativeError(async () => 0, one, one, Float64Array.of(0))).toBeNull();
  },
);

test("a wrong gradient is found, and one that cannot be told is not", () => {
  const found = { runtime: "ONNX Runtime", precision: "float64", reason: null, samples: 3 } as const;
  const values = { difference: 0, allowed: DOUBLE };
  expect(disagreement({ ...found, ...values, derivative: 1e-3, runtimeDerivative: 0 })).toMatch(/own loss/);
  expect(disagreement({ ...found, ...values, derivative: 0, runtimeDerivative: 1e-3 })).toMatch(/by ONNX/);
  const none = { derivative: null, runtimeDerivative: null };
  expect(disagreement({ ...found, ...values, ...none })).toBeNull();
});

test("the tanh form of GELU, whose constants the runtime has in float32, is told from rounding and not refused", async () => {
  const found = await check(mlp({ operator: "Gelu", inputs: [], attributes: { approximate: "tanh" } }));
  expect(found).toMatchObject({ precision: "float64", allowed: DOUBLE });
  expect(disagreement(found)).toBeNull();
  // Nothing of it is left to see once the runtime has a kernel of its own.
  if (found.difference! > DOUBLE)
    expect(describeImportCheck(found)).toMatch(/more than its rounding .*float32 constants/);
  expect(describeImportCheck({ ...found, difference: 0 })).toMatch(/where rounding allows 1.1e-13/);
});

test.each([1, 2, 5])("a file of %s samples is run as often as that needs", async (batch) => {
  const found = await check(mlp(relu, 1, batch));
  expect(found).toMatchObject({ precision: "float64", samples: { 1: 3, 2: 6, 5: 5 }[batch] });
  expect(disagreement(found)).toBeNull();
});

const tokens: TestModel = {
  input: ["n", 4],
  inputType: "int64",
  tensors: [
    { name: "table", dims: [5, 6], values: scaled(5, 30, 1) },
    { name: "starts", dims: [1], values: [0], type: "int64" },
    // As PyTorch says "to the end".
    { name: "ends", dims: [1], values: [2 ** 63 - 1], type: "int64" },
    { name: "axes", dims: [1], values: [1], type: "int64" },
    { name: "w", dims: [6, 2], values: scaled(6, 12, 1) },
  ],
  nodes: [
    { operator: "Slice", name: "all", inputs: ["x", "starts", "ends", "axes"] },
    { operator: "Gather", name: "embed", inputs: ["table", "all"] },
    { operator: "ReduceSum", name: "sum", inputs: ["embed", "axes"], attributes: { keepdims: 0 } },
    { operator: "MatMul", name: "out", inputs: ["sum", "w"] },
  ],
};

test.each([
  ["of the data", Float64Array.of(0, 4, 2, 1, 3, 3, 0, 2)],
  ["without data", null],
] as const)("tokens stay whole and in the table, %s", async (_, data) => {
  const found = await check(tokens, data);
  expect(found.precision).toBe("float64");
  expect(disagreement(found)).toBeNull();
});

test("where the runtime takes no file of the kind, it is said, and our own gradient is looked at", async () => {
  const found = await check({ ...mlp(relu), opset: 99 });
  expect(found).toMatchObject({ precision: null, difference: null, runtimeDerivative: null });
  expect(found.reason).toMatch(/float64: .*; float32: /);
  expect(found.derivative).toBeLessThan(1e-6);
  expect(disagreement(found)).toBeNull();
});

const folder = await mkdtemp(join(tmpdir(), "gradflow-check-"));
afterAll(() => rm(folder, { recursive: true }));
await writeFile(join(folder, "net.onnx"), onnxBytes(mlp(leaky(0.1))));
await writeNpy(join(folder, "x.npy"), randomVector(1, 30), [10, 3]);
await writeNpy(join(folder, "y.npy"), randomVector(2, 20), [10, 2]);
await writeFile(
  join(folder, "study.yaml"),
  `name: checked
dataset: { kind: file, inputs: x.npy, targets: y.npy }
model: { kind: onnx, path: net.onnx }
flow: { tEnd: 0.1 }
figure: { draw: false }
`,
);
test.each([
  [{ inputs: Float64Array.of(1, 2) }, /^inputs: must be finite numbers, 3 for each .* got 2$/],
  [{ inputs: new Float64Array(0) }, /^inputs: .* got 0$/],
  [{ inputs: Float64Array.of(1, Number.NaN, 2) }, /^inputs: .* got 3, not all of them finite$/],
  [{ threads: 1.5 }, /^threads: must be a whole number from 1 up, got 1\.5$/],
])("checkOnnx refuses what it cannot use: %o", async (options, message) => {
  const error = await checkOnnx(join(folder, "net.onnx"), options).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ConfigError);
  expect((error as ConfigError).message).toMatch(message);
});

const load = (set: readonly string[] = []) => loadConfig(join(folder, "study.yaml"), { set });

test("record and description have it, and a study can do without", async () => {
  const directory = join(folder, "record");
  await runExperiment(await load(), { command: ["test"], directory });
  const { result } = await readOutcome(directory);
  expect(result!.importCheck).toMatchObject({ precision: "float32", samples: 3 });
  const report = await describeModel(await load());
  expect(report.importCheck).toEqual(result!.importCheck);
  const { disagreement: none, ...own } = await checkOnnx(join(folder, "net.onnx"));
  expect(own).toMatchObject({ precision: "float32", samples: 3 });
  expect(none).toBeNull();
  await expect(checkOnnx(join(folder, "x.npy"))).rejects.toThrow(/x\.npy.*is no ONNX model/);
  const without = { command: ["test"], directory: join(folder, "without") };
  const unchecked = await runExperiment(await load(["model.check=false"]), without);
  expect(unchecked.importCheck).toBeUndefined();
  expect(unchecked.notes.join()).toMatch(/not compared with what ONNX Runtime makes/);
});

test("a study whose file the runtime reads otherwise is refused", async () => {
  // On inputs like the data, and once more between −1 and 1.
  for (let k = 0; k < 2; k++)
    vi.mocked(recast).mockImplementationOnce(() => onnxBytes(mlp({ operator: "Tanh", inputs: [] })));
  const directory = join(folder, "refused");
  const running = runExperiment(await load(), { command: ["test"], directory });
  await expect(running).rejects.toThrow(
    /study\.yaml:3.*model\.path.*reads another network.*model\.check: false/,
  );
});
