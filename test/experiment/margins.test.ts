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

test("the degree of a network with more outputs than a call has room for", async () => {
  const predict = async ([w]: Float64Array) => new Float64Array(2e5).fill(w! ** 3);
  const train = { dtype: "float64", family: { layout: { size: 1 } }, predict };
  expect(await degreeOf({ train, seed: 0 } as unknown as Subject)).toBe(3);
});
