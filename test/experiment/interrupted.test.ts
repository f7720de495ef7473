/** A run interrupted anywhere, in what comes after its flow too, is interrupted, and goes on to the same bytes. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { type CheckpointSchedule, unsavedNote } from "../../src/experiment/checkpoints.js";
import { runExperiment } from "../../src/experiment/run.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-interrupted-"));
afterAll(() => rm(folder, { recursive: true }));

const base = `name: s
seed: 1
dataset: { kind: gaussian, samples: 4, inputDimension: 2, outputDimension: 1 }
model: { kind: dnn, hidden: [3], activation: { kind: tanh } }
flow: { method: dopri5, rtol: 1e-6, atol: 1e-9, tEnd: 0.3 }
descent: { learningRates: [1e-3, 2e-3] }
record: { at: linear, points: 1, checkpoint: 30 }
engine: { kind: reference }
figure: { draw: false }
`;

/** Aborted from the n-th look on: deterministic, wherever the program looks. */
function abortAtLook(n: number): { signal: AbortSignal; looks: () => number } {
  let looks = 0;
  const signal = {
    get aborted() {
      return ++looks > n;
    },
  } as AbortSignal;
  return { signal, looks: () => looks };
}

async function contents(directory: string, extra: readonly string[] = []): Promise<Record<string, string>> {
  const files = ["series.csv", "descent.csv", "theta.npy", ...extra];
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await readFile(join(directory, file), "latin1")])),
  );
}

const NOTHING_SAVED = "record.checkpoint is 0, so nothing was saved: gradflow resume starts again at t = 0.";
let count = 0;
async function check(set: readonly string[], parts: number, extra: readonly string[] = []) {
  const file = join(folder, "study.yaml");
  await writeFile(file, base);
  const loaded = await loadConfig(file, { set });
  const directory = () => join(folder, `record-${count++}`);
  const command = ["test"];
  const watch = abortAtLook(Number.POSITIVE_INFINITY);
  const whole = directory();
  const result = await runExperiment(loaded, { directory: whole, command, signal: watch.signal });
  const told: string[] = [];
  for (let part = 1; part < parts; part++) {
    const place = directory();
    const { signal } = abortAtLook(Math.floor((part * watch.looks()) / parts));
    const cut = await runExperiment(loaded, { directory: place, command, signal });
    expect([part, cut.status]).toEqual([part, "interrupted"]);
    // What says where a resume starts is said of what was not saved alone, and holds.
    const unsaved = cut.notes.filter((note) => note.includes("gradflow resume"));
    expect(unsaved).toEqual(set.includes("record.checkpoint=0") ? [NOTHING_SAVED] : []);
    const again = await runExperiment(loaded, {
      directory: place,
      command,
      resume: true,
      // On a busy machine compiling and drawing say that they go on.
      onMessage: (line) => line.endsWith("…") || / … \d+ s$/.test(line) || told.push(line),
    });
    expect(await contents(place, extra)).toEqual(await contents(whole, extra));
    const { wallSeconds: _, gradientSeconds: __, record: ___, measures, ...numbers } = again;
    expect(numbers).toMatchObject({
      ...Object.fromEntries(Object.entries(result).filter(([key]) => key in numbers)),
    });
    const untimed = (taken: typeof measures) => taken.map(({ seconds: ____, ...rest }) => rest);
    expect(untimed(measures)).toEqual(untimed(result.measures));
  }
  return told;
}

test("with measures on flow and descents, which go on from what they hold", async () => {
  const measures =
    "{ sharpness: { points: 3, top: 2 }, polyakLojasiewicz: {}, norms: {}, parameters: { points: 3 } }";
  const snapshots = ["parameters-flow-3.npy", "parameters-descent-0-2.npy"];
  await check([`measure=${measures}`, "record.points=9"], 5, snapshots);
});

test("while descents catch up with the last step of the flow", async () => {
  const told = await check([], 8);
  expect(told.every((line) => /going on from t = (0.3|[\d.e-]+), saved/.test(line))).toBe(true);
  expect(told.filter((line) => line.includes("t = 0.3,")).length).toBeGreaterThan(3);
});

test("between rows of two descents, which keep their order: no step of the flow comes after the signal", async () => {
  await check(["record.points=30"], 7);
});

