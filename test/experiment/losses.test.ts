/** Runs with losses that are not c‖F − y‖²: what they show, what they leave out and say so, closed forms, and targets that do not fit. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { summarise } from "../../src/cli/summary.js";
import { loadConfig } from "../../src/config/load.js";
import { readNpy, writeNpy } from "../../src/data/npy.js";
import { createReferenceEngine } from "../../src/engine/index.js";
import { ConfigError } from "../../src/errors.js";
import { describeModel } from "../../src/experiment/describe-model.js";
import { prepare } from "../../src/experiment/prepare.js";
import { caption } from "../../src/figure/caption.js";
import { lossFigure } from "../../src/figure/loss.js";
import { describeChecks } from "../../src/figure/report-checks.js";
import { setUpRuns } from "./runs.js";

const run = setUpRuns();
const folder = await mkdtemp(join(tmpdir(), "gradflow-losses-"));
afterAll(() => rm(folder, { recursive: true }));

let count = 0;

/** Files of these rows, and a study of them. */
async function studyOf(inputs: string, targets: string, loss: string, rest = ""): Promise<string> {
  const name = join(folder, `data-${count++}`);
  await writeFile(`${name}-x.csv`, inputs);
  await writeFile(`${name}-y.csv`, targets);
  return `name: loss
dataset: { kind: file, inputs: ${name}-x.csv, targets: ${name}-y.csv }
${rest.includes("model:") ? "" : "model: { kind: dnn, hidden: [4], activation: { kind: tanh } }\n"}loss: { ${loss} }
${rest.includes("flow:") ? "" : "flow: { tEnd: 2, rtol: 1e-6 }\n"}record: { at: linear, points: 4 }
engine: { kind: reference }
${rest}`;
}

const X = "1,0\n0,1\n-1,0.5\n0.3,-0.8\n";
const classes = "0\n2\n1\n2\n";
const signs = "1\n-1\n-1\n1\n";
const linear = (
  more = "",
) => `model: { kind: dnn, hidden: [], bias: false${more}, activation: { kind: identity }, init: { kind: file, path: ${folder}/zero.npy } }
`;

describe("what belongs to the squared loss is absent, and the record says why", () => {
  test.each([
    ["cross-entropy", "kind: cross-entropy", classes, /this is cross-entropy/],
    ["logistic", "kind: logistic", signs, /this is logistic/],
    ["exponential", "kind: exponential, reduction: sum", signs, /this is exponential/],
    ["huber", "kind: huber, delta: 0.5", signs, /this is huber/],
    ["hinge", "kind: hinge", signs, /this is hinge/],
    ["weight decay", "kind: squared, regularisation: { weightDecay: 0.1 }", signs, /weight decay adds/],
  ])("%s", async (_, loss, targets, why) => {
    const { result, record } = await run([], {}, await studyOf(X, targets, loss));
    expect(result.status).toBe("reachedEnd");
    expect(result.notSquared).toMatch(why);
    expect([result.canonicalTime, result.decay]).toEqual([null, null]);
    const { series } = record;
    for (const name of ["canonicalTime", "residualNorm", "lambdaEff"] as const)
      expect(series[name].every(Number.isNaN)).toBe(true);
    // The identity of energy holds for every loss: rtol times some ten steps, of Huber's field, whose slope jumps, a few more.
    expect(result.energyDefect).toBeLessThan(1e-4);
    const text = summarise(result);
    expect(text).toMatch(why);
    expect(text).not.toMatch(/2ct =|4cλ_eff there/);
    const figure = JSON.stringify(lossFigure.build(record)!.spec);
    expect(figure).not.toMatch(/squared residual|canonical time/);
  });

  test("the squared loss has them still", async () => {
    const { result, record } = await run([], {}, await studyOf(X, signs, "kind: squared"));
    expect(result.notSquared).toBeNull();
    expect(result.canonicalTime).toBe(0.5); // 2ct, c = 1/8, t = 2
    expect(record.series.lambdaEff.some(Number.isNaN)).toBe(false);
    expect(JSON.stringify(lossFigure.build(record)!.spec)).toMatch(/squared residual/);
  });

  test.each([
    [
      "kind: logistic",
      "measure: { ntk: {} }",
      /measure\.ntk: is about the exponential bound.*this is logistic/,
    ],
    ["regularisation: { weightDecay: 1 }", "measure: { ntk: {} }", /measure\.ntk: .*weight decay adds/],
    ["kind: logistic", "decay: { from: 1 }", /decay\.from: is about the residual/],
    ["kind: hubr", "", /loss\.kind.*huber/],
    ["kind: logistic, delta: 1", "", /loss\.delta/],
    ["kind: logistic, reduction: half-sum", "", /loss\.reduction/],
    ["kind: squared, regularisation: { weightDecay: -1 }", "", /loss\.regularisation\.weightDecay/],
  ])("what rests on it is refused: %s, %s", async (loss, rest, message) => {
    const file = join(folder, "refused.yaml");
    await writeFile(file, await studyOf(X, signs, loss, rest));
    await expect(loadConfig(file)).rejects.toThrow(message);
  });
});

