/** The kernel along whole runs: identities through kinks and slides, verdicts, what stands in the record, bad input. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { summarise } from "../../src/cli/summary.js";
import { loadConfig } from "../../src/config/load.js";
import { readNpy } from "../../src/data/npy.js";
import { createReferenceEngine } from "../../src/engine/index.js";
import { checkStudy } from "../../src/experiment/check.js";
import { prepare } from "../../src/experiment/prepare.js";
import { judgeBound } from "../../src/ntk/index.js";
import { setUpRuns } from "./runs.js";

const run = setUpRuns();
const folder = await mkdtemp(join(tmpdir(), "gradflow-ntk-"));
afterAll(() => rm(folder, { recursive: true }));

/** Overparametrised: nM = 20, P = 145. */
const smooth = `name: kernel-test
dataset: { kind: gaussian, samples: 10, inputDimension: 6, outputDimension: 2 }
model: { kind: dnn, hidden: [9, 6], activation: { kind: tanh } }
flow: { method: dopri5, rtol: 1e-7, atol: 1e-10, tEnd: 4 }
record: { at: linear, points: 4 }
measure: { ntk: { at: linear, points: 6 } }
engine: { kind: reference }
`;
const sliding = smooth
  .replace("kind: tanh", "kind: leaky-relu, slope: 0.05")
  .replace("tEnd: 4", "tEnd: 3, boundaries: exact");
type Run = ReturnType<typeof run>;
/** Runs that several tests look at, made once. */
const shared = new Map<string, Run>();
const once = (name: string, make: () => Run): Run => {
  const known = shared.get(name) ?? make();
  shared.set(name, known);
  return known;
};
const slid = () => once("sliding", () => run([], {}, sliding));
const long = () => once("long", () => run(["flow.tEnd=12"], {}, smooth));

/** From code a config gives rtol; the identity is asked to hold to ten times that. */
const TEN_RTOL = 10 * 1e-7;

test.each([
  ["smooth", smooth],
  ["sliding", sliding],
])("a run that stopWhen ends has its kernel there: %s", async (_, yaml) => {
  const stopped = await run(["flow.stopWhen={lossFactor: 1.2}", "measure.ntk.points=1"], {}, yaml);
  const { result, record } = stopped;
  expect([result.status, result.ntk!.time]).toEqual(["lossReached", result.time]);
  expect(record.ntk.t).toEqual(Float64Array.of(0, result.time));
  const whole = await run([`flow.tEnd=${result.time}`, "measure.ntk.points=1"], {}, yaml);
  expect(result.ntk!.drift).toBeGreaterThan(1e-3);
  // The same flow to the same time, by other steps: to the tolerance of them, 1e-7 each.
  expect(result.ntk!.drift / whole.result.ntk!.drift).toBeCloseTo(1, 5);
  expect(result.ntk!.rateDefect).toBeLessThan(TEN_RTOL);
});

test("mean-field is ntk at α/√width where there is one hidden layer and no bias, to its kernel's drift", async () => {
  const at = async (parametrisation: string, scale: number) => {
    const model = `{ kind: dnn, hidden: [16], bias: false, activation: { kind: tanh }, parametrisation: ${parametrisation}, output: { scale: ${scale}, centred: true } }`;
    const { result } = await run([`model=${model}`, "measure.ntk.points=1"], {}, smooth);
    return [result.loss!, result.ntk!.drift];
  };
  const [loss, drift] = await at("mean-field", 2);
  expect(drift).toBeGreaterThan(1e-3);
  const [other, otherDrift] = await at("ntk", 2 / Math.sqrt(16));
  // One factor in place of two: rounding.
  expect([loss! / other!, drift! / otherDrift!]).toEqual([expect.closeTo(1, 12), expect.closeTo(1, 9)]);
});

test("the result has the kernel's extremes and what it took, as of any measure", async () => {
  const { result, record } = await long();
  const { t, lambdaMin, drift } = record.ntk;
  const least = Math.min(...lambdaMin!);
  expect(result.measured["ntk.lambdaMin"]).toMatchObject({
    ...{ minimum: least, minimumTime: t[lambdaMin!.indexOf(least)], maximum: Math.max(...lambdaMin!) },
    ...{ last: lambdaMin!.at(-1), lastTime: 12 },
  });
  expect(result.measured["ntk.drift"]!.maximum).toBe(Math.max(...drift!));
  const cost = result.measures.find(({ name }) => name === "ntk")!;
  expect(cost.times).toBe(7);
  // Four gradients a step for ∫4cλ_eff, one each time, and a row of J for each of nM = 20 scalars, which costs less than a gradient.
  expect(cost.gradientEquivalents).toBeGreaterThan(4 * result.steps.accepted + 7);
  expect(cost.gradientEquivalents).toBeLessThan(4 * (result.steps.accepted + 7) + 7 * 2 * 20);
  expect(summarise(result)).toMatch(
    /ntk: taken 7 times, the work of \d+ gradients \(the flow took \d+\), .* % of the run/,
  );
});

