/** A study that begins where its descent has already gone on for a while: the same descent, its flows at its mean, and what is refused. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readNpy } from "../../src/data/npy.js";
import { ConfigError } from "../../src/errors.js";
import { readCells } from "../../src/record/table.js";
import { setUpRuns } from "./runs.js";

const run = setUpRuns();
/** Its λ_max comes to 2/η = 5 within a hundred steps. */
const edge = `name: settled
dataset: { kind: gaussian, samples: 20, inputDimension: 5, outputDimension: 1 }
model: { kind: dnn, hidden: [16, 16], activation: { kind: tanh } }
flow: { tEnd: 16, rtol: 1e-6, atol: 1e-9 }
record: { at: linear, points: 5 }
descent: { learningRates: [0.4] }
compare: { flows: [central, rod], average: 20 }
measure: { sharpness: { of: [central], points: 1 } }
engine: { kind: onnx, threads: 1 }
`;

const table = async (folder: string, file: string) => {
  const { columns, rows } = (await readCells(join(folder, file)))!;
  return rows.map((row) => Object.fromEntries(columns.map((name, k) => [name, row[k]!])));
};

test("its descent is that of the whole run, and so are its running averages, to the bit", async () => {
  const fewer = ["compare.flows=[rod]", "measure={}"];
  const { directory } = await run([...fewer, "flow.tEnd=8", "descent.settle=40"], {}, edge);
  const whole = await run([...fewer, "flow.tEnd=24", "record.points=15"], {}, edge);
  const own = await table(directory, "descent.csv");
  const [mine, others] = await Promise.all([
    table(directory, "flows.csv"),
    table(whole.directory, "flows.csv"),
  ]);
  let met = 0;
  for (const theirs of await table(whole.directory, "descent.csv")) {
    const step = String(Number(theirs["step"]) - 40);
    const row = own.find((candidate) => candidate["step"] === step);
    if (row === undefined) continue;
    met++;
    expect(row["loss"]).toBe(theirs["loss"]);
    const a = mine.find(({ kind, step: at }) => kind === "rod" && at === step)!;
    const b = others.find(({ kind, step: at }) => kind === "rod" && at === theirs["step"])!;
    for (const column of ["descentMeanLoss", "descentMeanSquaredGradient", "descentVariance"])
      expect(a[column]).toBe(b[column]);
  }
  expect(met).toBe(5);
});

test("the flows begin at its mean and the rod flow with its swing: they describe a descent that oscillates", async () => {
  const { directory, result } = await run(["descent.settle=400"], {}, edge);
  const rows = await table(directory, "flows.csv");
  const [mean, start] = await Promise.all(
    ["theta0.npy", "descent0.npy"].map(async (name) => (await readNpy(join(directory, name))).data),
  );
  // Descent is a swing off its mean, which decays by a tenth within a window.
  const apart = Math.hypot(...mean!.map((value, i) => value - start![i]!));
  expect(apart / Math.sqrt(Number(rows[0]!["descentVariance"]))).toBeCloseTo(1, 0);
  expect(result.notes.join()).toMatch(/Descent has made 400 steps before t = 0/);
  const [gradient, central, rod] = result.flows;
  // Held in every substep, by derivatives from where the step began: measured 1e-5.
  expect(central!.measured["sharpness.1"]!.last / 5).toBeCloseTo(1, 4);
  // Measured: 0.004 and 0.012 of it; begun with δ = ηg/2 the rod flow is off by a third in its variance.
  expect(Math.abs(rod!.means["variance"]! / rod!.means["descentVariance"]! - 1)).toBeLessThan(0.03);
  expect(Math.abs(rod!.means["meanLoss"]! / rod!.means["descentMeanLoss"]! - 1)).toBeLessThan(0.03);
  expect(rod!.means["meanDistance"]! / gradient!.means["meanDistance"]!).toBeLessThan(1 / 20);
  expect(central!.means["meanDistance"]! / gradient!.means["meanDistance"]!).toBeLessThan(0.7);
  // One eigenvalue is at the edge: its direction has all of the oscillation.
  const last = rows.findLast(({ kind }) => kind === "central")!;
  expect(Number(last["descentVariance.1"]) / Number(last["descentVariance"])).toBeCloseTo(1, 3);
});

describe("is refused", () => {
  test.each([
    ["descent={learningRates: [0.4, 0.2], settle: 160}", /descent\.settle: .*has 2; name one/],
    ["descent={learningRates: [0.4], settle: 9}", /descent\.settle: must be at least .* 10 steps, got 9/],
    [
      "descent={learningRates: [0.4], settle: 160, kind: momentum}",
      /descent\.settle: is of gradient descent/,
    ],
    [
      "descent={learningRates: [0.4], settle: 160, batch: 5}",
      /descent\.settle: is of descent on all samples/,
    ],
    [
      "descent={learningRates: [40], settle: 160}",
      /descent\.settle: descent with learning rate 40 diverges before step \d+/,
    ],
    [
      "measure={sharpness: {of: [flow, modified]}}",
      /measure\.sharpness\.of\.1: modified is not among the flows/,
    ],
  ])("%s", async (set, expected) => {
    const error = await run([set], {}, edge.replace("tEnd: 16", "tEnd: 80")).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof ConfigError)) throw new Error(`expected a ConfigError, got ${error}`);
    expect(error.message).toMatch(expected);
  });
});
