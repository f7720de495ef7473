/** When a run is saved, how much that takes, and that what is saved in the midst of descents goes on to the same bytes. */
import { cpSync, existsSync, statSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { scheduleCheckpoints } from "../../src/experiment/checkpoints.js";
import { runExperiment } from "../../src/experiment/run.js";
import { Memory } from "../../src/memory.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-checkpoints-"));
afterAll(() => rm(folder, { recursive: true }));

describe("the schedule", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["performance"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Ages that checkpoints come to in an hour, in seconds, where writing one takes that long. */
  async function agesAt(interval: number, writing: number): Promise<number[]> {
    const ages: number[] = [];
    let last = performance.now();
    const save = async () => {
      vi.advanceTimersByTime(1000 * writing);
      ages.push((performance.now() - last) / 1000);
      last = performance.now();
    };
    const { rest } = scheduleCheckpoints(interval, save, new Memory(), undefined, () => true);
    for (let second = 0; second < 3600; second++) {
      vi.advanceTimersByTime(1000);
      await rest();
    }
    return ages;
  }

  test.each([
    ["quick to write", 30, 0.1, 32],
    ["slow to write: within two minutes all the same", 30, 5, 120],
    ["rarer where the user says so", 600, 5, 606],
  ])("%s", async (_, interval, writing, oldest) => {
    const ages = await agesAt(interval, writing);
    expect(ages.length).toBeGreaterThan(4);
    expect(Math.max(...ages)).toBeLessThanOrEqual(oldest);
    // A fiftieth of the time, or the bound of the age.
    if (oldest < 120) expect(writing / Math.min(...ages)).toBeLessThan(0.02);
  });

  test.each([
    [30, true, 1],
    [30, false, 0],
    [0, true, 0],
  ])("interval %s, whole %s: an interruption writes %s", async (interval, whole, written) => {
    const save = vi.fn(async () => undefined);
    const { rest, pause } = scheduleCheckpoints(
      interval,
      save,
      new Memory(),
      AbortSignal.abort(),
      () => whole,
    );
    await pause();
    expect(save).toHaveBeenCalledTimes(0);
    await rest();
    expect(save).toHaveBeenCalledTimes(written);
  });
});

const load = async (text: string) => {
  const file = join(folder, "study.yaml");
  await writeFile(file, text);
  return loadConfig(file);
};

/** A signal that calls `look` with the number of each look at it, and aborts where that says so. */
const watched = (look: (n: number) => boolean): AbortSignal => {
  let looks = 0;
  return {
    get aborted() {
      return look(++looks);
    },
  } as AbortSignal;
};

test("a checkpoint of a run of many rows is as long as one of few", async () => {
  const loaded = await load(`name: many
seed: 1
dataset: { kind: gaussian, samples: 4, inputDimension: 2, outputDimension: 1 }
model: { kind: dnn, hidden: [3], activation: { kind: tanh } }
flow: { method: euler, stepSize: 1.0e-4, tEnd: 1 }
descent: { learningRates: [1.0e-3] }
record: { at: steps, checkpoint: 30 }
engine: { kind: reference }
figure: { draw: false }
`);
  const sizes: number[] = [];
  const rows: number[] = [];
  for (const looks of [1500, 7500]) {
    const directory = join(folder, `many-${looks}`);
    const signal = watched((n) => n > looks);
    await runExperiment(loaded, { directory, command: ["test"], signal });
    sizes.push(statSync(join(directory, "checkpoint.bin")).size);
    rows.push((await readFile(join(directory, "series.csv"), "utf8")).split("\n").length);
  }
  expect(rows[1]! / rows[0]!).toBeGreaterThan(4);
  // Whole numbers take a byte more or less as they grow.
  expect(Math.abs(sizes[1]! / sizes[0]! - 1)).toBeLessThan(0.02);
});

// Momentum takes longer steps.
test.each([
  "learningRates: [1.0e-3, 2.0e-3], countFlips: true",
  "learningRates: [5.0e-4, 1.0e-3], batch: 3, kind: momentum, momentum: 0.5",
])("what is saved between two steps of descent (%s) goes on to the same bytes", async (settings) => {
  // Two steps of the flow, hundreds of descent in each.
  const loaded = await load(`name: midst
seed: 1
dataset: { kind: gaussian, samples: 4, inputDimension: 2, outputDimension: 1 }
model: { kind: dnn, hidden: [3], activation: { kind: tanh } }
flow: { method: auto, rtol: 1.0e-3, atol: 1.0e-6, tEnd: 0.5 }
descent: { ${settings} }
record: { at: linear, points: 3, checkpoint: 1.0e-9 }
engine: { kind: reference }
figure: { draw: false }
`);
  const contents = async (directory: string) =>
    Promise.all(
      ["series.csv", "descent.csv", "methods.csv", "theta.npy"].map((name) =>
        readFile(join(directory, name), "latin1"),
      ),
    );
  const whole = await mkdtemp(join(folder, "whole-"));
  const copies: string[] = [];
  // A kill at that look would leave this folder, its lock broken.
  const signal = watched((n) => {
    if (n % 97 === 0 && existsSync(join(whole, "checkpoint.bin"))) {
      const copy = `${whole}-${n}`;
      cpSync(whole, copy, { recursive: true, filter: (path) => !path.includes(".lock") });
      copies.push(copy);
    }
    return false;
  });
  // A second passes between two looks at the clock, and writing takes one: a checkpoint is due every sixty steps.
  let clock = 0;
  const now = vi.spyOn(performance, "now").mockImplementation(() => (clock += 1000));
  await runExperiment(loaded, { directory: whole, command: ["test"], signal });
  now.mockRestore();
  const saves = new Set<string>();
  const places = new Set<string>();
  for (const directory of copies) {
    const told: string[] = [];
    const onMessage = (line: string) => told.push(line);
    await runExperiment(loaded, { directory, command: ["test"], resume: true, onMessage });
    expect(await contents(directory)).toEqual(await contents(whole));
    const [, t, written] = /going on from t = (\S+), saved (\S+)/.exec(told.join("\n"))!;
    places.add(t!);
    saves.add(written!);
  }
  // Several saves while the flow stood.
  expect(saves.size).toBeGreaterThan(2 * places.size);
});
