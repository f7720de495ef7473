/** Stepwise stability against losses in closed form, and against descents made by hand. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { formatNpy } from "../../src/data/npy.js";
import { engineOf, prepare } from "../../src/experiment/prepare.js";
import { measureStability } from "../../src/experiment/stability.js";
import { describeChecks } from "../../src/figure/report-checks.js";
import { judgeLinearFall } from "../../src/flow/stepwise.js";
import { setUpRuns, study } from "./runs.js";

const run = setUpRuns();

const folder = await mkdtemp(join(tmpdir(), "gradflow-stability-"));
afterAll(() => rm(folder, { recursive: true }));

async function load(yaml: string, set: readonly string[] = []) {
  const file = join(folder, "study.yaml");
  await writeFile(file, yaml);
  return loadConfig(file, { set });
}

/** L = ½Σ λ_i w_i², from w = (10⁻³, 1): a linear network on two samples, its eigenvalues 4s and λs. */
async function quadratic(scale: number, lambda: number) {
  await writeFile(join(folder, "x.csv"), `${2 * Math.sqrt(scale)},0\n0,${Math.sqrt(lambda * scale)}\n`);
  await writeFile(join(folder, "y.csv"), "0\n0\n");
  await writeFile(join(folder, "w.npy"), formatNpy(Float64Array.of(1e-3, 1), [2]));
  return load(`name: quadratic
dataset: { kind: file, inputs: x.csv, targets: y.csv, header: false, index: false }
model: { kind: dnn, hidden: [], bias: false, activation: { kind: identity }, init: { kind: file, path: w.npy } }
loss: { reduction: half-sum }
flow: { tEnd: 1 }
engine: { kind: reference }
`);
}

/** Largest η/s for which Σ λ_i w_i²(1 − ηλ_i)^{2k} never rises in so many steps. The growing mode gains on the other, so the last step decides. */
function monotoneEdge(steps: number, lambda: number): number {
  const loss = (eta: number, k: number) =>
    4 * 1e-6 * (1 - 4 * eta) ** (2 * k) + lambda * (1 - lambda * eta) ** (2 * k);
  let [low, high] = [0.5, 1];
  while (high - low > 1e-12) {
    const middle = (low + high) / 2;
    if (loss(middle, steps) <= loss(middle, steps - 1)) low = middle;
    else high = middle;
  }
  return low;
}