describe("∫4cλ_eff is ln(‖r(0)‖²/‖r(t)‖²) to 10·rtol", () => {
  test.each([
    ["dopri5", []],
    ["dop853", []],
    ["bs32", []],
    ["dopri5", ["flow.rtol=1e-9", "flow.atol=1e-12"]],
  ])("on a smooth flow by %s %s", async (method, set) => {
    const { result, record } = await run([`flow.method=${method}`, ...set], {}, smooth);
    expect(record.ntk.t.length).toBe(7);
    expect(result.ntk!.rateDefect).toBeLessThan(set.length > 0 ? TEN_RTOL / 100 : TEN_RTOL);
    record.ntk.lambdaEffKernel.forEach((value, k) => {
      expect(Math.abs(value / record.ntk.lambdaEff[k]! - 1)).toBeLessThan(1e-10);
    });
  });

  test("through crossings and slides, where the kernel is that of the sliding motion", async () => {
    const { result, record } = await slid();
    const { ntk } = record;
    expect(result.events!.crossings).toBeGreaterThan(3);
    expect(Math.max(...ntk.held)).toBeGreaterThan(1);
    expect(result.ntk!.rateDefect).toBeLessThan(TEN_RTOL);
    // rᵀ(JΠJᵀ)r/‖r‖² is what the projected velocity says: held entries are right, one by one.
    ntk.lambdaEffKernel.forEach((value, k) => {
      expect(Math.abs(value / ntk.lambdaEff[k]! - 1)).toBeLessThan(1e-8);
    });
  });

  test.each(["eig", "layer-product", "lanczos"])(
    "and %s finds the same λ_min on the sliding flow as svd",
    async (method) => {
      const settings = [
        `measure.ntk.method=${method}`,
        "measure.ntk.products=4000",
        "measure.ntk.tolerance=1e-6",
      ];
      const { record } = await run([...settings, "measure.ntk.points=6"], {}, sliding);
      const { record: reference } = await slid();
      reference.ntk.lambdaMin.forEach((value, k) => {
        expect(Math.abs(record.ntk.lambdaMin[k]! / value - 1)).toBeLessThan(1e-5);
        if (method !== "lanczos") {
          // Of JΠJᵀ as well each is off by no more than it says: what the held entries make of errors is in it.
          const residuals = record.ntk.lambdaMinResidual[k]! + reference.ntk.lambdaMinResidual[k]!;
          expect(Math.abs(record.ntk.lambdaMin[k]! - value)).toBeLessThanOrEqual(residuals);
          expect(reference.ntk.lambdaMinResidual[k]).toBeLessThan(1e-6 * value);
        }
        expect(Math.abs(record.ntk.lambdaMax[k]! / reference.ntk.lambdaMax[k]! - 1)).toBeLessThan(1e-5);
      });
    },
  );
});

describe("the verdict of a run", () => {
  test("is pass on an overparametrised network, with both bounds above the residual", async () => {
    const { result, record } = await long();
    const { ntk } = record;
    expect(result.ntk!.verdict).toBe("pass");
    expect(result.ntk!.initial.lambdaMin.kind).toBe("certified");
    ntk.t.forEach((_, k) => {
      expect(ntk.residualSquared[k]).toBeLessThanOrEqual(ntk.bound[k]! * (1 + TEN_RTOL));
      expect(ntk.bound[k]).toBeLessThanOrEqual(ntk.boundWorst[k]! * (1 + 1e-12));
    });
    expect(result.ntk!.margin).toBeGreaterThan(0);
  });

  test("turns to violated with a c that is wrong by enough: test of the test", async () => {
    const { record } = await long();
    const { t, residualSquared, residualSquaredFloor, rateDefect, lambdaMin } = record.ntk;
    const samples = Array.from(t, (time, k) => ({
      t: time,
      residualSquared: residualSquared[k]!,
      residualFloor: Math.sqrt(residualSquaredFloor[k]!),
      rateDefect: rateDefect[k]!,
      lambdaMin: { value: lambdaMin[k]!, kind: "certified" as const, upper: lambdaMin[k]! },
    }));
    const factor = 1 / 20;
    const options = { vacuousBelow: 0.01, slack: TEN_RTOL, isFlow: true };
    expect(judgeBound(samples, { factor, ...options }).at(-1)!.verdict).toBe("pass");
    // λ_eff is far above λ_min here, so c must be off by more than their ratio.
    const ratio = Math.max(...Array.from(record.ntk.lambdaEff, (value, k) => value / lambdaMin[k]!));
    expect(judgeBound(samples, { factor: 2 * ratio * factor, ...options }).at(-1)!.verdict).toBe("violated");
  });

  test.each([
    ["quickstart.yaml", ["flow.tEnd=4", "descent.learningRates=[]"]],
    ["study/sliding.yaml", ["flow.tEnd=1", "flow.rtol=1e-6", "descent.learningRates=[]"]],
    [
      "study/chatter.yaml",
      ["flow.tEnd=0.5", "flow.rtol=1e-6", "descent.learningRates=[]", "descent.countFlips=false"],
    ],
    ["study/smoothing.yaml", ["flow.tEnd=0.5", "flow.rtol=1e-6", "flow.compareSmoothing=[]"]],
    ["study/overparametrisation.yaml", ["flow.tEnd=5"]],
  ])("is pass or vacuous on configs/%s", async (name, set) => {
    const yaml = await readFile(new URL(`../../configs/${name}`, import.meta.url), "utf8");
    const few = ["measure.ntk.points=4", "record.points=4"];
    const { result } = await run([...set, ...few], {}, yaml);
    expect(["pass", "vacuous"]).toContain(result.ntk!.verdict);
    expect(result.ntk!.verdicts.violated + result.ntk!.verdicts.unresolved).toBe(0);
  });
});

