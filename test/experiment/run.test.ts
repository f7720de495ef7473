/** A run as its record shows it: clocks, stops, descent beside it, kinds of network. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { summarise } from "../../src/cli/summary.js";
import { readNpy } from "../../src/data/npy.js";
import { lossFigure } from "../../src/figure/loss.js";
import { distance } from "../flow/runs.js";
import { setUpRuns, study } from "./runs.js";

const run = setUpRuns();

test("result and record tell one story", async () => {
  const { result, record, directory } = await run();
  const { series } = record;
  const last = series.t.length - 1;
  expect(result.status).toBe("reachedEnd");
  expect(result.time).toBe(4);
  expect(Array.from(series.t)).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4]);
  expect(result.initialLoss).toBe(series.loss[0]);
  expect(result.loss).toBe(series.loss[last]);
  expect(result.energyDefect).toBe(series.energyDefect[last]);
  expect(result.energyDefect).toBeLessThan(10 * 1e-6);
  expect(result.parameters).toBe(4 * 8 + 8 + (8 * 4 + 4) + (4 * 2 + 2));
  // Six a step and one at the start; Hairer's choice of the first step takes one more.
  expect(result.gradientEvaluations).toBe(6 * (result.steps.accepted + result.steps.rejected) + 2);
  expect(record.result).toEqual(result);
  const [theta0, theta] = await Promise.all(
    ["theta0", "theta"].map(async (name) => (await readNpy(join(directory, `${name}.npy`))).data),
  );
  expect(theta!.length).toBe(result.parameters);
  expect(Math.abs(distance(theta!, theta0!) - series.parameterDistance[last]!)).toBeLessThan(1e-14);
  for (let i = 0; i <= last; i++) {
    const bound = Math.sqrt(series.t[i]! * (series.loss[0]! - series.loss[i]!));
    expect(series.parameterDistance[i]).toBeLessThanOrEqual(bound);
  }
});

test.each([
  ["half-sum", 1 / 2],
  ["sum", 1],
  ["mean", 1 / 40],
  ["half-mean-sample", 1 / 40],
] as const)("three clocks with reduction %s: t, τ = 2ct and k = t/η", async (reduction, factor) => {
  const { result, record } = await run([
    `loss.reduction=${reduction}`,
    "flow.tEnd=1",
    "descent.learningRates=[0.00390625, 0.005]",
  ]);
  const { series, descent } = record;
  series.canonicalTime.forEach((canonical, i) => {
    expect(canonical).toBe(2 * factor * series.t[i]!);
  });
  expect(result.canonicalTime).toBe(2 * factor);
  series.residualNorm.forEach((residual, i) => {
    expect(Math.abs(factor * residual ** 2 - series.loss[i]!)).toBeLessThan(1e-13 * series.loss[0]!);
  });
  expect(descent.t.length).toBeGreaterThan(8);
  descent.t.forEach((t, i) => {
    expect(t).toBe(descent.step[i]! * descent.learningRate[i]!);
  });
  expect(result.descent.map(({ steps, time }) => [steps, time])).toEqual([
    [256, 1],
    [200, 1],
  ]);
});

describe("a run stops", () => {
  test("when the loss has fallen by lossFactor", async () => {
    const { result, record } = await run(
      ["flow.lossFactor=1.5", "record.at=steps", "flow.tEnd=50"],
      {},
      steps,
    );
    expect(result.status).toBe("lossReached");
    expect(result.message).toContain("factor 1.5");
    expect(result.time).toBeLessThan(50);
    expect(result.loss).toBeLessThanOrEqual(result.initialLoss! / 1.5);
    const { loss } = record.series;
    expect(loss[loss.length - 2]).toBeGreaterThan(result.initialLoss! / 1.5);
  });

  test.each(["dopri5", "auto", "rkc2", "rodas4", "odex"])(
    "before it spends more than maxGradientEvaluations, those at the start included: %s",
    async (method) => {
      for (const kind of ["tanh", "relu"])
        for (const most of [1, 2, 7, 40]) {
          const { result, record } = await run([
            ...[`flow.maxGradientEvaluations=${most}`, `flow.method=${method}`, "flow.tEnd=1000"],
            `model.activation.kind=${kind}`,
          ]);
          expect(result.status).toBe("maxEvaluations");
          // What is decided at a kink is not cut short: a few gradients, and only there.
          expect(result.gradientEvaluations).toBeLessThanOrEqual(kind === "tanh" ? most : most + 4);
          expect(result.gradientEvaluations).toBeGreaterThanOrEqual(most);
          expect(result.message).toContain(
            `of at most ${most} evaluations ${result.gradientEvaluations} were spent`,
          );
          expect(record.series.t.at(-1)).toBe(result.time);
          if (most < 3) expect(result.time).toBe(0);
        }
    },
  );

  test("after maxSteps", async () => {
    const { result, record } = await run(["flow.maxSteps=5", "flow.tEnd=1000"]);
    expect(result.status).toBe("maxSteps");
    expect(result.steps.accepted).toBe(5);
    // It fell short of the planned times; its end is recorded all the same.
    expect(record.series.t[record.series.t.length - 1]).toBe(result.time);
  });

  test("when asked to, with the record intact", async () => {
    const controller = new AbortController();
    const { result, record } = await run(["flow.tEnd=1000"], {
      signal: controller.signal,
      onProgress: ({ gradientEvaluations }) => {
        if (gradientEvaluations > 30) controller.abort();
      },
    });
    expect(result.status).toBe("interrupted");
    expect(record.manifest.status).toBe("interrupted");
    expect(record.series.t[record.series.t.length - 1]).toBe(result.time);
    expect(result.time).toBeGreaterThan(0);
  });

  test("at once where the initial loss is not finite", async () => {
    const { result } = await run(
      ["flow.tEnd=1"],
      {},
      study.replace(
        "activation: { kind: tanh }",
        "activation: { kind: identity }, init: { kind: normal, std: 1e200 }",
      ),
    );
    expect(result.status).toBe("nonFinite");
    expect(result.message).toContain("initial parameters");
  });
});

const steps = study.replace("record: { at: linear, points: 8 }\n", "");

test("descent that diverges is flagged, and the flow is not disturbed", async () => {
  const yaml = study.replace("kind: tanh", "kind: identity");
  const settings = ["loss.reduction=half-sum", "flow.tEnd=20"];
  const alone = await run(settings, {}, yaml);
  const { result, record } = await run([...settings, "descent.learningRates=[1, 0.001]"], {}, yaml);
  const [wild, tame] = result.descent;
  expect(wild).toMatchObject({ learningRate: 1, diverged: true });
  expect(wild!.divergedAtStep).toBeGreaterThan(0);
  // It diverged before the first comparison: nothing is known of it, and nothing is made up; the figure names it.
  expect(wild).toMatchObject({ steps: 0, time: 0, loss: null, parameterGap: null });
  expect(JSON.stringify(lossFigure.build(record)!.spec)).toContain(
    `GD η = 1, diverged at step ${wild!.divergedAtStep}`,
  );
  expect(tame).toMatchObject({ learningRate: 0.001, steps: 20_000, diverged: false, divergedAtStep: null });
  expect(result.status).toBe("reachedEnd");
  expect(result.loss).toBe(alone.result.loss);
  expect(result.notes.join()).toContain("learning rate 1 diverged at step");
});

test("a diverged descent's numbers are those of the step beside them, in record, result, summary and figure", async () => {
  const yaml = study.replace("kind: tanh", "kind: identity");
  const settings = ["loss.reduction=half-sum", "flow.tEnd=20", "record.points=100"];
  const { result, record } = await run([...settings, "descent.learningRates=[0.25]"], {}, yaml);
  const { step, t, loss, parameterGap, functionGap, lossGap } = record.descent;
  const row = step.length - 1;
  const [wild] = result.descent;
  expect(wild).toMatchObject({ steps: step[row], time: t[row], loss: loss[row], diverged: true });
  expect([wild!.parameterGap, wild!.functionGap, wild!.lossGap]).toEqual(
    [parameterGap, functionGap, lossGap].map((column) => column[row]),
  );
  expect(wild!.steps).toBeGreaterThan(0);
  expect(wild!.steps).toBeLessThan(wild!.divergedAtStep!);
  const [, line] = summarise(result).match(/^ +0\.25 +(.*)$/m)!;
  const [steps, time] = line!.split(/ +/);
  expect([Number(steps), Number(time)]).toEqual([step[row], t[row]]);
  expect(line).toContain(`diverged at step ${wild!.divergedAtStep}`);
  const drawn = lossFigure.build(record)!.rows.filter(({ curve }) => curve.startsWith("GD"));
  expect(drawn.at(-1)).toMatchObject({ t: t[row], value: loss[row], mark: "diverged" });
  expect(drawn.at(-1)!.curve).toBe(`GD η = 0.25, diverged at step ${wild!.divergedAtStep}`);
});

test.each(["dnn", "resnet", "gcn"])("a %s runs to its end within its energy budget", async (kind) => {
  const yaml = study.replace("kind: dnn, hidden: [8, 4]", `kind: ${kind}, hidden: [6, 6]`);
  for (const method of ["bs32", "dopri5", "tsit5", "dop853", "odex"]) {
    const { result } = await run([`flow.method=${method}`, "descent.learningRates=[0.5]"], {}, yaml);
    expect(result.status).toBe("reachedEnd");
    expect(result.energyDefect).toBeLessThan(10 * 1e-6);
    expect(result.descent[0]!.steps).toBe(8);
  }
});

test("odex ends where dopri5 ends", async () => {
  const tight = ["flow.rtol=1e-11", "flow.atol=1e-13"];
  const ends = await Promise.all(
    ["dopri5", "odex"].map(async (method) => {
      const { directory, result } = await run([...tight, `flow.method=${method}`]);
      return { theta: (await readNpy(join(directory, "theta.npy"))).data, loss: result.loss };
    }),
  );
  expect(distance(ends[0]!.theta, ends[1]!.theta)).toBeLessThan(1e-9);
  expect(Math.abs(ends[0]!.loss! / ends[1]!.loss! - 1)).toBeLessThan(1e-9);
});

test("fixed steps: the energy defect falls with the order of the method", async () => {
  const yaml = study.replace("method: dopri5, rtol: 1e-6, atol: 1e-9", "method: rk4, stepSize: 0.1");
  const coarse = await run([], {}, yaml);
  const fine = await run(["flow.stepSize=0.05"], {}, yaml);
  expect(coarse.result.steps.accepted).toBe(40);
  expect(coarse.result.energyDefect! / fine.result.energyDefect!).toBeGreaterThan(12);
});

test("the figures and the tables of a record are files that exist", async () => {
  const { result, directory } = await run(["descent.learningRates=[0.1]", "figure.draw=true"]);
  expect(result.figures.length).toBeGreaterThan(0);
  for (const name of [...result.figures, "series.csv", "descent.csv", "result.json", "manifest.json"]) {
    expect((await readFile(join(directory, name))).length).toBeGreaterThan(100);
  }
});