describe("targets", () => {
  const refusalOf = async (targets: string, loss: string): Promise<Error> => {
    const file = join(folder, "targets.yaml");
    await writeFile(file, await studyOf(X, targets, loss));
    const loaded = await loadConfig(file);
    return prepare(loaded, createReferenceEngine()).then(
      () => new Error("it was accepted"),
      (error: unknown) => error as Error,
    );
  };

  test.each([
    [
      "kind: logistic",
      "1\n-1\n0\n1\n",
      /dataset: target 3 is 0, and loss\.kind: logistic takes ±1; write −1 for 0/,
    ],
    ["kind: hinge", "1,1\n-1,1\n1,-1\n1,0.5\n", /target 4 is 0\.5 in column 2/],
    ["kind: exponential", "1e-9\n1\n1\n1\n", /target 1 is 1e-9/],
    [
      "kind: cross-entropy",
      "0\n1\n-1\n1\n",
      /target 3 is -1, and loss\.kind: cross-entropy takes the index of a class/,
    ],
    ["kind: cross-entropy", "0\n1\n1.5\n1\n", /target 3 is 1\.5/],
    [
      "kind: cross-entropy",
      "0,1\n1,0\n0.5,0.4\n1,0\n",
      /target 3 must be probabilities of 2 classes.*got the sum 0\.9/,
    ],
    ["kind: cross-entropy", "0,1\n1.5,-0.5\n0,1\n1,0\n", /target 2 must be probabilities.*a negative number/],
  ])("%s refuses %j", async (loss, targets, message) => {
    const error = await refusalOf(targets, loss);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.message).toMatch(message);
    expect(error.message).toMatch(/targets\.yaml:2/);
  });

  test("class indices and the same classes as rows are one study", async () => {
    const byIndex = await run([], {}, await studyOf(X, classes, "kind: cross-entropy"));
    const rows = "1,0,0\n0,0,1\n0,1,0\n0,0,1\n";
    const byRow = await run([], {}, await studyOf(X, rows, "kind: cross-entropy"));
    expect(byIndex.result.outputs).toBe(3);
    expect(byRow.result.loss).toBe(byIndex.result.loss);
  });
});