describe("the record", () => {
  test("has spectrum, modes, density and eigenfunctions that fit one another", async () => {
    const { record, directory } = await run(
      ["measure.ntk.eigenfunctions=true", "measure.ntk.spectrum=20", "figure.draw=true"],
      {},
      smooth,
    );
    const { ntk, ntkSpectrum, ntkModes, ntkDensity } = record;
    const initial = ntkSpectrum.eigenvalue.slice(0, 20);
    expect(Math.abs(initial.reduce((p, q) => p + q, 0) / ntk.trace[0]! - 1)).toBeLessThan(1e-12);
    expect(Math.abs(ntkSpectrum.cumulative[19]! - 1)).toBeLessThan(1e-12);
    // At t = 0 the frozen kernel is the kernel, and all modes together are the residual.
    const energy = ntkModes.energy.slice(0, 20).reduce((p, q) => p + q, 0);
    expect(Math.abs(energy / ntk.residualSquared[0]! - 1)).toBeLessThan(1e-12);
    ntkModes.energy.slice(0, 20).forEach((value, k) => {
      expect(Math.abs(value - ntkModes.frozenEnergy[k]!)).toBeLessThan(1e-12 * energy);
    });
    expect(ntk.lazyDefect[0]).toBeLessThan(1e-12);
    expect(ntk.drift[0]).toBe(0);
    expect(Array.from(ntkDensity.node.slice(0, 20))).toEqual(Array.from(initial));
    const { data } = await readNpy(join(directory, "ntk-eigenfunctions.npy"));
    expect(data.length).toBe(20 * 10 * 2);
    expect(record.manifest.files).toContain("figures/ntk-bound.png");
    expect(record.manifest.files).toContain("figures/ntk-modes.svg");
  });

  test("a linear model stays lazy for ever: the frozen modes are the flow", async () => {
    const yaml = smooth
      .replace("hidden: [9, 6], activation: { kind: tanh }", "hidden: [], activation: { kind: identity }")
      .replace("samples: 10", "samples: 5");
    const { result, record } = await run(["flow.tEnd=8"], {}, yaml);
    expect(result.ntk!.lazyUntil).toBe(8);
    expect(Math.max(...record.ntk.drift)).toBeLessThan(1e-12);
    expect(Math.max(...record.ntk.lazyDefect)).toBeLessThan(TEN_RTOL);
  });

  test("a kernel that is not finite is a note, not a crash", async () => {
    // J = x is of order 1e155, r of order 1e-10: G overflows where the loss and ‖∇L‖² do not.
    const yaml = smooth
      .replace("kind: gaussian,", "kind: uniform-ball, radius: 1e155, labelScale: 1e-10,")
      .replace(
        "hidden: [9, 6], activation: { kind: tanh }",
        "hidden: [], activation: { kind: identity }, init: { kind: normal, std: 1e-166 }, bias: false",
      );
    const { result } = await run(["flow.tEnd=1e-322", "flow.maxSteps=1"], {}, yaml);
    expect(result.ntk).toBeNull();
    expect(result.notes.join(" ")).toMatch(/tangent kernel at t = 0 could not be computed.*not finite/);
  });
});