test("a resumed run replaces no figure of its user's, not even where it takes the folder over", async () => {
  const file = join(folder, "figures.yaml");
  await writeFile(file, base);
  const loaded = await loadConfig(file, { set: ["record.points=4", "figure.draw=true"] });
  const directory = join(folder, "figures");
  const options = { directory, command: ["test"] };
  expect((await runExperiment(loaded, { ...options, signal: abortAtLook(3).signal })).status).toBe(
    "interrupted",
  );
  // Drawn by the interrupted run, and its record's; this one is not.
  await rm(join(directory, "figures"), { recursive: true });
  const manifest = join(directory, "manifest.json");
  const listed = JSON.parse(await readFile(manifest, "utf8")) as { files: string[] };
  const files = listed.files.filter((name) => !name.startsWith("figures/"));
  await writeFile(manifest, JSON.stringify({ ...listed, files }));
  await mkdir(join(directory, "figures"));
  const mine = join(directory, "figures", "loss.svg");
  await writeFile(mine, "mine");
  await expect(runExperiment(loaded, { ...options, resume: true, takeOver: true })).rejects.toThrow(
    `${mine}: is not the record's; move it away, or replace it with gradflow figure --force. The run has ended`,
  );
  expect(await readFile(mine, "utf8")).toBe("mine");
});

test("without checkpoints it starts again", async () => {
  const told = await check(["record.checkpoint=0"], 4);
  expect(told).toEqual(Array(3).fill("no checkpoint to go on from: starting at t = 0."));
});

test("what cannot be saved is said, and from where the run goes on", () => {
  const schedule = (savedAt: number | null) => ({ savedAt }) as CheckpointSchedule;
  expect(unsavedNote(30, schedule(0.25), null)).toEqual([]);
  expect(unsavedNote(30, schedule(0.25), "a measurement of the tangent kernel")).toEqual([
    "The interruption fell into a measurement of the tangent kernel, which is not saved: gradflow resume goes on from t = 0.25.",
  ]);
  expect(unsavedNote(30, schedule(null), "it")[0]).toMatch(/starts again at t = 0\.$/);
});

test("in the midst of a kernel, which is not saved: it goes on from the checkpoint before", async () => {
  const file = join(folder, "kernel.yaml");
  await writeFile(file, base.replace("samples: 4", "samples: 120").replace("points: 1,", "points: 2,"));
  const loaded = await loadConfig(file, {
    set: ["measure.ntk={at: linear, points: 3, method: svd}", "model.hidden=[40]", "record.checkpoint=1e-9"],
  });
  const directory = join(folder, "kernel");
  const controller = new AbortController();
  let kernels = 0;
  const cut = await runExperiment(loaded, {
    directory,
    command: ["test"],
    signal: controller.signal,
    onProgress: ({ activity }) => {
      if (activity !== undefined && ++kernels === 2) controller.abort();
    },
  });
  expect(cut.status).toBe("interrupted");
  const said = /kernel, which is not saved: gradflow resume goes on from t = ([\d.e-]+)\.$/;
  const [, t] = said.exec(cut.notes.find((note) => said.test(note)) ?? "") ?? [];
  const told: string[] = [];
  const resumed = {
    directory,
    command: ["test"],
    resume: true,
    onMessage: (line: string) => told.push(line),
  };
  expect((await runExperiment(loaded, resumed)).status).toBe("reachedEnd");
  expect(told[0]).toContain(`going on from t = ${t}, saved`);
});

test("in the check of the error, in flows of smoothed networks, after an end by stopWhen", async () => {
  const set = ["flow.errorCheck=true", "model.activation.kind=relu", "flow.compareSmoothing=[0.1, 0.01]"];
  await check([...set, "flow.stopWhen={lossFactor: 1.1}", "flow.method=auto"], 6, [
    "events.csv",
    "methods.csv",
  ]);
});

test.each([
  ["the last kernel", "kernel 4/4", ["measure={ntk: {at: linear, points: 4, method: svd}}"]],
  [
    "the density after the flow",
    "spectral density",
    ["measure={ntk: {at: linear, points: 4, method: lanczos, density: {probes: 2, steps: 3}}}"],
  ],
  ["the first kernel", "kernel 0/4", ["measure={ntk: {at: linear, points: 4, method: svd}}"]],
])("a signal that waits for the event loop during %s is heard", async (_, activity, set) => {
  const file = join(folder, "pending.yaml");
  await writeFile(file, base);
  const loaded = await loadConfig(file, { set: [...set, "descent.learningRates=[]"] });
  const run = async (directory: string, options: object) => {
    const result = await runExperiment(loaded, { directory, command: ["test"], ...options });
    return { result, files: await contents(directory, ["ntk.csv"]) };
  };
  const whole = await run(join(folder, `record-${count++}`), {});
  const controller = new AbortController();
  let seen = 0;
  const directory = join(folder, `record-${count++}`);
  const cut = await run(directory, {
    signal: controller.signal,
    // As a signal's handler does, it waits for the loop: the reference engine computes without giving it a turn.
    onProgress: (progress: { activity?: string }) => {
      if (progress.activity?.startsWith(activity) && seen++ === 0) setImmediate(() => controller.abort());
    },
  });
  expect(seen).toBeGreaterThan(0);
  expect(cut.result.status).toBe("interrupted");
  const again = await run(directory, { resume: true });
  expect(again.result.status).toBe("reachedEnd");
  expect(again.files).toEqual(whole.files);
});