describe("closed forms", () => {
  const zero = (length: number) => writeArray(join(folder, "zero.npy"), new Array<number>(length).fill(0));

  test("one sample x = 1.5 from w₀ = 0.2: exponential and logistic at t = 10", async () => {
    await writeArray(join(folder, "zero.npy"), [0.2]);
    const flow = "flow: { method: dop853, rtol: 1e-13, atol: 1e-14, tEnd: 10 }\n";
    for (const [kind, w] of [
      ["exponential", 2.114518864866033],
      ["logistic", 2.032866363630016],
    ] as const) {
      const yaml = await studyOf("1.5\n", "1\n", `kind: ${kind}, reduction: sum`, linear() + flow);
      const { theta } = await end(yaml);
      // rtol times the some hundred steps.
      expect(Math.abs(theta[0]! - w)).toBeLessThan(1e-11);
    }
  });

  test("weight decay pulls all of θ, or all but biases, by e^{−λt}", async () => {
    await writeArray(join(folder, "zero.npy"), [0.5, -0.25]);
    const flow = "flow: { method: dop853, rtol: 1e-12, atol: 1e-14, tEnd: 2 }\n";
    const model = linear().replace("bias: false", "bias: true");
    // The residual vanishes where F is 0.5·0 + b = −0.25 on x = 0: only the penalty acts on the weight.
    const yaml = await studyOf(
      "0\n",
      "-0.25\n",
      "regularisation: { weightDecay: 0.3, biases: false }",
      model + flow,
    );
    const { theta, record, result } = await end(yaml);
    expect(Math.abs(theta[0]! - 0.5 * Math.exp(-0.6))).toBeLessThan(1e-11);
    expect(Math.abs(theta[1]! + 0.25)).toBeLessThan(1e-15);
    expect(Math.abs(record.series.loss[0]! - (0.3 / 2) * 0.25)).toBeLessThan(1e-16);
    expect(Array.from(record.series["dataLoss"]!)).toEqual([0, 0, 0, 0, 0]);
    expect(result.dataLoss).toBe(0);
    expect(summarise(result)).toMatch(/of the data/);
  });

  test("the hinge is gone to and slid along: w' = 1 − λw to w = 1, where the support vector holds it", async () => {
    await zero(1);
    const lambda = 0.4;
    const flow = "flow: { method: dopri5, rtol: 1e-10, atol: 1e-12, tEnd: 4, boundaries: exact }\n";
    const loss = `kind: hinge, reduction: sum, regularisation: { weightDecay: ${lambda} }`;
    const { theta, record, result } = await end(await studyOf("1\n", "1\n", loss, linear() + flow));
    // w = 1 at t = −ln(1 − λ)/λ; the pull λ < 1 back is less than the hinge's push, so it stays.
    const arrival = -Math.log(1 - lambda) / lambda;
    expect(record.events).toHaveLength(1);
    const [event] = record.events!;
    expect(event).toMatchObject({ kind: "entersSliding", layer: 1, sample: 0, unit: 0, side: "above" });
    // The flow's own tolerance; the instant is located far closer.
    expect(Math.abs(event!.t - arrival)).toBeLessThan(1e-9);
    expect(Math.abs(theta[0]! - 1)).toBeLessThan(1e-12);
    expect(Math.abs(result.loss! - lambda / 2)).toBeLessThan(1e-12);
    expect(result.events).toMatchObject({ crossings: 0, slidingEntries: 1, slidingExits: 0 });
  });

  test("with λ > 1 the hinge is never reached: w = (1 − e^{−λt})/λ", async () => {
    await zero(1);
    const flow = "flow: { method: dopri5, rtol: 1e-10, atol: 1e-12, tEnd: 3, boundaries: exact }\n";
    const loss = "kind: hinge, reduction: sum, regularisation: { weightDecay: 2 }";
    const { theta, result } = await end(await studyOf("1\n", "1\n", loss, linear() + flow));
    expect(result.events).toMatchObject({ crossings: 0, slidingEntries: 0 });
    expect(Math.abs(theta[0]! - (1 - Math.exp(-6)) / 2)).toBeLessThan(1e-9);
  });

  test("a loss of zero is reached in finite time, and rests", async () => {
    await zero(1);
    const flow = "flow: { method: dopri5, rtol: 1e-8, atol: 1e-10, tEnd: 5, boundaries: exact }\n";
    const { theta, result } = await end(await studyOf("1\n", "1\n", "kind: hinge", linear() + flow));
    expect(result.status).toBe("reachedEnd");
    expect(result.events).toMatchObject({ crossings: 1 });
    expect(result.loss).toBe(0);
    expect(Math.abs(theta[0]! - 1)).toBeLessThan(1e-9);
  });

  async function end(yaml: string) {
    const made = await run([], {}, yaml);
    return { ...made, theta: (await readNpy(join(made.directory, "theta.npy"))).data };
  }
});