describe("what cannot be done is refused before anything is written", () => {
  test.each([
    [
      "measure.ntk.method=layer-product",
      smooth.replace("kind: dnn", "kind: gcn, neighbours: 3"),
      /measure\.ntk\.method: layer-product needs samples that do not couple/,
    ],
    [
      "engine.dtype=float32",
      smooth.replace("kind: reference", "kind: onnx"),
      /measure\.ntk: needs engine\.dtype: float64/,
    ],
    ["measure.ntk.memory=0.00001", smooth, /lanczos needs about .* more than the 0.00001 GB allowed/],
    [
      "measure.ntk.method=svd",
      smooth.replace("samples: 10", "samples: 4000"),
      /svd takes at most nM = 6000 scalars, this problem has 8000; use lanczos/,
    ],
    [
      "measure.ntk.method=svg",
      smooth,
      /must be one of auto, svd, eig, layer-product, lanczos.*Did you mean svd/,
    ],
  ])("%s", async (set, yaml, message) => {
    await expect(run([set], {}, yaml)).rejects.toThrow(message);
  });
});

describe("the report before a run", () => {
  test("counts, caps and stable steps; a gcn gets the bound by its Â", async () => {
    const file = new URL("../../configs/study/sliding.yaml", import.meta.url).pathname;
    const report = await checkStudy(
      await loadConfig(file, { set: ["model.kind=gcn", "dataset.samples=20"] }),
    );
    expect(report.parameters).toBe(682);
    expect(report.scalars).toBe(40);
    const { sigmaMin, bound } = report.adjacency!;
    expect(sigmaMin).toBeGreaterThan(0);
    // The bound is an upper bound of λ_min, and of the order σ²·λ_max.
    expect(bound).toBeLessThan(100 * sigmaMin ** 2 * report.lambdaMax);
    const limits = Object.fromEntries(report.steps.map(({ method, limit }) => [method, limit]));
    // stabilityInterval gives steps of 1e-3.
    expect(limits["euler"]).toBeCloseTo(2, 2);
    // Known limits on the negative real axis (Hairer & Wanner II, IV.2): RK4 2.785294, DOPRI5 3.3066.
    expect(limits["rk4"]).toBeCloseTo(2.7853, 2);
    expect(limits["dopri5"]).toBeCloseTo(3.3066, 2);
  });

  test("in flow.clock: log the flow's steps are of ∇² ln L, and how many lead to tEnd is not known", async () => {
    const file = join(folder, "log.yaml");
    await writeFile(
      file,
      `name: log
dataset: { kind: gaussian-mixture, samples: 8, inputDimension: 2, encoding: sign }
model: { kind: dnn, hidden: [], bias: false }
loss: { kind: exponential }
flow: { tEnd: 1e30, clock: log, method: rk4, stepSize: 0.1 }
engine: { kind: reference }
`,
    );
    const loaded = await loadConfig(file);
    const report = await checkStudy(loaded);
    const { theta0, data, problem } = await prepare(loaded, createReferenceEngine());
    // f = w·x/√N or w·x: the rows of ∂f/∂w by f itself. ∇² ln Σ e^{−yf} is the covariance of y ∂f/∂w by the weights e^{−yf}.
    const outputsAt = async (theta: Float64Array) => {
      const out = new Float64Array(8);
      await problem.predict(theta, out);
      return out;
    };
    const [a, b] = [await outputsAt(Float64Array.of(1, 0)), await outputsAt(Float64Array.of(0, 1))];
    const weights = (await outputsAt(theta0)).map((f, i) => Math.exp(-f * data["y"]![i]!));
    const total = weights.reduce((p, q) => p + q, 0);
    const mean = (g: (i: number) => number) => weights.reduce((sum, w, i) => sum + (w / total) * g(i), 0);
    const y = data["y"]!;
    const [ma, mb] = [mean((i) => y[i]! * a[i]!), mean((i) => y[i]! * b[i]!)];
    const [p, q, r] = [
      mean((i) => a[i]! ** 2) - ma ** 2,
      mean((i) => a[i]! * b[i]!) - ma * mb,
      mean((i) => b[i]! ** 2) - mb ** 2,
    ];
    const largest = (p + r) / 2 + Math.hypot((p - r) / 2, q);
    // The search stops at three digits, and the Rayleigh quotient has twice as many.
    expect(Math.abs(report.logSharpness! / largest - 1)).toBeLessThan(1e-5);
    const [gd, ...flow] = report.steps;
    expect(gd!.gradients).toBe(Math.ceil((1e30 * report.sharpness) / 2));
    for (const { limit, stepSize, gradients } of flow) {
      expect(stepSize).toBe(limit / report.logSharpness!);
      expect(gradients).toBeNull();
    }
    expect(report.notes.filter((note) => note.includes("steps"))).toEqual([]);
  });
});
