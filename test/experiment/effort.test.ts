import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { createEngine } from "../../src/engine/index.js";
import { announceEffort, announceStiffness } from "../../src/experiment/effort.js";
import { createForecast } from "../../src/experiment/forecast.js";
import { createPause } from "../../src/experiment/pause.js";
import { prepare } from "../../src/experiment/prepare.js";
import { runExperiment } from "../../src/experiment/run.js";
import { Memory } from "../../src/memory.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-effort-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
const study = join(folder, "base.yaml");
await writeFile(
  study,
  `name: s
dataset: { kind: gaussian, samples: 4, inputDimension: 2, outputDimension: 1 }
model: { kind: dnn, hidden: [3], activation: { kind: tanh } }
flow: { method: dopri5, tEnd: 0.3 }
record: { at: linear, points: 3 }
`,
);
const load = (...set: string[]) => loadConfig(study, { set });

describe("work beyond all patience", () => {
  // A gradient of 0.1 ms: 3e11 steps take 3e7 s, which are 347 days.
  const say = async (...set: string[]) => announceEffort((await load(...set)).config, async () => 1e-4);

  it("is announced with its steps and its time", async () => {
    expect(await say("descent.learningRates=[1e-3, 1e-12]")).toEqual([
      "descent.learningRates.1: 1e-12 takes 3.0e11 steps to t = 0.3, at least 350 days at the present speed of a gradient; raise it or lower flow.tEnd.",
    ]);
    // Four gradients a step.
    const [note] = await say("flow={method: rk4, stepSize: 1e-10, tEnd: 0.3, maxSteps: 1e12}");
    expect(note).toContain("flow.stepSize: 1e-10 takes 3.0e9 steps to t = 0.3, at least 14 days");
  });

  it("is announced where flow.maxSteps will end it", async () => {
    expect(await say("flow={method: euler, stepSize: 1e-8, tEnd: 0.3}")).toEqual([
      "flow.stepSize: 1e-8 takes 3.0e7 steps to t = 0.3, and flow.maxSteps allows 1,000,000: the run ends near t = 0.01 with the status maxSteps.",
    ]);
    expect((await say("flow.maxStep=1e-9"))[0]).toContain("flow.maxStep: 1e-9 takes at least 3.0e8 steps");
  });

  it("is announced for the rows of a table", async () => {
    expect((await say("record.points=2e7"))[0]).toContain("record: 2.0e7 rows");
  });

  it("says nothing of the flow's steps in flow.clock: log, which are in another time than tEnd", async () => {
    const set = [
      "loss={kind: logistic}",
      "dataset={kind: gaussian-mixture, samples: 4, inputDimension: 2, encoding: sign}",
      "model.activation.kind=relu",
      "descent.learningRates=[0.1]",
    ];
    // Those of descent are in t.
    for (const flow of [
      "method: rk4, stepSize: 0.1",
      "method: auto, boundaries: stepping, stepSize: 0.1",
      "method: auto, maxStep: 0.1",
    ])
      expect(await say(...set, `flow={clock: log, tEnd: 1e12, ${flow}}`)).toEqual([
        expect.stringContaining("descent.learningRates.0: 0.1 takes 1.0e13 steps to t = 1000000000000"),
      ]);
  });

  it("says nothing of ordinary runs", async () => {
    expect(await say("descent.learningRates=[1e-6]", "flow.maxStep=1e-6")).toEqual([]);
  });

  it.each([
    "descent.learningRates=[1e-20]",
    "flow.maxStep=1e-17",
    "flow={method: euler, stepSize: 1e-30, tEnd: 1}",
  ])("is refused where steps cannot be counted: %s", async (set) => {
    await expect(load(set)).rejects.toThrow(
      /takes \d\.\de\d+ steps to flow.tEnd = .*, more than the 2\^53 that can/,
    );
  });
});

