/** Margins and KKT residuals of a run, against the closed forms of four separable samples and against what θ itself says. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { readNpy, writeNpy } from "../../src/data/npy.js";
import { runExperiment } from "../../src/experiment/run.js";
import type { Subject } from "../../src/measure/index.js";
import { degreeOf } from "../../src/measure/margins.js";
import { setUpRuns } from "./runs.js";

const run = setUpRuns();
const folder = await mkdtemp(join(tmpdir(), "gradflow-margins-"));
afterAll(() => rm(folder, { recursive: true }));

const rows = [
  [1, 0.5],
  [0.5, 2],
  [3, 1],
  [1, -0.2],
];
await writeNpy(join(folder, "x.npy"), Float64Array.from(rows.flat()), [4, 2]);
await writeNpy(join(folder, "ones.npy"), new Float64Array(4).fill(1), [4, 1]);
await writeNpy(join(folder, "classes.npy"), Float64Array.of(0, 1, 1, 0), [4, 1]);
await writeNpy(join(folder, "zero.npy"), new Float64Array(2), [2]);

const study = (targets: string, model: string, loss: string, flow: string) => `name: margins
dataset: { kind: file, inputs: ${folder}/x.npy, targets: ${folder}/${targets}.npy }
model: { kind: dnn, ${model} }
loss: { ${loss} }
flow: { ${flow} }
record: { at: log, points: 40 }
measure: { margin: {}, kkt: {} }
engine: { kind: reference }
`;
const linear = `hidden: [], bias: false, activation: { kind: identity }, init: { kind: file, path: ${folder}/zero.npy }`;

test("four separable samples: margin to γ, direction to the max-margin one like 1/ln t", async () => {
  const yaml = study(
    "ones",
    linear,
    "kind: exponential, reduction: sum",
    `tEnd: 1e30, clock: log, method: dop853, rtol: 1e-10, atol: 1e-12`,
  );
  const { record, directory } = await run([], {}, yaml);
  const { series } = record;
  const last = series.t.length - 1;
  const column = (name: string) => series[name]!;
  const theta = (await readNpy(join(directory, "theta.npy"))).data;
  const size = Math.hypot(theta[0]!, theta[1]!);
  const margins = rows.map(([a, b]) => a! * theta[0]! + b! * theta[1]!);
  const q = Math.min(...margins);
  expect(column("margin")[last]).toBeCloseTo(q, 10);
  expect(column("normalisedMargin")[last]).toBeCloseTo(q / size, 12);
  expect(column("smoothedMargin")[last]! * size).toBeCloseTo(-Math.log(series.loss[last]!), 8);
  // γ = 0.930808635; both margins come to it from below, like 1/ln t.
  const gamma = 0.930808635;
  for (const name of ["normalisedMargin", "smoothedMargin"]) {
    expect(column(name)[last]!).toBeLessThan(gamma);
    expect((gamma - column(name)[last]!) * series["logTime"]![last]!).toBeLessThan(1);
  }
  const known = Array.from(column("smoothedMargin")).filter((value) => !Number.isNaN(value));
  expect(known.length).toBeGreaterThan(30);
  for (let k = 1; k < known.length; k++) expect(known[k]!).toBeGreaterThan(known[k - 1]! * (1 - 1e-9));
  // rtol of a step.
  expect(column("smoothedMarginFall")[last]!).toBeLessThan(1e-9);
  // −∇L is the max-margin direction in the end, and θ comes to it like 1/ln t.
  const residual = (k: number) => column("kktStationarity")[k]! * series["logTime"]![k]!;
  expect(Math.abs(residual(last) / residual(last - 8) - 1)).toBeLessThan(0.05);
  expect(Math.abs(column("alignment")[last]! - (1 - column("kktStationarity")[last]! ** 2 / 2))).toBeLessThan(
    1e-15,
  );
  expect(column("kktSlackness")[last]!).toBeGreaterThanOrEqual(0);
  expect(column("kktSlackness")[last]!).toBeLessThan(0.01);
});

test("classes: the margin is that over the best rival, and of networks with biases it is not normalised", async () => {
  const model = "hidden: [4], activation: { kind: relu }";
  const yaml = study("classes", model, "kind: cross-entropy", "tEnd: 20, rtol: 1e-6");
  const { record, result } = await run([], {}, yaml);
  expect(record.series["normalisedMargin"]).toBeUndefined();
  expect(record.series["margin"]!.at(-1)).toBeGreaterThan(record.series["margin"]![0]!);
  expect(result.measures.map(({ name }) => name)).toEqual(["margin", "kkt"]);
  const without = study("classes", `${model}, bias: false`, "kind: cross-entropy", "tEnd: 20, rtol: 1e-6");
  const homogeneous = await run([], {}, without);
  // Degree 2: two layers.
  const { series } = homogeneous.record;
  const theta = (await readNpy(join(homogeneous.directory, "theta.npy"))).data;
  const squared = theta.reduce((sum, value) => sum + value * value, 0);
  expect(series["normalisedMargin"]!.at(-1)! * squared).toBeCloseTo(series["margin"]!.at(-1)!, 10);
});

test.each([
  ["ones", "kind: squared", /measure\.margin: needs labels, and loss\.kind: squared has numbers/],
  ["ones", "kind: huber", /measure\.margin: needs labels/],
])("%s with %s are refused", async (targets, loss, message) => {
  const file = join(folder, "refused.yaml");
  await writeFile(file, study(targets, linear, loss, "tEnd: 1"));
  const loaded = await loadConfig(file);
  const options = { directory: join(folder, "refused"), command: ["test"] };
  await expect(runExperiment(loaded, options)).rejects.toThrow(message);
});

/** The four samples at a scale. */
const scaled = (yaml: string, scale: number) =>
  yaml.replace("/x.npy", `/x${scale}.npy`).replace("margin: {}, kkt: {}", "margin: {}, balancedness: {}");