describe.each([1, 1e-9, 1e9])("a quadratic of scale %g", (scale) => {
  test("what theorems allow, along a flow whose curvature is the same everywhere", async () => {
    const study = await quadratic(scale, 0.04);
    // To t = 3/s: the mode of 4s has gone, that of 0.04s is on its way.
    const loaded = { ...study, config: { ...study.config, flow: { ...study.config.flow, tEnd: 3 / scale } } };
    const { theorems, theta0 } = await measureStability(loaded, { steps: 25, tolerance: 0.1 }).then(
      (report) => ({
        ...report,
        theta0: [1e-3, 1],
      }),
    );
    const { descentLemma, near, nearness } = theorems.found!;
    // λ_max by Lanczos with the residual added, to a thousandth.
    expect(descentLemma * scale).toBeCloseTo(0.5, 3);
    const gone = (lambda: number) => -Math.expm1(-3 * lambda);
    const way = Math.hypot(theta0[0]! * gone(4), theta0[1]! * gone(0.04));
    // The solver's rtol is 1e-6.
    expect(nearness / way).toBeCloseTo(0.05, 6);
    // β = 4s, γ = ‖∇L(θ₀)‖, m = 0.04s: ε/(βγ(1 − e^{−mT})/m).
    const gradient = Math.hypot(4 * theta0[0]!, 0.04 * theta0[1]!);
    const expected = nearness / (4 * gradient * (gone(0.04) / 0.04));
    expect((near * scale) / expected).toBeCloseTo(1, 2);
  });

  test("falls at every step, and linearly, up to the rates of the closed form", async () => {
    const tolerance = 1e-4;
    const few = await measureStability(await quadratic(scale, 0.04), { steps: 25, tolerance });
    const many = await measureStability(await quadratic(scale, 1), { steps: 300, tolerance });
    // In 25 steps the growing mode has not overtaken the slow one at rates well above 2/λ_max: the verdict is about the steps taken.
    expect(monotoneEdge(25, 0.04)).toBeGreaterThan(0.51);
    for (const [report, edge] of [
      [few, monotoneEdge(25, 0.04)],
      [many, monotoneEdge(300, 1)],
    ] as const) {
      expect(report.sharpness / (4 * scale)).toBeCloseTo(1, 9);
      expect(report.limit! * scale).toBeCloseTo(0.5, 9);
      const { learningRate, failsAt } = report.monotone;
      expect(learningRate! * scale).toBeLessThanOrEqual(edge * (1 + 1e-9));
      expect(failsAt! * scale).toBeGreaterThan(edge * (1 - 1e-9));
      expect(failsAt! / learningRate!).toBeLessThanOrEqual(1 + tolerance);
    }
    // Linear falling ends at 2/λ_max itself: (1 − 4η)^{2k} has slope −2 ln|1 − 4η| once it leads.
    const { learningRate, failsAt, tried, limits } = many.linear!;
    expect(learningRate! * scale).toBeLessThan(0.5);
    expect(failsAt! * scale).toBeGreaterThanOrEqual(0.5 * (1 - tolerance));
    expect(failsAt! / learningRate!).toBeLessThanOrEqual(1 + tolerance);
    for (const { rate, learningRate: eta, passes } of tried)
      if (passes && eta * scale > 0.45 && eta * scale < 0.49)
        // The other mode has all but gone in the window.
        expect(rate).toBeCloseTo(-2 * Math.log(Math.abs(1 - 4 * eta * scale)), 6);
    // The curvature is the same everywhere.
    expect([limits!.least * scale, limits!.greatest! * scale]).toEqual([
      expect.closeTo(0.5, 6),
      expect.closeTo(0.5, 6),
    ]);
  });
});

test("descents on minibatches have no such rates: refused", async () => {
  const loaded = await quadratic(1, 1);
  const batches = {
    ...loaded,
    config: { ...loaded.config, descent: { ...loaded.config.descent, batch: 1 } },
  };
  await expect(measureStability(batches, { steps: 25, tolerance: 1e-2 })).rejects.toThrow(
    /descent\.batch: draws what/,
  );
});

test("on a network the rates that pass and fail do so when descent is made by hand", async () => {
  const loaded = await load(study);
  const report = await measureStability(loaded, { steps: 200, tolerance: 1e-2 });
  const engine = await engineOf(loaded);
  const { problem, theta0 } = await prepare(loaded, engine);
  const risesOf = async (eta: number): Promise<number> => {
    const theta = theta0.slice();
    const gradient = new Float64Array(theta.length);
    let [before, rises] = [Number.POSITIVE_INFINITY, 0];
    for (let k = 0; k <= 200; k++) {
      const loss = await problem.lossGradient(theta, gradient);
      // Rounding of a loss of order 1 is far below.
      if (loss > before + 1e-12) rises++;
      before = loss;
      for (let i = 0; i < theta.length; i++) theta[i]! -= eta * gradient[i]!;
    }
    return rises;
  };
  expect(await risesOf(report.monotone.learningRate!)).toBe(0);
  expect(await risesOf(report.monotone.failsAt!)).toBeGreaterThan(0);
  expect(report.monotone.limits!.least).toBeLessThanOrEqual(report.limit! * (1 + 1e-6));
  expect(report.monotone.limits!.points).toBe(11);
  await engine.dispose();
});