describe("clock: log", () => {
  const flow = (more = "") => `flow: { tEnd: 1e20, clock: log, rtol: 1e-8${more} }\n`;

  test("has ln t and ln L in rows and result", async () => {
    const yaml = await studyOf(X, classes, "kind: cross-entropy", `${flow(", errorCheck: true")}`);
    const { result, record } = await run([], {}, yaml);
    const { series } = record;
    expect(result.status).toBe("reachedEnd");
    expect([result.time, result.logTime]).toEqual([1e20, Math.log(1e20)]);
    expect(Array.from(series["logTime"]!.slice(1))).toEqual(Array.from(series.t.slice(1), Math.log));
    expect(series["logTime"]![0]).toBeNaN();
    // e^{ln L} has the roundings of a number of the size of ln L.
    series["logLoss"]!.forEach((logLoss, k) => {
      expect(Math.abs(Math.exp(logLoss) / series.loss[k]! - 1)).toBeLessThan(1e-13);
    });
    expect(result.logLoss).toBe(series["logLoss"]!.at(-1));
    expect(result.loss!).toBeLessThan(1e-18);
    expect(result.energyDefect).toBeLessThan(1e-6);
    expect(result.errorCheck!.relativeToParameters).toBeLessThan(1e-6);
    expect(result.notes.join()).not.toContain("falls like t^");
    expect(summarise(result)).toMatch(/ln L = -4\d.* at ln t = 46\.0517/);
  });

  test("rows on a logarithmic record begin at t = 1", async () => {
    const yaml = await studyOf(X, signs, "kind: logistic", flow());
    const { record } = await run(["record={ at: log, points: 21 }"], {}, yaml);
    const { t } = record.series;
    expect([t.length, t[1]]).toEqual([22, 1]);
    // A decade from one to the next.
    expect(t[8]! / t[7]!).toBeCloseTo(10, 9);
  });

  test("a curve that is not the flow is off the balance of ln L, and so it is told", async () => {
    const euler = "flow: { tEnd: 1e4, clock: log, method: euler, stepSize: 20, maxSteps: 20 }\n";
    const { result, record } = await run([], {}, await studyOf(X, signs, "kind: exponential", euler));
    expect(result.energyDefect).toBeGreaterThan(0.1);
    const identity = "∫‖∇ln L‖² dτ";
    expect(result.notes.join("\n")).toContain(`Along a gradient flow`);
    for (const text of [
      result.notes.join("\n"),
      describeChecks(result),
      caption(record, "").facts.join(" "),
    ]) {
      expect(text).toContain(identity);
      expect(text).not.toContain("∫‖∇L‖² ds");
    }
  });

  test.each([
    ["kind: logistic, regularisation: { weightDecay: 0.05 }", signs],
    ["kind: exponential, regularisation: { weightDecay: 0.01, biases: false }", signs],
    ["kind: cross-entropy", "0.5,0.5\n0,1\n1,0\n1,0\n"],
  ])("is the same flow where something keeps L from zero: %s", async (loss, targets) => {
    const ends = await Promise.all(
      ["time", "log"].map(async (clock) => {
        const options = `flow: { tEnd: 30, rtol: 1e-9, atol: 1e-12, clock: ${clock} }\n`;
        return (await run([], {}, await studyOf(X, targets, loss, options))).result;
      }),
    );
    const [plain, logarithmic] = ends as [(typeof ends)[0], (typeof ends)[0]];
    expect(logarithmic.status).toBe("reachedEnd");
    // Two integrations at rtol 1e-9, whose errors in L are some hundred times that at most.
    expect(Math.abs(logarithmic.loss! / plain.loss! - 1)).toBeLessThan(1e-7);
    expect(plain.loss!).toBeLessThan(0.9 * plain.initialLoss!);
  });

  test.each([
    ["kind: logistic", "1\n-1\n1\n-1\n", /does not fall|falls like t\^−\S+: 2 of 4 margins are not positive/],
    ["kind: exponential, reduction: sum", "1\n-1\n1\n-1\n", /2 of 4 margins are not positive/],
    [
      "kind: exponential, regularisation: { weightDecay: 0.1 }",
      signs,
      /falls like t\^−\S+: weight decay keeps it above/,
    ],
    ["kind: cross-entropy", "0.5,0.5\n0,1\n1,0\n1,0\n", /labels that are not certain keep it above zero/],
  ])("says where nothing falls like 1/t: %s", async (loss, targets, why) => {
    // Two samples of each class at one place each: no function separates them.
    const inputs = why.source.includes("2 of 4") ? "1,2\n1,2\n-1,1\n-1,1\n" : X;
    const end = (tEnd: number) => `flow: { tEnd: ${tEnd}, clock: log }\n`;
    const { result } = await run([], {}, await studyOf(inputs, targets, loss, end(1e4)));
    const notes = result.notes.filter(
      (note) => note.includes("falls like t^") || note.includes("does not fall"),
    );
    expect(notes).toEqual([expect.stringMatching(why)]);
    // At first every loss is nearly at rest; then it is not told.
    const begun = await run([], {}, await studyOf(inputs, targets, loss, end(1e-3)));
    expect(begun.result.notes.join()).not.toContain("fall");
  });

  test.each([
    ["kind: squared", signs, /flow\.clock: log follows.*squared has no exponential tail/],
    ["kind: hinge", signs, /flow\.clock: .*hinge has no exponential tail/],
  ])("is refused for %s", async (loss, targets, message) => {
    const file = join(folder, "clock.yaml");
    await writeFile(file, await studyOf(X, targets, loss, flow()));
    const prepared = loadConfig(file).then((loaded) => prepare(loaded, createReferenceEngine()));
    await expect(prepared).rejects.toThrow(message);
  });
});