for (const scale of [1e-9, 1e9])
  await writeNpy(
    join(folder, `x${scale}.npy`),
    Float64Array.from(rows.flat(), (value) => scale * value),
    [4, 2],
  );

test.each([
  // tanh is linear at θ of size one, or a sign.
  ["hidden: [4], bias: false, activation: { kind: tanh }", 1e-9],
  ["hidden: [4], bias: false, activation: { kind: tanh }", 1e9],
  // Biases are nothing beside the data.
  ["hidden: [4], activation: { kind: relu }", 1e9],
])("%s on data of size %d seems homogeneous at some sizes of θ, and is not", async (model, scale) => {
  const yaml = scaled(study("ones", model, "kind: logistic", "tEnd: 1e-30"), scale);
  const set = model.includes("tanh") ? ["measure.balancedness=null"] : [];
  const { record } = await run(set, {}, yaml);
  expect(record.series["margin"]).toBeDefined();
  expect(record.series["normalisedMargin"]).toBeUndefined();
  if (set.length > 0) await expect(run([], {}, yaml)).rejects.toThrow(/measure\.balancedness: needs two/);
});

test.each([1e-9, 1e9])("a relu network without biases is homogeneous on data of size %d", async (scale) => {
  const model = "hidden: [4], bias: false, activation: { kind: relu }";
  const yaml = scaled(study("ones", model, "kind: logistic", `tEnd: ${1e-3 / scale ** 2}`), scale);
  const { record } = await run([], {}, yaml);
  expect(record.series["normalisedMargin"]).toBeDefined();
  expect(record.series["balanceDrift.layers.0"]).toBeDefined();
});

test("rounding of a loss that hardly moves is no fall of the smoothed margin and breaks no bound", async () => {
  // w' = x e^{−xw}: the loss is 1 − x²t, and the growth ratio 1 to first order in x²t, which a rounding of L hides at first.
  await writeNpy(join(folder, "one.npy"), Float64Array.of(1e-9), [1, 1]);
  await writeNpy(join(folder, "label.npy"), Float64Array.of(1), [1, 1]);
  const yaml = study("label", linear.replace("zero", "zero1"), "kind: exponential", "tEnd: 1e10, rtol: 1e-9")
    .replace("/x.npy", "/one.npy")
    .replace("kkt: {}", "growth: {}");
  await writeNpy(join(folder, "zero1.npy"), new Float64Array(1), [1]);
  const { record, result } = await run([], {}, yaml);
  const { t, growthRatio } = record.series;
  // A loss of 1 has a rounding of 1e-16, bounded at 64 of them; 200 of those are 3e-12.
  expect(t[growthRatio!.findIndex((value) => !Number.isNaN(value))]).toBeGreaterThan(1e6);
  expect(result.measured["growthRatio"]!.maximum).toBeLessThanOrEqual(1);
  expect(growthRatio!.at(-1)).toBeGreaterThan(0.995);
  expect(result.measured["smoothedMarginFall"]!.maximum).toBe(0);
});

test("μ is blank where L − L* is rounding: of two smoothed classes it comes to 2·2p(1 − p), p = 0.9", async () => {
  await writeNpy(join(folder, "unit.npy"), Float64Array.of(1), [1, 1]);
  const yaml = study(
    "rows",
    linear,
    "kind: cross-entropy, labelSmoothing: 0.2",
    "tEnd: 400, rtol: 1e-10, atol: 1e-14",
  )
    .replace("/x.npy", "/unit.npy")
    .replace("margin: {}, kkt: {}", "polyakLojasiewicz: {}")
    .replace("at: log", "at: linear");
  await writeNpy(join(folder, "rows.npy"), Float64Array.of(1, 0), [1, 2]);
  const { record, result } = await run([], {}, yaml);
  const known = record.series["polyakLojasiewicz"]!.filter((value) => !Number.isNaN(value));
  expect(known.length).toBeLessThan(30);
  // The first row has the start, where p = 1/2; the rest fall like e^{−0.36t}, and a hundred roundings are a per cent.
  for (const value of known.slice(3)) expect(Math.abs(value / 0.36 - 1)).toBeLessThan(0.02);
  expect(result.measured["leastPolyakLojasiewicz"]!.minimum).toBeGreaterThan(0.35);
});

test("the degree of a network with more outputs than a call has room for", async () => {
  const predict = async ([w]: Float64Array) => new Float64Array(2e5).fill(w! ** 3);
  const train = { dtype: "float64", family: { layout: { size: 1 } }, predict };
  expect(await degreeOf({ train, seed: 0 } as unknown as Subject)).toBe(3);
});

test("every descent has its margins: their set-ups do not disturb one another in the runtime's buffers", async () => {
  const relu = "hidden: [4], bias: false, activation: { kind: relu }";
  const yaml = study("ones", relu, "kind: logistic", "tEnd: 1").replace("reference", "onnx");
  const { record } = await run(["descent.learningRates=[0.5, 0.25, 0.1]"], {}, yaml);
  const { learningRate, normalisedMargin } = record.descent as unknown as Record<string, Float64Array>;
  expect(new Set(learningRate)).toEqual(new Set([0.5, 0.25, 0.1]));
  expect(normalisedMargin!.every(Number.isFinite)).toBe(true);
});
