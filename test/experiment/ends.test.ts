/** How a run ends where it does not simply reach tEnd: located conditions, a loss that rises, numbers that overflow. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { readNpy } from "../../src/data/npy.js";
import { createReferenceEngine } from "../../src/engine/index.js";
import { prepare } from "../../src/experiment/prepare.js";
import { type JobState, lossRises, readRunFacts } from "../../src/record/sweep-states.js";
import { setUpRuns } from "./runs.js";

const run = setUpRuns();

const base = `name: ends
seed: 1
dataset: { kind: gaussian, samples: 4, inputDimension: 2, outputDimension: 1 }
model: { kind: dnn, hidden: [3], activation: { kind: tanh } }
flow: { method: dopri5, rtol: 1e-6, atol: 1e-9, tEnd: 300 }
record: { at: linear, points: 3, checkpoint: 0 }
engine: { kind: reference }
`;

/** L and ‖∇L‖ at θ of `theta.npy`, computed anew. */
async function recompute(directory: string): Promise<{ loss: number; norm: number }> {
  const { data } = await readNpy(join(directory, "theta.npy"));
  const { problem } = await prepare(
    await loadConfig(join(directory, "config.resolved.json")),
    createReferenceEngine(),
  );
  const gradient = new Float64Array(data.length);
  const loss = await problem.lossGradient(data, gradient);
  return { loss, norm: Math.hypot(...gradient) };
}

/** No number of a record may be NaN or infinite; a missing value is an empty cell or null. */
async function expectNumbers(directory: string): Promise<void> {
  for (const file of ["series.csv", "descent.csv", "result.json"]) {
    expect(await readFile(join(directory, file), "utf8"), file).not.toMatch(/NaN|Infinity/);
  }
}

