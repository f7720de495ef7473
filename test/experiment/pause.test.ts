/** Phases that block the event loop let signals through in between, and say that they go on. */
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { createReferenceEngine } from "../../src/engine/index.js";
import { InterruptedError } from "../../src/errors.js";
import { createPause, pauseBetweenCompilations } from "../../src/experiment/pause.js";
import { runExperiment } from "../../src/experiment/run.js";
import { readManifest } from "../../src/record/manifest.js";
import { makeCase } from "../support/networks.js";

afterEach(() => {
  vi.restoreAllMocks();
});

/** A clock that only the test turns. */
function stopClock(): { advance(milliseconds: number): void } {
  let now = 1e6;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  return {
    advance(milliseconds) {
      now += milliseconds;
    },
  };
}

describe("createPause", () => {
  test("ends at an interrupt and says what it leaves", async () => {
    const controller = new AbortController();
    const clock = stopClock();
    const pause = createPause({ signal: controller.signal }, "drawing the figures", "the numbers stand.");
    // Signals are heard in the turn that the pause gives.
    setImmediate(() => controller.abort());
    clock.advance(100);
    await expect(pause()).rejects.toThrow("interrupted while drawing the figures; the numbers stand.");
  });
});

describe("compilations", () => {
  const { family } = makeCase({ hidden: Array(150).fill(2), activation: { kind: "tanh" } });
  const small = makeCase({ hidden: [2], activation: { kind: "tanh" } }).family.loss();

  test("large ones are announced, small ones not", async () => {
    const said: string[] = [];
    const { engine } = pauseBetweenCompilations(createReferenceEngine(), { say: (line) => said.push(line) });
    await engine.compile(small);
    expect(said).toEqual([]);
    const gradient = family.lossGradient("free");
    await engine.compile(gradient);
    expect(said).toEqual([`compiling a graph of ${gradient.nodes.length} operations …`]);
  });

  test("many that take a second together are told as well", async () => {
    const clock = stopClock();
    const said: string[] = [];
    const slow = { ...createReferenceEngine(), compile: async () => void clock.advance(400) as never };
    const { engine } = pauseBetweenCompilations(slow, { say: (line) => said.push(line) });
    for (let k = 0; k < 7; k++) await engine.compile(small);
    const operations = small.nodes.length;
    expect(said).toEqual([
      `compiling a graph of ${operations} operations, after 1 s of compiling …`,
      `compiling a graph of ${operations} operations, after 2 s of compiling …`,
    ]);
  });

  test("an interrupt between two ends the preparation; once the run is under way it is the run's", async () => {
    const controller = new AbortController();
    let compiled = 0;
    const counting = { ...createReferenceEngine(), compile: async () => ++compiled as never };
    const { engine, handOver } = pauseBetweenCompilations(counting, { signal: controller.signal });
    await engine.compile(small);
    setImmediate(() => controller.abort());
    await expect(engine.compile(small)).rejects.toThrow(InterruptedError);
    expect(compiled).toBe(1);
    handOver();
    await engine.compile(small);
    expect(compiled).toBe(2);
  });
});

describe("figures", () => {
  test("an interrupt between two leaves the numbers, and resume draws the rest", async () => {
    const controller = new AbortController();
    const study = `name: figures
seed: 1
dataset: { kind: gaussian, samples: 4, inputDimension: 2, outputDimension: 1 }
model: { kind: dnn, hidden: [3], activation: { kind: tanh } }
flow: { method: dopri5, tEnd: 0.3 }
descent: { learningRates: [0.1] }
record: { at: linear, points: 3, checkpoint: 0 }
engine: { kind: reference }
`;
    const home = await mkdtemp(join(tmpdir(), "gradflow-pause-"));
    const directory = join(home, "record");
    const watch = setInterval(() => {
      if (existsSync(join(directory, "result.json"))) controller.abort();
    }, 1);
    const file = join(home, "study.yaml");
    await writeFile(file, study);
    const loaded = await loadConfig(file);
    const options = { directory, command: ["test"] };
    const interrupted = runExperiment(loaded, { ...options, signal: controller.signal });
    await expect(interrupted).rejects.toThrow(/interrupted while drawing the figures; the run has ended/);
    clearInterval(watch);
    expect(await readManifest(directory)).toMatchObject({ status: "reachedEnd", drawn: false });
    expect(existsSync(join(directory, "figures/gap.png"))).toBe(false);
    const resumed = await runExperiment(loaded, { ...options, resume: true });
    expect(resumed.figures).toContain("figures/gap.png");
    await rm(home, { recursive: true });
  });
});
