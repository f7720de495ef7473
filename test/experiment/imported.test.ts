/** Studies of an imported network: the run, what its record says of the file, and the way back into ONNX and a state_dict. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { hashConfig } from "../../src/config/hash.js";
import { loadConfig } from "../../src/config/load.js";
import { loadSweep } from "../../src/config/load-sweep.js";
import { readNpy, writeNpy } from "../../src/data/npy.js";
import { defineStudy } from "../../src/experiment/define-study.js";
import { describeModel } from "../../src/experiment/describe-model.js";
import { exportParameters, exportRecord } from "../../src/experiment/export.js";
import { loadUnfinished } from "../../src/experiment/resume.js";
import { runExperiment } from "../../src/experiment/run.js";
import { importOnnx } from "../../src/model/index.js";
import { decodeModel } from "../../src/onnx/index.js";
import { readManifest } from "../../src/record/manifest.js";
import { randomVector } from "../support/networks.js";
import { onnxBytes, rawBytes, type TestTensor } from "../support/onnx.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-imported-"));
afterAll(() => rm(folder, { recursive: true }));

const sizes = [3, 6, 2] as const;
const weights = randomVector(3, 6 * 3 + 6 + 2 * 6 + 2);
const network = (batch: number | string, beside?: TestTensor["beside"]) =>
  onnxBytes({
    input: [batch, 3],
    tensors: [
      {
        ...{ name: "0.weight", dims: [6, 3], values: [...weights.subarray(0, 18)] },
        ...(beside !== undefined && { beside }),
      },
      { name: "0.bias", dims: [6], values: [...weights.subarray(18, 24)] },
      { name: "2.weight", dims: [2, 6], values: [...weights.subarray(24, 36)], type: "float32" },
      { name: "2.bias", dims: [2], values: [...weights.subarray(36, 38)] },
    ],
    nodes: [
      { operator: "Gemm", name: "first", inputs: ["x", "0.weight", "0.bias"], attributes: { transB: 1 } },
      { operator: "Relu", name: "bend", inputs: ["first"] },
      { operator: "Gemm", name: "last", inputs: ["bend", "2.weight", "2.bias"], attributes: { transB: 1 } },
    ],
  });
await writeFile(join(folder, "net.onnx"), network(1));
await writeNpy(join(folder, "x.npy"), randomVector(1, 10 * 3), [10, 3]);
await writeNpy(join(folder, "y.npy"), randomVector(2, 10 * 2), [10, 2]);
const study = `name: imported
dataset: { kind: file, inputs: x.npy, targets: y.npy }
model: { kind: onnx, path: net.onnx }
flow: { tEnd: 1, boundaries: exact }
engine: { kind: reference }
figure: { draw: false }
`;
await writeFile(join(folder, "study.yaml"), study);
const load = (set: readonly string[] = []) => loadConfig(join(folder, "study.yaml"), { set });

const directory = join(folder, "record");
const result = await runExperiment(await load(), { command: ["test"], directory });

test("the record names the file, has a copy, and a θ that starts with its numbers", async () => {
  expect(result.status).toBe("reachedEnd");
  const manifest = (await readManifest(directory))!;
  expect(manifest.network).toMatchObject({ path: "net.onnx", producer: "test", opset: 20 });
  expect(manifest.files).toContain("network.onnx");
  const copy = await readFile(join(directory, "network.onnx"));
  expect(copy.equals(await readFile(join(folder, "net.onnx")))).toBe(true);
  // [in, out] in θ, [out, in] in the file.
  const { data: theta0 } = await readNpy(join(directory, "theta0.npy"));
  expect([theta0[0], theta0[1], theta0[6]]).toEqual([weights[0], weights[3], weights[1]]);
});

test("the trained network goes back into the file, and into a state_dict, by its own names and shapes", async () => {
  const { data: theta } = await readNpy(join(directory, "theta.npy"));
  const written = await readFile(join(directory, await exportRecord(directory, "onnx")));
  const { initialisers, nodes } = decodeModel(written);
  expect(nodes.map(({ name }) => name)).toEqual(["first", "bend", "last"]);
  expect(initialisers.get("0.weight")!.read()[1]).toBe(theta[6]);
  expect(initialisers.get("2.weight")!.elementType).toBe("float32");
  expect(initialisers.get("2.bias")!.read()[1]).toBe(theta[theta.length - 1]);
  const arrays = await readFile(join(directory, await exportParameters(directory, "safetensors")));
  const header = JSON.parse(arrays.subarray(8, 8 + Number(arrays.readBigUInt64LE(0))).toString()) as object;
  expect(header).toMatchObject({ "0.weight": { shape: [6, 3] }, "2.bias": { shape: [2] } });
});

const stop = () => {
  const controller = new AbortController();
  return { signal: controller.signal, onProgress: () => controller.abort() };
};

test("a copy that is another one now is not written back", async () => {
  const copy = join(directory, "network.onnx");
  const own = await readFile(copy);
  // As large a θ would fit; the record is of another network.
  await writeFile(copy, network("n"));
  const again = () => exportRecord(directory, "onnx", true);
  await expect(again()).rejects.toThrow(/network\.onnx: has changed since the run; restore it/);
  await rm(copy);
  await expect(again()).rejects.toThrow(/network\.onnx: is not there any more/);
  await writeFile(copy, own);
  await again();
});

test("a run goes on from its checkpoint, with the record's copy where the file has gone, and not without either", async () => {
  const own = join(folder, "stopped");
  await runExperiment(await load(), { command: ["test"], directory: own, ...stop() });
  await rm(join(folder, "net.onnx"));
  const unfinished = await loadUnfinished(own);
  expect(unfinished.notes).toEqual([
    "model.path: net.onnx is not there; going on with the record's copy, network.onnx.",
  ]);
  const again = await runExperiment(unfinished, { command: ["test"], directory: own, resume: true });
  expect(again.loss).toBe(result.loss);
  await writeFile(join(folder, "net.onnx"), network(1));
  const stopped = join(folder, "changed");
  await runExperiment(await load(), { command: ["test"], directory: stopped, ...stop() });
  await writeFile(join(folder, "net.onnx"), network("n"));
  await rm(join(stopped, "network.onnx"));
  await expect(loadUnfinished(stopped)).rejects.toThrow(
    /model\.path\) net\.onnx has changed since.*network\.onnx is not there; restore either/,
  );
  await writeFile(join(folder, "net.onnx"), network(1));
});

test("tensors in a file beside the model are part of what a study is", async () => {
  const data = rawBytes("float64", [...weights.subarray(0, 18)]);
  await writeFile(join(folder, "split.onnx"), network(1, { location: "w.data", offset: 0 }));
  await writeFile(join(folder, "w.data"), data);
  const split = await load(["model.path=split.onnx"]);
  const hashOf = async () => (await hashConfig(split.config, folder)).hash;
  // Wherever its numbers stand, it is the same network.
  expect(await hashOf()).toBe((await hashConfig((await load()).config, folder)).hash);
  const directory = join(folder, "split");
  await runExperiment(split, { command: ["test"], directory, ...stop() });
  const before = await hashOf();
  await writeFile(
    join(folder, "w.data"),
    Uint8Array.from(data, (byte, at) => (at === 0 ? byte ^ 1 : byte)),
  );
  expect(await hashOf()).not.toBe(before);
  // The copy has all inside.
  const unfinished = await loadUnfinished(directory);
  expect(unfinished.notes[0]).toMatch(/split\.onnx has changed since, or a file beside it.*going on with/);
  const again = await runExperiment(unfinished, { command: ["test"], directory, resume: true });
  expect(again.loss).toBe(result.loss);
  await rm(join(folder, "w.data"));
  await expect(hashOf()).rejects.toThrow(/model\.path.*split\.onnx keeps.*"w\.data", which is not there/);
});

test("a program imports the file itself: the same flow, with descent, kernel and a way back by name", async () => {
  const definition = {
    ...{ name: "code", dataset: { kind: "file", inputs: "x.npy", targets: "y.npy" } },
    ...{ flow: { tEnd: 1, boundaries: "exact" }, engine: { kind: "reference" }, figure: { draw: false } },
    ...{ descent: { learningRates: [0.1] }, measure: { ntk: { points: 2 } } },
  };
  const own = join(folder, "code");
  const run = async (file: string) => {
    const definedAs = await defineStudy({ ...definition, model: importOnnx(join(folder, file)) }, folder);
    return { study: definedAs, hash: (await hashConfig(definedAs.config, folder)).hash };
  };
  const { study: first, hash } = await run("net.onnx");
  const found = await runExperiment(first, { command: ["test"], directory: own });
  expect(found.loss).toBe(result.loss);
  expect(found.descent[0]).toMatchObject({ learningRate: 0.1, steps: 10 });
  expect(found.ntk!.scalars).toBe(20);
  const file = join(own, await exportParameters(own, "safetensors"));
  expect((await readFile(file)).includes('"0.weight"')).toBe(true);
  await expect(exportRecord(own, "onnx")).rejects.toThrow(/imported by a program.*no copy of the file/);
  // Other numbers in the file are another study.
  const other = await readFile(join(folder, "net.onnx"));
  other[other.indexOf(rawBytes("float64", [weights[0]!]))]! ^= 1;
  await writeFile(join(folder, "other.onnx"), other);
  expect((await run("other.onnx")).hash).not.toBe(hash);
});

test("sweeps over data, loss and flow share the file, and a changed one makes all their runs other ones", async () => {
  await writeNpy(join(folder, "x2.npy"), randomVector(7, 10 * 3), [10, 3]);
  const multiply = ["dataset.inputs=x.npy,x2.npy", "loss.reduction=mean,half-sum", "flow.tEnd=0.2,0.1"];
  const plan = async () => (await loadSweep(join(folder, "study.yaml"), { multiply })).jobs;
  const jobs = await plan();
  expect(new Set(jobs.map(({ hash }) => hash)).size).toBe(8);
  const losses = [];
  for (const { loaded, name } of jobs.filter((_, k) => k % 3 === 0)) {
    const { status, loss } = await runExperiment(loaded, {
      command: ["test"],
      directory: join(folder, "sweep", name),
    });
    expect(status).toBe("reachedEnd");
    losses.push(loss);
  }
  expect(new Set(losses).size).toBe(3);
  await writeFile(join(folder, "net.onnx"), network("n"));
  const after = new Set((await plan()).map(({ hash }) => hash));
  expect(jobs.filter(({ hash }) => after.has(hash))).toEqual([]);
  await writeFile(join(folder, "net.onnx"), network(1));
});

test("gradflow model's description has the operators, and the parameters by the names of the file", async () => {
  const report = await describeModel(await load(["model.trainable=['2.*']"]));
  expect(report.layers.map(({ path, kind, parameters, kinks }) => [path, kind, parameters, kinks])).toEqual([
    ["first", "Gemm", 0, 0],
    ["bend", "Relu", 0, sizes[1]],
    ["last", "Gemm", 14, 0],
  ]);
  expect(report.imported!.frozen.map(({ name, why }) => [name, why])).toEqual([
    ["0.weight", "not among trainable"],
    ["0.bias", "not among trainable"],
  ]);
});

test.each([
  ["model.path=x.npy", /model\.path.*x\.npy is no ONNX model/],
  ["model.path=none.onnx", /model\.path.*no such file/],
  ["model.trainable=[nobody]", /model\.path.*no initialiser that trainable names/],
  ["model.outputName=other", /has no output other; it has last/],
])("--set %s is refused at its line", async (set, message) => {
  const refused = async () => describeModel(await load([set]));
  await expect(refused()).rejects.toThrow(message);
});