describe("flow.stopWhen", () => {
  test.each([
    ["tanh", "dopri5"],
    ["tanh", "auto"],
    ["tanh", "odex"],
    ["relu", "dopri5"],
    ["leaky-relu", "tsit5"],
  ])("lossFactor is met exactly whatever the steps: %s, %s", async (activation, method) => {
    const times: number[] = [];
    for (const rtol of [1e-3, 1e-8]) {
      const set = [
        `flow={method: ${method}, rtol: ${rtol}, atol: ${rtol / 1000}, tEnd: 300, stopWhen: {lossFactor: 2}}`,
        `model.activation.kind=${activation}`,
      ];
      const { result, record, directory } = await run(set, {}, base);
      expect(result.status).toBe("lossReached");
      expect(result.loss! * 2).toBeLessThanOrEqual(result.initialLoss!);
      // The loss is located to 1e-13 of itself; near kinks the pieces of the run and those read off θ differ by rounding.
      expect(Math.abs(result.initialLoss! / result.loss! / 2 - 1)).toBeLessThan(2e-13);
      expect(Math.abs((await recompute(directory)).loss / result.loss! - 1)).toBeLessThan(1e-12);
      expect(record.series.t.at(-1)).toBe(result.time);
      expect(record.series.loss.at(-1)).toBe(result.loss);
      times.push(result.time);
    }
    const [loose, tight] = times as [number, number];
    // The time has the error of the solution: at 1e-3 a per cent or two of the way.
    expect(Math.abs(loose / tight - 1)).toBeLessThan(2e-2);
  });

  test("in detect and off too; the older flow.lossFactor means the same", async () => {
    const ends = await Promise.all(
      [
        ["flow.boundaries=detect", "flow.stopWhen={lossFactor: 2}"],
        ["flow.boundaries=off", "flow.stopWhen={lossFactor: 2}"],
        ["flow.boundaries=off", "flow.lossFactor=2"],
      ].map(async (set) => {
        const { result, directory } = await run(
          [...set, "flow.rtol=1e-2", "flow.atol=1e-3", "model.activation.kind=relu"],
          {},
          base,
        );
        expect(result.status).toBe("lossReached");
        expect((await recompute(directory)).loss).toBe(result.loss);
        return result.time;
      }),
    );
    expect(ends[1]).toBe(ends[2]);
    expect(Math.abs(ends[0]! - ends[1]!)).toBeLessThan(1e-12 * ends[1]!);
    await expect(run(["flow.lossFactor=2", "flow.stopWhen={gradientNorm: 1}"], {}, base)).rejects.toThrow(
      "flow.stopWhen.lossFactor",
    );
    await expect(run(["flow.stopWhen={}"], {}, base)).rejects.toThrow("must have lossFactor");
  });

  test.each(["relu", "tanh"])("gradientNorm and gradientFactor end a %s run as stationary", async (kind) => {
    const set = [`model.activation.kind=${kind}`, "flow.tEnd=1000", "flow.rtol=1e-5", "flow.atol=1e-8"];
    const limit = kind === "tanh" ? 1e-4 : 5e-3;
    const absolute = await run([...set, `flow.stopWhen={gradientNorm: ${limit}}`], {}, base);
    expect(absolute.result.status).toBe("stationary");
    // Where the terms of a gradient cancel down to 1e-4 of themselves its last four digits are rounding.
    expect(Math.abs(absolute.record.series.gradientNorm.at(-1)! / limit - 1)).toBeLessThan(1e-10);
    if (kind === "tanh")
      expect(Math.abs((await recompute(absolute.directory)).norm / limit - 1)).toBeLessThan(1e-9);
    const factor = absolute.record.series.gradientNorm[0]! / limit;
    const relative = await run([...set, `flow.stopWhen={gradientFactor: ${factor}}`], {}, base);
    expect(relative.result.status).toBe("stationary");
    expect(Math.abs(relative.result.time / absolute.result.time - 1)).toBeLessThan(1e-9);
    const both = await run([...set, `flow.stopWhen={gradientNorm: ${limit}, lossFactor: 1.1}`], {}, base);
    expect(both.result.status).toBe("lossReached");
    expect(both.result.time).toBeLessThan(absolute.result.time);
  });

  test("a condition that holds at the start ends there", async () => {
    const { result, record } = await run(["flow.stopWhen={gradientNorm: 10}"], {}, base);
    expect([result.status, result.time, result.gradientEvaluations]).toEqual(["stationary", 0, 0]);
    expect(Array.from(record.series.t)).toEqual([0]);
    expect(result.loss).toBe(result.initialLoss);
  });
});

