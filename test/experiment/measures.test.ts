/** Measures: numbers at recorded rows of flow and descents, their summary in the result, what they cost and what refuses them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { readNpy } from "../../src/data/npy.js";
import { createReferenceEngine } from "../../src/engine/index.js";
import { prepare } from "../../src/experiment/prepare.js";
import { setUpRuns } from "./runs.js";

const run = setUpRuns();

const classes = `name: classes
dataset: { kind: teacher, samples: 24, inputDimension: 3, outputDimension: 2, split: { test: 6 }, network: { hidden: [4], activation: { kind: tanh } } }
model: { kind: dnn, hidden: [5], activation: { kind: tanh } }
flow: { method: dopri5, rtol: 1e-8, atol: 1e-10, tEnd: 8 }
descent: { learningRates: [0.5, 0.25] }
record: { at: linear, points: 8 }
engine: { kind: reference }
`;

describe("a measure", () => {
  test("that is not asked for leaves the bytes of the tables as they are, and one that is adds columns behind", async () => {
    const plain = await run([], {}, classes);
    const measured = await run(
      ["measure.accuracy={}", "measure.testLoss={ points: 2 }", "figure.draw=true"],
      {},
      classes,
    );
    for (const file of ["series.csv", "descent.csv"]) {
      const before = readFileSync(join(plain.directory, file), "utf8").trimEnd().split("\n");
      const after = readFileSync(join(measured.directory, file), "utf8").trimEnd().split("\n");
      expect(after.length).toBe(before.length);
      for (const [k, line] of before.entries()) expect(after[k]!.startsWith(`${line},`)).toBe(true);
      expect(after[0]).toMatch(/,trainAccuracy,testAccuracy,testLoss$/);
    }
    expect(plain.result.measures).toEqual([]);
    // What is asked for is paid beside the flow, never by it.
    expect(measured.result.gradientEvaluations).toBe(plain.result.gradientEvaluations);
    expect(plain.record.manifest.measures).toBeUndefined();
    expect(measured.result.measures.map(({ name, times }) => [name, times])).toEqual([
      // 9 rows of the flow, 8 of each descent.
      ["accuracy", 25],
      // t = 0, and two further rows; the descents have none at t = 0, and take their first row for it.
      ["testLoss", 9],
    ]);
    expect(measured.result.figures).toContain("figures/accuracy.svg");
    expect(measured.result.figures).toContain("figures/testLoss.svg");
  });

  test("is taken of the curves that `of` names", async () => {
    const { record } = await run(["measure.accuracy={ of: [descent] }"], {}, classes);
    expect(record.series["trainAccuracy"]).toBeUndefined();
    expect(record.descent["trainAccuracy"]!.every((value) => value >= 0 && value <= 1)).toBe(true);
  });

  test("has its extremes, and when, in the result, for the flow and each descent; so have all columns", async () => {
    const { result, record } = await run(["measure.testLoss={}"], {}, classes);
    const { t } = record.series;
    for (const column of ["loss", "gradientNorm", "testLoss"]) {
      const values = [...record.series[column]!];
      const [least, most] = [Math.min(...values), Math.max(...values)];
      expect(result.measured[column]).toEqual({
        ...{ minimum: least, minimumTime: t[values.indexOf(least)], maximum: most },
        ...{ maximumTime: t[values.indexOf(most)], last: values.at(-1), lastTime: 8 },
      });
    }
    for (const { learningRate, measured, largestGap } of result.descent) {
      const rows = [...record.descent.t.keys()].filter(
        (k) => record.descent.learningRate[k] === learningRate,
      );
      const gaps = rows.map((k) => record.descent.parameterGap[k]!);
      const times = rows.map((k) => record.descent.t[k]!);
      expect(measured["parameterGap"]!.maximum).toBe(Math.max(...gaps));
      expect(largestGap!.absolute).toBe(Math.max(...gaps));
      expect(largestGap!.absoluteTime).toBe(times[gaps.indexOf(Math.max(...gaps))]);
      // Rows of flow and descent stand at the same times here: every kη of a record at whole times.
      const moved = times.map((time) => record.series.parameterDistance[record.series.t.indexOf(time)]!);
      const parts = gaps.map((gap, k) => gap / moved[k]!);
      // The flow at kη is interpolated twice: once for the row, once for descent.
      expect(largestGap!.relative! / Math.max(...parts)).toBeCloseTo(1, 12);
    }
  });
});

describe("accuracy and test loss", () => {
  test("are those of the network at θ on the samples of either part", async () => {
    const { record, directory, result } = await run(["measure={ accuracy: {}, testLoss: {} }"], {}, classes);
    expect(result.samples).toBe(18);
    const theta = (await readNpy(join(directory, "theta.npy"))).data;
    // The network written out: x·W₀ + b₀, tanh, ·W₁ + b₁, on the teacher's data, drawn and parted anew.
    const study = await loadConfig(join(directory, "config.yaml"));
    const { dataset } = await prepare(study, createReferenceEngine());
    const predict = (x: Float64Array, i: number): number[] => {
      const hidden = Array.from({ length: 5 }, (_, j) =>
        Math.tanh([0, 1, 2].reduce((sum, k) => sum + x[3 * i + k]! * theta[5 * k + j]!, theta[15 + j]!)),
      );
      return [0, 1].map((m) =>
        hidden.reduce((sum, h, j) => sum + h * theta[20 + 2 * j + m]!, theta[30 + m]!),
      );
    };
    const judge = ({
      inputs,
      targets,
      samples,
    }: {
      inputs: Float64Array;
      targets: Float64Array;
      samples: number;
    }) => {
      let [right, squares] = [0, 0];
      for (let i = 0; i < samples; i++) {
        const f = predict(inputs, i);
        const y = [targets[2 * i]!, targets[2 * i + 1]!];
        if (f[0]! > f[1]! === y[0]! > y[1]!) right++;
        squares += (f[0]! - y[0]!) ** 2 + (f[1]! - y[1]!) ** 2;
      }
      return { accuracy: right / samples, loss: squares / (2 * samples) };
    };
    const [train, held] = [judge(dataset), judge(dataset.test!)];
    expect(dataset.test!.samples).toBe(6);
    expect(record.series["trainAccuracy"]!.at(-1)).toBe(train.accuracy);
    expect(record.series["testAccuracy"]!.at(-1)).toBe(held.accuracy);
    // Sums of a few products in another order: rounding alone.
    expect(record.series["testLoss"]!.at(-1)! / held.loss).toBeCloseTo(1, 12);
    expect(record.series.loss.at(-1)! / train.loss).toBeCloseTo(1, 12);
  });

  test("refuse data without classes, without a test part, and splits that leave nothing", async () => {
    const gaussian = classes.replace("outputDimension: 2", "outputDimension: 1");
    const refused: [string, string[], RegExp][] = [
      [gaussian, ["measure.accuracy={}"], /measure\.accuracy: needs classes/],
      [classes, ["dataset.split=null", "measure.testLoss={}"], /measure\.testLoss: needs samples/],
      [classes, ["dataset.split.test=24"], /dataset\.split\.test: must leave samples/],
      [classes, ["dataset.split.test=0.01"], /dataset\.split\.test: must leave samples/],
      [classes, ["dataset.split.test=1.5"], /dataset\.split\.test: must be below 1 or a whole number/],
      [classes, ["model={ kind: gcn, hidden: [3], neighbours: 2 }"], /dataset\.split: needs a network/],
    ];
    for (const [yaml, set, message] of refused) await expect(run(set, {}, yaml)).rejects.toThrow(message);
  });
});

describe("along a slide", () => {
  // Something slides for nine tenths of the time, up to ten entries at once.
  const slides = `name: slides
seed: 1
dataset: { kind: gaussian, samples: 20, inputDimension: 5, outputDimension: 2 }
model: { kind: dnn, hidden: [8], activation: { kind: relu } }
flow: { rtol: 1e-7, atol: 1e-10, tEnd: 8, boundaries: exact }
record: { at: linear, points: 400 }
measure: { polyakLojasiewicz: {} }
engine: { kind: reference }
`;
  test.each([
    ["exact", []],
    ["stepping", ["flow.boundaries=stepping", "flow.rtol=1e-3", "flow.atol=1e-6"]],
  ] as const)("∇L is the shortest of its kind, that of the flow (%s)", async (_, set) => {
    const { record, result } = await run(set, {}, slides);
    expect(result.events!.maxSliding).toBeGreaterThan(0);
    const { t, loss, gradientNorm } = record.series;
    const ratio = record.series["polyakLojasiewicz"]!;
    const [ratios, integral] = [[] as number[], { value: 0 }];
    for (let k = 0; k < t.length; k++) {
      ratios.push((ratio[k]! * loss[k]!) / gradientNorm[k]! ** 2);
      if (k > 0) integral.value += (t[k]! - t[k - 1]!) * 0.5 * (ratio[k]! + ratio[k - 1]!);
    }
    // The same vector, by rounding.
    expect(Math.max(...ratios.map((value) => Math.abs(value - 1)))).toBeLessThan(1e-12);
    // L' = −μL: ∫μ dt is ln L(0)/L(t), by trapezia over 400 rows: 8.5e-5 off by jumps of μ at events, 5.3e-4 where rows lie between
    // steps. With gradients of pieces single rows are 66 % off.
    expect(Math.abs(integral.value / Math.log(loss[0]! / loss.at(-1)!) - 1)).toBeLessThan(1e-3);
  });
});