describe("a flow that will not get to its end", () => {
  const at = async (
    state: { gradients: number; accepted: number; t: number; loss?: number }[],
    options = {},
  ) => {
    const forecast = createForecast({
      ...{ tEnd: 1e15, maxSteps: 1e6, bounded: false, isLogClock: false, memory: new Memory() },
      ...options,
    });
    // A gradient of 0.1 ms.
    const said: (string | null)[] = [];
    for (const { loss = 1, ...now } of state)
      said.push(await forecast(now, now.gradients * 1e-4, async () => loss));
    return said;
  };
  const steady = [5e3, 1e4, 2e4, 4e4].map((gradients) => ({
    gradients,
    accepted: gradients / 1000,
    t: gradients,
  }));

  it("is announced once, from the second look on, with gradients and time", async () => {
    expect(await at(steady)).toEqual([
      null,
      "After 10,000 gradients the flow is at t = 10000 of 1.0e15. As it goes on it needs about 1.0e15, 3,169 years at the present speed, and flow.maxSteps allows 1,000,000 steps. Lower flow.tEnd, or let it end where little happens any more: flow.stopWhen: { gradientFactor: 1e6 }.",
      null,
      null,
    ]);
  });

  it("is in the clock of ln L where t grows like a power of the gradients, and not in a tail", async () => {
    const [, note] = await at(steady, { isLogClock: true });
    expect(note).toMatch(
      /needs about 1\.0e15.*where the network cannot separate the data\. Lower flow\.tEnd/,
    );
    // A decade every thousand gradients; by a power of them the next doubling would be 1e75.
    const tail = steady.map((now) => ({ ...now, t: 10 ** (now.gradients / 4000) }));
    expect(await at(tail, { tEnd: 1e60, maxSteps: 1, isLogClock: true })).toEqual([null, null, null, null]);
    // Before the tail t is about as τ is, and the loss falls.
    const before = steady.map((now, k) => ({ ...now, loss: 0.9 ** k }));
    expect(await at(before, { isLogClock: true })).toEqual([null, null, null, null]);
  });

  it("is not where steps grow with t, where the study bounds it, or where the end is near", async () => {
    const growing = steady.map((now, k) => ({ ...now, t: 10 ** (2 * k + 1) }));
    expect(await at(growing)).toEqual([null, null, null, null]);
    expect(await at(steady, { bounded: true, maxSteps: 1e13 })).toEqual([null, null, null, null]);
    expect(await at(steady, { tEnd: 1e6 })).toEqual([null, null, null, null]);
  });

  it("is announced where flow.maxSteps will end it, which a bound on gradients does not change", async () => {
    const [, note] = await at(steady, { bounded: true });
    expect(note).toContain("it needs about 1.0e12 steps, and flow.maxSteps allows 1,000,000 steps.");
  });

  it("is announced while it runs, and stands in manifest and result", async () => {
    const said: string[] = [];
    const controller = new AbortController();
    const directory = join(folder, "hopeless");
    // The floor of the tolerance: tsrkc3 has λ_max·t/s gradients to make and s grows to some 10⁴ at most.
    const loaded = await load("flow={method: auto, tEnd: 1e18}");
    let announced: readonly string[] | undefined;
    const result = await runExperiment(loaded, {
      directory,
      command: ["test"],
      signal: controller.signal,
      onMessage: (line) => line.startsWith("note: After") && said.push(line),
      onProgress: () => {
        if (said.length === 0) return;
        announced ??= JSON.parse(readFileSync(join(directory, "manifest.json"), "utf8")).announced;
        controller.abort();
      },
    });
    expect(said).toHaveLength(1);
    expect(announced).toEqual([said[0]!.replace("note: ", "")]);
    expect(result.status).toBe("interrupted");
    expect(result.notes).toContain(announced![0]);
    expect(said[0]).toContain("flow.stopWhen");
  });

  it("is no longer spoken of in the record of a flow that has ended", async () => {
    const said: string[] = [];
    const result = await runExperiment(
      await load("flow={method: dopri5, tEnd: 1e18, maxSteps: 2500}", "engine={kind: reference}"),
      {
        directory: join(folder, "ended"),
        command: ["test"],
        onMessage: (line) => line.startsWith("note: After") && said.push(line),
      },
    );
    expect(said).toHaveLength(1);
    expect(result.status).toBe("maxSteps");
    expect(result.notes.filter((note) => note.includes("As it goes on"))).toEqual([]);
  });

  it("is foreseen by check, from the sharpness at the start", async () => {
    const foresee = async (sharpness: number, ...set: string[]) =>
      announceStiffness((await load(...set)).config, sharpness);
    expect(await foresee(10)).toEqual([]);
    // 6 gradients for 3.31/10 of time.
    expect((await foresee(10, "flow.tEnd=1e8"))[0]).toContain(
      "dopri5 takes at least 1.8e9 gradients to t = 1.00e+8",
    );
    expect(await foresee(10, "flow={method: auto, tEnd: 1e8}")).toEqual([]);
    expect((await foresee(10, "flow={method: auto, tEnd: 1e15}"))[0]).toContain("auto takes at least");
    expect(await foresee(10, "flow={method: auto, tEnd: 1e15, maxGradientEvaluations: 1000}")).toEqual([]);
    // The clock of ln L reaches any t in a number of steps that the sharpness of L does not decide.
    const log = [
      "loss={kind: logistic}",
      "dataset={kind: gaussian-mixture, samples: 4, inputDimension: 2, encoding: sign}",
    ];
    expect(await foresee(10, ...log, "flow={method: auto, tEnd: 1e15, clock: log}")).toEqual([]);
  });
});