describe("a loss that rises", () => {
  const six = ["dataset.samples=6", "model.hidden=[4,4]", "flow.tEnd=1000"];

  test.each([0.01, 0.3])("at rtol = atol = %f it is told, with from, to and when", async (tolerance) => {
    const set = [
      ...six,
      `flow.rtol=${tolerance}`,
      `flow.atol=${tolerance}`,
      "record.at=steps",
      "figure.draw=true",
    ];
    const { result, record, directory } = await run(set, {}, base.replace("linear, points: 3", "linear"));
    const { t, loss } = record.series;
    // The largest rise above the least loss so far, by the rows of every step.
    let [least, worst, from, to] = [0, 0, 0, 0];
    loss.forEach((value, k) => {
      if (value < loss[least]!) least = k;
      if (value - loss[least]! > worst) [worst, from, to] = [value - loss[least]!, least, k];
    });
    expect(worst).toBeGreaterThan(0.1);
    expect(result.lossRise).toEqual({ from: loss[from], fromTime: t[from], to: loss[to], time: t[to] });
    expect(result.energyDefect!).toBeGreaterThan(1);
    expect(result.notes[0]).toMatch(/The loss rises along the curve, from .* at t = .* to .* at t = /);
    expect(result.notes[0]).toContain("lower flow.rtol and flow.atol");
    if (result.loss! > result.initialLoss!) expect(result.notes[1]).toContain("it has not fallen");
    // The figure and the summary of a sweep say it too.
    const { usermeta } = JSON.parse(await readFile(join(directory, "figures/loss.json"), "utf8"));
    // It comes first of the facts below the picture.
    expect(usermeta.caption[1]).toMatch(/^(run ended: \w+ · )?the loss rises, /);
    const facts = (await readRunFacts(directory))!;
    const [factor] = lossRises([{ results: facts.results } as JobState]);
    expect(factor).toBe(loss[to]! / loss[from]!);
  });

  test("at the floor of the tolerance; the limit that the note offers ends the run before it", async () => {
    const auto = ["flow.method=auto", "flow.tEnd=1e5"];
    const { result } = await run(auto, {}, base);
    expect(result.status).toBe("reachedEnd");
    expect(result.lossRise!.to).toBeGreaterThan(2 * result.lossRise!.from);
    expect(result.lossRise!.to).toBeLessThan(1e-9);
    const offered = /flow\.stopWhen: \{ gradientNorm: (\S+) \}/.exec(result.notes[0]!)![1];
    const ended = await run([...auto, `flow.stopWhen={gradientNorm: ${offered}}`], {}, base);
    expect(ended.result.status).toBe("stationary");
    expect(ended.result.time).toBeLessThan(result.lossRise!.fromTime);
    expect(ended.result.lossRise).toBeNull();
    expect(ended.result.gradientEvaluations).toBeLessThan(result.gradientEvaluations);
  });

  test.each([1e-9, 1, 1e9])("a resolved flow has none, at scale %f of inputs and targets", async (scale) => {
    const folder = (await run([], {}, base)).directory;
    // A linear network: x, y → s·x, s·y and t → t/s² give the same θ.
    const x = [1, 2, -1, 0.5, 0.3, -2].map((value) => value * scale);
    await writeFile(join(folder, "x.csv"), `${x.join("\n")}\n`);
    await writeFile(
      join(folder, "y.csv"),
      `${x.map((value, i) => 2 * value + scale * (i % 2)).join("\n")}\n`,
    );
    const yaml = base
      .replace(/dataset: .*/, `dataset: { kind: file, inputs: ${folder}/x.csv, targets: ${folder}/y.csv }`)
      .replace("activation: { kind: tanh }", "activation: { kind: identity }, bias: false");
    const { result } = await run([`flow.tEnd=${20 / scale ** 2}`], {}, yaml);
    expect(result.status).toBe("reachedEnd");
    expect(result.loss!).toBeLessThan(0.5 * result.initialLoss!);
    expect(result.lossRise).toBeNull();
    expect(result.energyDefect!).toBeLessThan(1e-4);
  });

  test("a run that starts at its minimum neither rises nor falls by more than rounding", async () => {
    const found = await run(["flow.tEnd=3000", "flow.rtol=1e-12", "flow.atol=1e-14"], {}, base);
    const again = base.replace(
      "activation: { kind: tanh }",
      `activation: { kind: tanh }, init: { kind: file, path: ${found.directory}/theta.npy }`,
    );
    // Stable fixed steps draw nearer to the minimum; an adaptive one would play within its tolerance about it.
    const { result } = await run(["flow={method: euler, stepSize: 0.1, tEnd: 300}"], {}, again);
    expect(result.initialLoss!).toBeLessThan(1e-20);
    expect(result.lossRise).toBeNull();
  });
});