test.each([0, 2])(
  "a hinge classifier comes to the same least loss with inputs × 10⁻⁹ and 10⁹, its weights held: seed %s",
  async (seed) => {
    const end = async (scale: number, tEnd: number) => {
      const yaml = `name: scales
seed: ${seed}
dataset: { kind: gaussian-mixture, samples: 20, inputDimension: 2, separation: ${scale}, std: ${scale}, encoding: sign }
model: { kind: dnn, hidden: [], bias: false, activation: { kind: identity }, init: { kind: normal, std: 0.3 } }
loss: { kind: hinge }
flow: { tEnd: ${tEnd} }
engine: { kind: reference }
`;
      const { result } = await run([], {}, yaml);
      expect([result.status, result.lossRise, result.events!.unsettled]).toEqual(["reachedEnd", null, 0]);
      return result.loss!;
    };
    const least = await end(1, 1000);
    // The minimum of a piecewise linear loss is a vertex: reached, and held to rounding. The classes overlap, so it is not 0.
    expect(least).toBeGreaterThan(0.3);
    expect((await end(1e9, 5)) / least).toBeCloseTo(1, 12);
    expect((await end(1e-9, 1e22)) / least).toBeCloseTo(1, 12);
  },
);

test("boundaries whose normals depend on one another but for rounding are named where they end a run", async () => {
  const yaml = `name: scales
dataset: { kind: gaussian-mixture, samples: 20, inputDimension: 2, separation: 1e9, std: 1e9, encoding: sign }
model: { kind: dnn, hidden: [], activation: { kind: identity }, init: { kind: normal, std: 0.3 } }
loss: { kind: hinge }
flow: { tEnd: 5, atol: 1e-18 }
engine: { kind: reference }
`;
  const { result } = await run([], {}, yaml);
  // Inputs of 10⁹ beside a bias: the third boundary's normal is in the span of two to 10⁻⁹, its square to 10⁻¹⁸.
  expect([result.status, result.message]).toEqual([
    "stepTooSmall",
    expect.stringMatching(
      /3 boundaries meet there whose normals depend on one another .* dataset\.normalise/,
    ),
  ]);
  const { result: normalised } = await run(["dataset.normalise=features"], {}, yaml);
  expect(normalised.status).toBe("reachedEnd");
});