describe("falling linearly is told from other ways to fall", () => {
  const rounding = () => 1e-15;
  const judge = (law: (k: number) => number) =>
    judgeLinearFall(
      { losses: Array.from({ length: 401 }, (_, k) => law(k)), divergedAt: null },
      0,
      rounding,
    )!;
  test.each([
    ["e^{−k/50}", (k: number) => Math.exp(-k / 50), true, 1],
    // Period two at the edge of stability: slopes see through it.
    ["oscillating", (k: number) => Math.exp(-k / 50) * (1 + 0.5 * (-1) ** k), true, 1],
    ["1/k", (k: number) => 1 / (k + 1), false, 0.62],
    ["1/k³", (k: number) => 1 / (k + 1) ** 3, false, 0.62],
    ["a plateau", () => 1, false, null],
    ["towards 1", (k: number) => 1 + Math.exp(-k / 50), false, null],
    ["growing", (k: number) => Math.exp(k / 500), false, null],
    ["gone in five steps", (k: number) => (k < 5 ? 10 ** -k : 0), true, null],
  ])("%s", (_name, law, holds, steadiness) => {
    const found = judge(law);
    expect(found.holds).toBe(holds);
    if (steadiness !== null) expect(found.steadiness).toBeCloseTo(steadiness, 1);
  });
});

test("where L* is unknown nothing is said of linear falling; a wrong L* is refused", async () => {
  const decay = await load(study, ["loss.regularisation={weightDecay: 0.1}"]);
  expect((await measureStability(decay, { steps: 20, tolerance: 0.5 })).linear).toBeNull();
  await expect(measureStability(decay, { steps: 20, tolerance: 0.5, leastLoss: 100 })).rejects.toThrow(
    /leastLoss 100 is above the loss/,
  );
});

test("a start that does not move is refused", async () => {
  await writeFile(join(folder, "zeros.npy"), formatNpy(new Float64Array(86), [86]));
  await writeFile(join(folder, "zero-x.csv"), "1,2,3,4\n2,3,4,5\n");
  await writeFile(join(folder, "zero-y.csv"), "0,0\n0,0\n");
  const still = await load(study, [
    "model.init={kind: file, path: zeros.npy}",
    "dataset={kind: file, inputs: zero-x.csv, targets: zero-y.csv}",
  ]);
  await expect(measureStability(still, { steps: 20, tolerance: 0.5 })).rejects.toThrow(
    /model\.init: the gradient at θ₀ is exactly zero/,
  );
});

test("options out of range are all refused at once", async () => {
  const bad = { steps: 1e99, tolerance: 0.6, leastLoss: Number.POSITIVE_INFINITY };
  await expect(measureStability(await load(study), bad)).rejects.toThrow(
    /steps.*\n.*tolerance.*\n.*least-loss/,
  );
});

test("an interrupt ends it", async () => {
  const controller = new AbortController();
  controller.abort();
  await expect(
    measureStability(await load(study), { steps: 20, tolerance: 0.5, signal: controller.signal }),
  ).rejects.toThrow(/interrupted/);
});

describe("a study with a section stability", () => {
  const asked = ["stability={steps: 30, tolerance: 0.1}"];

  test("has in its record what the search finds; interrupted and resumed, too", async () => {
    const report = await measureStability(await load(study), { steps: 30, tolerance: 0.1 });
    const { result } = await run(asked);
    const { tried, ...monotone } = report.monotone;
    expect(result.stability).toMatchObject({ sharpness: report.sharpness, gradients: report.gradients });
    expect(result.stability!.monotone).toEqual({ ...monotone, trials: tried.length });
    expect(describeChecks(result)).toContain("largest stable η over 30 steps");
    const controller = new AbortController();
    const onMessage = (line: string) => line.startsWith("monotone: ") && controller.abort();
    const cut = await run(asked, { signal: controller.signal, onMessage });
    expect([cut.result.status, cut.result.stability]).toEqual(["interrupted", null]);
    const whole = await run(asked, { directory: cut.directory, resume: true });
    expect(whole.result.stability).toEqual(result.stability);
    expect(whole.result.loss).toBe(result.loss);
  });

  test("whose search cannot be made says why, and runs", async () => {
    const { result } = await run(["stability={leastLoss: 100}"]);
    expect(result.stability).toBeNull();
    expect(result.status).toBe("reachedEnd");
    expect(result.notes).toContainEqual(
      expect.stringMatching(/^Stability was not searched\. .*leastLoss 100/),
    );
  });

  test("and minibatches is refused, before anything is written", async () => {
    await expect(run([...asked, "descent={learningRates: [0.1], batch: 5}"])).rejects.toThrow(
      /descent\.batch/,
    );
  });
});