describe("a loss that is no longer finite is nonFinite", () => {
  const squared = base.replace("kind: tanh", "kind: squared-relu");

  test("where fixed steps blow up", async () => {
    const set = ["flow={ method: euler, stepSize: 50, tEnd: 5000 }", "record={ at: linear, points: 20 }"];
    const { result, record, directory } = await run([...set, "descent.learningRates=[0.1]"], {}, squared);
    expect(result.status).toBe("nonFinite");
    expect(result.loss).toBe(record.series.loss.at(-1));
    expect(result.time).toBe(record.series.t.at(-1));
    expect((await recompute(directory)).loss).toBe(result.loss);
    await expectNumbers(directory);
  });

  test("in a diverging descent, whose rows end before", async () => {
    const { result, record, directory } = await run(
      ["descent.learningRates=[0.1, 50]", "flow.tEnd=200", "record.points=50"],
      {},
      squared,
    );
    expect(result.status).toBe("reachedEnd");
    expect(result.descent[1]).toMatchObject({ learningRate: 50, diverged: true });
    expect(record.descent.loss.every(Number.isFinite)).toBe(true);
    await expectNumbers(directory);
  });

  test("in a descent with momentum that diverges, which is called by its name", async () => {
    const descent = "descent={kind: nesterov, momentum: 0.5, learningRates: [5]}";
    const { result } = await run([descent, "flow.tEnd=200", "record.points=50"], {}, squared);
    expect(result.notes.join(" ")).toMatch(/Descent by nesterov with learning rate 5 diverged at step/);
  });

  test.each([
    ["the loss", 1e200, "identity"],
    ["‖∇L‖² alone", 1e140, "squared-relu"],
  ])("at the start, where %s overflows", async (_, std, kind) => {
    const yaml = base.replace("kind: tanh }", `kind: ${kind} }, init: { kind: normal, std: ${std} }`);
    const { result, record, directory } = await run(["descent.learningRates=[0.1]"], {}, yaml);
    expect([result.status, result.time, result.loss, result.initialLoss]).toEqual([
      "nonFinite",
      0,
      null,
      null,
    ]);
    expect(result.message).toContain("initial parameters");
    expect(record.series.t.length).toBe(0);
    await expectNumbers(directory);
  });

  test("a loss that underflows to zero leaves no logarithm of it", async () => {
    const yaml = base.replace(
      "activation: { kind: tanh }",
      "activation: { kind: identity }, init: { kind: normal, std: 1e-170 }",
    );
    const zeros = yaml.replace(/dataset: .*/, "dataset: { kind: file, inputs: x.csv, targets: y.csv }");
    const { directory: folder } = await run([], {}, base);
    await writeFile(join(folder, "x.csv"), "1,2\n3,4\n5,6\n");
    await writeFile(join(folder, "y.csv"), "0\n0\n0\n");
    const { result, directory } = await run(
      [`dataset.inputs=${folder}/x.csv`, `dataset.targets=${folder}/y.csv`, "descent.learningRates=[0.1]"],
      {},
      zeros,
    );
    expect([result.status, result.loss, result.decay]).toEqual(["reachedEnd", 0, null]);
    await expectNumbers(directory);
  });
});

/** What the run has of descents at its early end: their last step before it, beside the flow at the same time. */
function expectComparedAtEnd({ result, record }: Awaited<ReturnType<typeof run>>, rates: readonly number[]) {
  // None of the recorded times, 100, 200 and 300, comes before the end.
  expect(result.time).toBeLessThan(100);
  for (const [k, rate] of rates.entries()) {
    const { steps, time, lossGap, loss } = result.descent[k]!;
    expect(steps).toBe(Math.floor(result.time / rate));
    expect(steps).toBeGreaterThan(0);
    expect(time).toBeCloseTo(steps * rate, 12);
    // At the same time descent has the flow's loss to its own error, which is of order η.
    expect(lossGap!).toBeLessThan(0.05 * loss!);
    expect([...record.descent.learningRate].filter((each) => each === rate)).toHaveLength(1);
  }
  expect(result.notes.join(" ")).not.toContain("ended between its steps");
}

test("descents are compared at the last step before an early end", async () => {
  for (const stopWhen of ["{lossFactor: 2}", "{gradientFactor: 1.5}"]) {
    const rates = [0.1, 0.03];
    const ended = await run([`flow.stopWhen=${stopWhen}`, `descent.learningRates=[${rates}]`], {}, base);
    expect(ended.result.status).toMatch(/lossReached|stationary/);
    expectComparedAtEnd(ended, rates);
  }
});