test("kinks of a ReLU network and of its hinge, together: the exact flow is the limit of descent", async () => {
  const rows = Array.from({ length: 12 }, (_, i) => [Math.cos(i), Math.sin(2.3 * i)]);
  const inputs = `${rows.map((row) => row.join(",")).join("\n")}\n`;
  const targets = `${rows.map(([a, b]) => (a! * b! > 0 ? 1 : -1)).join("\n")}\n`;
  const model = "model: { kind: dnn, hidden: [6], activation: { kind: relu } }\n";
  const yaml = await studyOf(
    inputs,
    targets,
    "kind: hinge",
    `${model}flow: { tEnd: 6, rtol: 1e-8, boundaries: exact }\ndescent: { learningRates: [0.002, 0.001] }\n`,
  );
  const { result } = await run([], {}, yaml);
  expect(result.events!.slidingEntries).toBeGreaterThan(0);
  expect(result.events!.unsettled).toBe(0);
  const gaps = result.descent.map(({ parameterGap }) => parameterGap as number);
  // Descent errs by O(η): half the step, half the gap. Chatter at kinks leaves some of it to chance.
  expect(gaps[1]! / gaps[0]!).toBeGreaterThan(0.35);
  expect(gaps[1]! / gaps[0]!).toBeLessThan(0.65);
  expect(gaps[1]!).toBeLessThan(0.01);
  const file = join(folder, "hinge.yaml");
  await writeFile(file, yaml);
  const report = await describeModel(await loadConfig(file));
  expect(report.sites.map(({ path }) => path)).toEqual(["layers.1", "loss"]);
  expect(report.entries).toBe(12 * 7);
});

test.each([
  [
    "moons",
    "kind: logistic",
    /target \d+ is 0 .*takes ±1; write dataset\.encoding: sign, of two classes, or/,
  ],
  ["gaussian-mixture, encoding: index", "kind: hinge", /target \d+ is 0, .*; write dataset\.encoding: sign/],
  ["moons, encoding: sign", "kind: cross-entropy", /is -1, .*; leave dataset\.encoding out, or write index/],
  ["gaussian", "kind: exponential", /takes ±1; take data with classes, as of dataset\.kind: moons, or/],
])("targets that are drawn: the remedy is one of the study's fields: %s, %s", async (data, loss, message) => {
  const file = join(folder, `drawn-${count++}.yaml`);
  const dimension = data.startsWith("moons") ? "" : ", inputDimension: 2";
  const outputs = data === "gaussian" ? ", outputDimension: 1" : "";
  await writeFile(
    file,
    `name: drawn
dataset: { kind: ${data}, samples: 8${dimension}${outputs} }
model: { kind: dnn, hidden: [2], activation: { kind: tanh } }
loss: { ${loss} }
flow: { tEnd: 1 }
`,
  );
  const loaded = await loadConfig(file);
  await expect(prepare(loaded, createReferenceEngine())).rejects.toThrow(message);
});

test("a hinge without a violated margin is 0 and not −0, whatever engine sums it", async () => {
  const { record } = await run(
    [],
    {},
    `name: positive
seed: 1
dataset: { kind: gaussian-mixture, samples: 12, inputDimension: 3, encoding: sign }
model: { kind: dnn, hidden: [4], activation: { kind: relu } }
loss: { kind: hinge }
flow: { tEnd: 100 }
descent: { learningRates: [0.1] }
record: { at: linear, points: 5 }
engine: { kind: onnx, threads: 1 }
`,
  );
  expect(record.series.loss.at(-1)).toBe(0);
  expect(record.descent.loss.at(-1)).toBe(0);
});

async function writeArray(path: string, values: readonly number[]): Promise<void> {
  await writeNpy(path, Float64Array.from(values), [values.length]);
}

test.each(["dopri5", "tsrkc3", "rkc2"])(
  "a hinge comes to rest at L = 0, where it is flat, and is never negative: %s",
  async (method) => {
    const { result, record } = await run(
      [],
      {},
      `name: rest
seed: 1
dataset: { kind: gaussian-mixture, samples: 12, inputDimension: 3, encoding: sign }
model: { kind: dnn, hidden: [4], activation: { kind: relu } }
loss: { kind: hinge }
flow: { method: ${method}, tEnd: 100 }
record: { at: linear, points: 20 }
engine: { kind: reference }
`,
    );
    expect(result).toMatchObject({ status: "reachedEnd", loss: 0 });
    expect(result.events!.slidingEntries).toBeGreaterThan(0);
    expect(Math.min(...record.series.loss)).toBe(0);
    expect(result.notes.filter((note) => note.includes("rises"))).toEqual([]);
  },
);
