/** Studies whose ONNX file is hostile: every way in refuses it with its line, and nothing is written. */
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { writeNpy } from "../../src/data/npy.js";
import { ConfigError } from "../../src/errors.js";
import { checkStudy } from "../../src/experiment/check.js";
import { describeModel } from "../../src/experiment/describe-model.js";
import { runExperiment } from "../../src/experiment/run.js";
import { onnxBytes, type TestTensor } from "../support/onnx.js";

const folder = mkdtempSync(join(tmpdir(), "gradflow-hostile-"));
afterAll(() => rmSync(folder, { recursive: true }));
await writeNpy(join(folder, "x.npy"), new Float64Array(6).fill(1), [2, 3]);
await writeNpy(join(folder, "y.npy"), new Float64Array(4).fill(1), [2, 2]);
writeFileSync(
  join(folder, "study.yaml"),
  `name: hostile
dataset: { kind: file, inputs: x.npy, targets: y.npy }
model: { kind: onnx, path: net.onnx }
flow: { tEnd: 1 }
engine: { kind: reference }
`,
);
symlinkSync("/etc/hostname", join(folder, "link.data"));

const weight: TestTensor = { name: "w", dims: [3, 2], values: [1, 2, 3, 4, 5, 6] };
const input = ["n", 3];
const product = { operator: "MatMul", inputs: ["x", "w"] };
const beside = (location: string): Uint8Array =>
  onnxBytes({ input, tensors: [{ ...weight, beside: { location, offset: 0 } }], nodes: [product] });
const whole = onnxBytes({ input, tensors: [weight], nodes: [product] });

describe.each<[string, Uint8Array, RegExp]>([
  ["no bytes", new Uint8Array(), /is no ONNX model/],
  ["half a file", whole.subarray(0, whole.length / 2), /is no ONNX model/],
  [
    "a circle",
    onnxBytes({
      input,
      tensors: [weight],
      nodes: [
        { ...product, inputs: ["y", "w"] },
        { operator: "Relu", name: "y", inputs: ["MatMul"] },
      ],
    }),
    /in a circle/,
  ],
  [
    "an edge from nowhere",
    onnxBytes({ input, tensors: [weight], nodes: [{ ...product, inputs: ["x", "v"] }] }),
    /take v, which nothing makes/,
  ],
  [
    "a terabyte announced",
    onnxBytes({ input, tensors: [{ ...weight, dims: [2 ** 20, 2 ** 20] }], nodes: [product] }),
    /entries/,
  ],
  [
    "a weight of words",
    onnxBytes({ input, tensors: [{ ...weight, type: "string" }], nodes: [product] }),
    /element type string/,
  ],
  ["tensors in a file that is not there", beside("none.data"), /"none\.data", which is not there/],
  ["tensors behind a link out of the folder", beside("link.data"), /outside the model's folder/],
  ["tensors of the system", beside("/etc/hostname"), /must be named relative/],
  ["tensors above the folder", beside("../../etc/hostname"), /not there|outside/],
])("%s", (_, bytes, message) => {
  const loaded = async () => {
    writeFileSync(join(folder, "net.onnx"), bytes);
    return loadConfig(join(folder, "study.yaml"));
  };
  const record = join(folder, "record");
  test.each<[string, () => Promise<unknown>]>([
    ["model", async () => describeModel(await loaded())],
    ["check", async () => checkStudy(await loaded())],
    ["run", async () => runExperiment(await loaded(), { command: ["test"], directory: record })],
    [
      "run again",
      async () => runExperiment(await loaded(), { command: ["test"], directory: record, reuse: true }),
    ],
  ])("%s refuses it", async (_name, run) => {
    const error = await run().then(
      () => null,
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(ConfigError);
    const [problem] = (error as ConfigError).problems;
    expect(problem).toMatchObject({ path: "model.path", line: 3 });
    expect(problem!.message).toMatch(message);
    expect(problem!.message).toContain("net.onnx");
    expect(existsSync(record)).toBe(false);
  });
});