test.each([
  ["maxSteps", "dopri5", "tanh", "exact", "maxSteps: 12"],
  ["maxSteps", "dop853", "tanh", "exact", "maxSteps: 5"],
  ["maxSteps", "dopri5", "relu", "exact", "maxSteps: 9"],
  ["maxSteps", "auto", "relu", "stepping", "maxSteps: 20, rtol: 1e-2"],
  ["maxEvaluations", "dopri5", "tanh", "exact", "maxGradientEvaluations: 80"],
  ["maxEvaluations", "auto", "tanh", "exact", "maxGradientEvaluations: 81"],
  ["maxEvaluations", "dop853", "relu", "exact", "maxGradientEvaluations: 100"],
  ["maxEvaluations", "dopri5", "relu", "detect", "maxGradientEvaluations: 300"],
])(
  "and before one that its budget makes: %s, %s, %s, %s",
  async (status, method, activation, boundaries, budget) => {
    const rates = [0.1, 0.03];
    const ended = await run(
      [
        `flow={method: ${method}, ${budget.includes("rtol") ? "" : "rtol: 1e-6, "}tEnd: 300, boundaries: ${activation === "tanh" ? "auto" : boundaries}, ${budget}}`,
        `model.activation.kind=${activation}`,
        `descent.learningRates=[${rates}]`,
      ],
      {},
      base,
    );
    expect(ended.result.status).toBe(status);
    expectComparedAtEnd(ended, rates);
  },
);

test("where the last step before an early end lies in a part of the flow that is gone, a note says so", async () => {
  // Steps of the solver are 2 at most, so that t = 12 is gone at the end near 19.5.
  const { result } = await run(
    ["flow.stopWhen={lossFactor: 2}", "flow.maxStep=2", "descent.learningRates=[12]"],
    {},
    base,
  );
  expect(result.status).toBe("lossReached");
  expect(result.descent[0]).toMatchObject({ steps: 0, loss: null });
  expect(result.notes.join(" ")).toContain("is compared up to step 0 of 1");
});

describe("the decay is fitted where the residual is resolved", () => {
  const long = base
    .replace("samples: 4, inputDimension: 2", "samples: 4, inputDimension: 3")
    .replace(
      "hidden: [3], activation: { kind: tanh }",
      "hidden: [20], activation: { kind: tanh }, init: { kind: kaiming-normal, a: 1 }",
    )
    .replace("flow: {", "loss: { reduction: half-sum }\nflow: {")
    .replace("points: 3", "points: 200");

  test("up to the floor of the tolerance, and a note says so", async () => {
    const { result } = await run(["flow.method=auto"], {}, long);
    const { window, rSquared, rate, meanRateFromLambdaEff } = result.decay!;
    expect(window[1]).toBeLessThan(60);
    expect(window[0]).toBeGreaterThan(window[1] / 2 - 2);
    // Over [150, 300], where steps' errors are all that is left, it was 0.08.
    expect(rSquared).toBeGreaterThan(0.999);
    expect(rate / meanRateFromLambdaEff).toBeCloseTo(1, 2);
    expect(result.notes.join(" ")).toMatch(/After t = \d+.* the decay is fitted up to there/);
  });

  test("and nowhere, with the reason, where a window lies beyond it", async () => {
    const { result } = await run(["flow.method=auto", "decay={from: 150}"], {}, long);
    expect(result.decay).toBeNull();
    expect(result.notes.join(" ")).toMatch(/no decay is fitted.*Lower them/);
  });

  // Steps over kinks may err by a two-hundredth of rtol·‖θ‖; by all of it the residual would not be resolved at any time.
  test("to the end, where kinks are stepped over", async () => {
    const kinked = long.replace("kind: tanh", "kind: relu");
    const { result } = await run(
      ["flow.method=auto", "flow.boundaries=stepping", "flow.rtol=0.1", "flow.tEnd=2"],
      {},
      kinked,
    );
    expect(result.decay!.window[1]).toBeCloseTo(2, 9);
    expect(result.notes.join(" ")).not.toContain("decay");
  });

  test("as asked where it ends before", async () => {
    const { result } = await run(["flow.method=auto", "decay={from: 5, to: 15}"], {}, long);
    expect(result.decay!.window).toEqual([expect.closeTo(6, 0), expect.closeTo(15, 0)]);
    expect(result.notes.join(" ")).not.toContain("decay");
  });
});