describe("long phases before a run", () => {
  it.each([
    ["drawing the data", ["dataset.samples=500000", "dataset.inputDimension=20"]],
    ["looking for neighbours", ["model.kind=gcn", "dataset.samples=2500"]],
    ["drawing the parameters", ["model.hidden=[3000000]"]],
  ])("%s ends at a signal", async (activity, set) => {
    // The signal has come before: whoever never pauses does not see it and prepares the run. The clock counts those who ask it,
    // a millisecond each, so that the short phases before this one stay below the 50 of a turn on a busy machine too.
    const loaded = await load(...set, "engine.kind=reference");
    const engine = await createEngine(loaded.config.engine);
    let asked = 0;
    onTestFinished(() => void vi.restoreAllMocks());
    vi.spyOn(performance, "now").mockImplementation(() => asked++);
    await expect(prepare(loaded, engine, { signal: AbortSignal.abort() })).rejects.toThrow(
      `interrupted while ${activity}; nothing was written.`,
    );
  });

  it("a dense kernel ends at a signal, and is none", async () => {
    // 400 × 400: its singular values take some hundred milliseconds, and the first pause comes after 50.
    const loaded = await load(
      "dataset.samples=400",
      "model.hidden=[150]",
      "measure={ntk: {points: 2, method: svd}}",
    );
    const controller = new AbortController();
    const result = await runExperiment(loaded, {
      directory: join(folder, "record"),
      command: ["test"],
      signal: controller.signal,
      onMessage: (line) => line.startsWith("tangent kernel by svd") && controller.abort(),
    });
    expect(result).toMatchObject({ status: "interrupted", ntk: null });
  });

  it("say what they do after a second, and then each five", async () => {
    const said: string[] = [];
    const now = vi.spyOn(performance, "now").mockReturnValue(0);
    const pause = createPause({ say: (line) => said.push(line) }, "counting sheep");
    for (const milliseconds of [10, 900, 1100, 6000, 7000, 11_500]) {
      now.mockReturnValue(milliseconds);
      await pause();
    }
    now.mockRestore();
    expect(said).toEqual(["counting sheep … 1 s", "counting sheep … 7 s"]);
  });
});
