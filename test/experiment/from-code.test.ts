/** Studies from code: a network that is a list or a function goes through everything that a study file's does. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { hashConfig } from "../../src/config/hash.js";
import { loadConfig } from "../../src/config/load.js";
import { readNamedArrays } from "../../src/data/named-arrays.js";
import { readNpy } from "../../src/data/npy.js";
import { createReferenceEngine } from "../../src/engine/index.js";
import { checkStudy } from "../../src/experiment/check.js";
import { defineStudy } from "../../src/experiment/define-study.js";
import { exportRecord } from "../../src/experiment/export.js";
import { runKernelStudy } from "../../src/experiment/ntk-study.js";
import { withOrigin } from "../../src/experiment/origin.js";
import { loadUnfinished } from "../../src/experiment/resume.js";
import { runExperiment } from "../../src/experiment/run.js";
import type { RunOptions } from "../../src/experiment/study-record.js";
import { measureWorkPrecision } from "../../src/experiment/work-precision.js";
import { createProblem } from "../../src/flow/index.js";
import { defineMeasure } from "../../src/measure/index.js";
import { createFamily, defineNetwork } from "../../src/model/index.js";
import { readRecord } from "../../src/record/reader.js";
import { REPOSITORY } from "../cli/gradflow.js";

const folder = mkdtempSync(join(tmpdir(), "gradflow-code-"));
afterAll(() => rmSync(folder, { recursive: true }));
const read = (record: string, file: string): Buffer => readFileSync(join(folder, record, file));

const sections = {
  name: "code",
  seed: 5,
  dataset: { kind: "gaussian", samples: 6, inputDimension: 3, outputDimension: 2 },
  flow: { method: "dopri5", tEnd: 1, boundaries: "exact" },
  descent: { learningRates: [0.1] },
  measure: { ntk: { points: 2 } },
  record: { at: "linear", points: 5 },
  engine: { kind: "reference" },
} as const;
const layers = [{ kind: "dense", width: 4 }, { kind: "relu" }, { kind: "dense", width: 2 }];
/** The same network by hand. */
const byHand = (gain = 1) =>
  defineNetwork({
    inputShape: [3],
    build(scope, x) {
      const h = scope.activate(scope.within("layers.0").affine(x, 4, true), { kind: "relu" });
      const f = scope.within("layers.2").affine(h, 2, true);
      return gain === 1 ? f : scope.b.scale(f, gain);
    },
  });

async function run(record: string, model: object, options: Partial<RunOptions> = {}) {
  const study = await defineStudy({ ...sections, model });
  return runExperiment(study, { directory: join(folder, record), command: ["test"], ...options });
}

test("a measure from code has columns, a figure, extremes and a hash of its own", async () => {
  const largest = (power: number) =>
    defineMeasure({
      name: "spread",
      text: "The largest parameter.",
      columns: () => [{ name: "largest", label: "max |θᵢ|", axis: "max |θᵢ|", scale: "log" }],
      follow:
        power === 1
          ? () =>
              async ({ theta }) => ({ largest: Math.max(...theta.map(Math.abs)) })
          : () =>
              async ({ theta }) => ({ largest: Math.max(...theta.map(Math.abs)) ** 2 }),
    });
  const model = { kind: "layers", layers };
  const study = await defineStudy({ ...sections, measure: {}, model, measures: [largest(1)] });
  const directory = join(folder, "measured");
  const result = await runExperiment(study, { directory, command: ["test"] });
  const record = await readRecord(directory);
  const { data: values } = await readNpy(join(directory, "theta.npy"));
  // The row at the end is interpolated there.
  expect(result.measured["largest"]!.last).toBeCloseTo(Math.max(...values.map(Math.abs)), 12);
  expect(record.descent["largest"]!.length).toBe(record.descent.t.length);
  expect(result.figures).toContain("figures/spread.png");
  const other = await defineStudy({ ...sections, measure: {}, model, measures: [largest(2)] });
  const hashes = await Promise.all([study, other].map(({ config }) => hashConfig(config, folder)));
  expect(hashes[0]!.hash).not.toBe(hashes[1]!.hash);
  for (const name of ["sharpness", "ntk", "loss", "a b"])
    await expect(defineStudy({ ...sections, model, measures: [{ ...largest(1), name }] })).rejects.toThrow(
      /measures\.0\.name/,
    );
});

describe("a measure from code", () => {
  const own = (change: object = {}) =>
    defineMeasure({
      name: "own",
      text: "One.",
      columns: () => [{ name: "one", label: "1", axis: "1", scale: "linear" }],
      follow: () => async () => ({ one: 1 }),
      ...change,
    });
  const base = { ...sections, model: { kind: "layers", layers }, figure: { draw: false } };
  let count = 0;
  const taken = async (measures: unknown, measure: object = {}) =>
    runExperiment(await defineStudy({ ...base, measure, measures } as never), {
      directory: join(folder, `own-${count++}`),
      command: ["test"],
    });
  const answers = (values: unknown) => [own({ follow: () => async () => values })];
  const columns = (...names: unknown[]) => [
    own({ columns: () => names.map((name) => ({ name, label: "1", axis: "1", scale: "linear" })) }),
  ];

  test.each([
    ["no list", "own", /measures: must be a list of measures/],
    ["no measure", [{ name: "own" }], /measures\.0: must be a measure, with columns and follow/],
    ["a column of the table", columns("loss"), /own: the column loss is there already/],
    ["a column of descent's", columns("parameterGap"), /own: the column parameterGap is there already/],
    ["one column twice", columns("one", "one"), /own: the column one is there already/],
    ["a column that is no name", columns("a\nb"), /own: a column's name must consist of/],
    ["another's column", columns("norm"), /measure\.own: its column norm is that of norms/],
    ["a column not declared", answers({ two: 2 }), /own: answers with the column two, and declares one/],
    ["a word", answers({ one: "x,y" }), /own: one must be a number, or null .*got "x,y"/],
    ["nothing", answers(undefined), /own: must answer with an object/],
    [
      "a field without a default",
      [own({ fields: { depth: z.number() } })],
      /measure\.own\.depth: is required/,
    ],
    [
      "its own error",
      [
        own({
          follow: () => () => {
            throw new Error("broke.");
          },
        }),
      ],
      /^measure own: broke\.$/,
    ],
  ])("with %s is refused by name", async (_, measures, message) => {
    await expect(taken(measures, { norms: {} })).rejects.toThrow(message);
  });

  test("has its settings in the section measure, checked as those of others", async () => {
    const result = await taken([own()], { own: { points: 1, of: ["flow"] } });
    expect(result.measures.map(({ name, times }) => [name, times])).toEqual([["own", 2]]);
    await expect(taken([own()], { own: { point: 1 } })).rejects.toThrow(/measure\.own\.point: unknown key/);
    await expect(taken([own()], { own: { of: ["rod"] } })).rejects.toThrow(/measure\.own\.of\.0: rod is not/);
  });

  test("is of its program: a terminal cannot go on with it, the program can", async () => {
    const directory = join(folder, "own-stopped");
    const study = await defineStudy({ ...base, measure: {}, measures: [own()] } as never);
    const controller = new AbortController();
    const stop = { signal: controller.signal, onProgress: () => controller.abort() };
    expect((await runExperiment(study, { directory, command: ["test"], ...stop })).status).toBe(
      "interrupted",
    );
    await expect(loadUnfinished(directory)).rejects.toThrow(/measures own of a program, which no file holds/);
    const again = await runExperiment(study, { directory, command: ["test"], resume: true });
    expect(again.status).toBe("reachedEnd");
  });

  test("that changes the θ that it sees does not change the flow's", async () => {
    const follow =
      () =>
      async ({ theta }: { theta: Float64Array }) => ({ one: theta.fill(0)[0] });
    const [touched, plain] = [await taken([own({ follow })]), await taken([own()])];
    expect(touched.loss).toBe(plain.loss);
    expect(touched.descent).toEqual(plain.descent.map((one) => ({ ...one, measured: expect.anything() })));
  });
});

test("a study that was done says so in words of code and of the terminal, and does again what it says", async () => {
  const model = { kind: "layers", layers };
  const done = await run("again", model);
  const said: (string | undefined)[][] = [];
  const onMessage = (...lines: (string | undefined)[]) => said.push(lines);
  const shown = await run("again", model, { reuse: true, onMessage });
  expect(shown.wallSeconds).toBe(done.wallSeconds);
  expect(said).toEqual([
    [
      expect.stringMatching(/its record is shown; force: true runs it again\.$/),
      expect.stringMatching(/its record is shown; --force runs it again\.$/),
    ],
  ]);
  const { started } = (await readRecord(join(folder, "again"))).manifest;
  await run("again", model, { reuse: true, force: true, onMessage });
  expect(said.some(([line], k) => k > 0 && line?.includes("was done"))).toBe(false);
  expect((await readRecord(join(folder, "again"))).manifest.started).not.toBe(started);
});

describe("a network from code", () => {
  test("is checked, has its kernel measured and its methods compared, as that of a file has", async () => {
    const file = join(folder, "smooth.yaml");
    const smooth = { ...sections, flow: { method: "dopri5", tEnd: 1, boundaries: "off" } };
    writeFileSync(file, JSON.stringify({ ...smooth, model: { kind: "layers", layers } }));
    const studies = [
      await loadConfig(file),
      await defineStudy({ ...smooth, model: defineNetwork({ inputShape: [3], layers }) }),
    ];
    const found = [];
    for (const [i, study] of studies.entries()) {
      const at = (name: string) => ({ directory: join(folder, `${name} ${i}`), command: ["test"] });
      const { parameters, scalars, caps } = await checkStudy(study);
      const { loss, ntk } = await runKernelStudy(study, at("kernel"));
      const options = { methods: ["dopri5"] as const, tolerances: [1e-3], ...at("precision") };
      const { rows } = await measureWorkPrecision(study, options);
      const precision = rows.map(({ error, steps }) => [error, steps]);
      found.push({ parameters, scalars, caps, loss, initial: ntk?.initial, precision });
    }
    expect(found[1]).toEqual(found[0]);
    expect(found[0]!.precision[0]![0]).toBeGreaterThan(0);
  });

  test("gives bit by bit what the study file gives: list, function and file are one network", async () => {
    const file = join(folder, "study.yaml");
    writeFileSync(file, JSON.stringify({ ...sections, model: { kind: "layers", layers } }));
    const options = { directory: join(folder, "file"), command: ["test"] };
    const { boundaries, events, ntk } = await runExperiment(await loadConfig(file), options);
    expect([boundaries, events?.crossings, ntk?.times]).toEqual(["exact", expect.any(Number), 3]);
    await run("list", defineNetwork({ inputShape: [3], layers }));
    await run("function", byHand());
    await run("object", { kind: "layers", layers });
    for (const record of ["list", "function", "object"])
      for (const name of ["theta0.npy", "theta.npy", "series.csv", "descent.csv", "ntk.csv", "events.csv"])
        expect(read(record, name).equals(read("file", name)), `${record}: ${name}`).toBe(true);
    await exportRecord(join(folder, "function"), "npz");
    const { arrays } = await readNamedArrays(join(folder, "function/export/record.npz"), "npz");
    const named = arrays
      .filter(({ name }) => name.startsWith("layers."))
      .map(({ name, shape }) => [name, shape]);
    expect(named).toEqual([
      ["layers.0.weight", [3, 4]],
      ["layers.0.bias", [4]],
      ["layers.2.weight", [4, 2]],
      ["layers.2.bias", [2]],
    ]);
  });

  test("is taken up again by its program, and by no other and no file", async () => {
    const controller = new AbortController();
    const stop = { signal: controller.signal, onProgress: () => controller.abort() };
    expect((await run("stopped", byHand(), stop)).status).toBe("interrupted");
    await expect(run("stopped", byHand(2), { resume: true })).rejects.toThrow(/holds a record|force/);
    const loaded = await loadUnfinished(join(folder, "stopped"));
    await expect(
      runExperiment(loaded, { directory: join(folder, "stopped"), command: ["test"], resume: true }),
    ).rejects.toThrow("is a network of a program, which no file holds");
    expect((await run("stopped", byHand(), { resume: true })).status).toBe("reachedEnd");
    for (const name of ["theta.npy", "series.csv", "descent.csv"])
      expect(read("stopped", name).equals(read("file", name)), name).toBe(true);
  });

  test("has its outputs scaled and centred, as that of a file has", async () => {
    const output = { scale: 10, centred: true };
    const file = join(folder, "centred.yaml");
    writeFileSync(file, JSON.stringify({ ...sections, model: { kind: "layers", layers, output } }));
    const options = (record: string) => ({ directory: join(folder, record), command: ["test"] });
    await runExperiment(await loadConfig(file), options("centred file"));
    await runExperiment(await defineStudy({ ...sections, model: byHand(), output }), options("centred code"));
    for (const name of ["theta0.npy", "theta.npy", "series.csv", "descent.csv", "ntk.csv"])
      expect(read("centred code", name).equals(read("centred file", name)), name).toBe(true);
    // Below a study the origin is the caller's to give.
    const engine = createReferenceEngine();
    const family = createFamily({ network: byHand(), samples: 2, factor: 1, centred: true });
    const data = { x: Float64Array.of(1, 2, 3, 4, 5, 6), y: new Float64Array(4) };
    await expect(createProblem(engine, family, data)).rejects.toThrow(/no origin, F\(θ₀\); withOrigin/);
    const theta0 = Float64Array.from({ length: family.layout.size }, (_, i) => Math.sin(i + 1));
    const problem = await createProblem(engine, family, await withOrigin(engine, family, data, theta0));
    expect(await problem.loss(theta0)).toBe(0);
  });

  test("is told apart by its operations, constants and laws", async () => {
    const graph = async (gain: number, value = 1) => {
      const model = defineNetwork({
        inputShape: [3],
        build: (scope, x) =>
          scope.b.add(
            scope.b.mul(scope.affine(x, 2, true), scope.b.constant(Float64Array.of(1, gain), [1, 2])),
            scope.parameter("shift", [1, 2], { kind: "constant", value }),
          ),
      });
      return (await defineStudy({ ...sections, model })).config.model["graph"];
    };
    expect(await graph(2)).toBe(await graph(2));
    expect(new Set([await graph(2), await graph(3), await graph(2, 0)]).size).toBe(3);
  });

  test("must fit its data, and its study its fields", async () => {
    const leaky = defineNetwork({ inputShape: [3], layers, activation: { kind: "leaky-relu" } as never });
    expect(leaky.activation).toEqual({ kind: "leaky-relu", slope: 0.01 });
    expect(() =>
      defineNetwork({ inputShape: [3], layers, activation: { kind: "relu", slope: 1 } as never }),
    ).toThrow(/defineNetwork: activation: .*slope/);
    await expect(run("bad", defineNetwork({ inputShape: [4], layers }))).rejects.toThrow(
      "model: takes samples of shape [4], the data have [3]",
    );
    await expect(
      run("bad", defineNetwork({ inputShape: [3], layers: [{ kind: "dense", width: 5 }] })),
    ).rejects.toThrow("the targets have 2");
    const fields = {
      ...sections,
      flow: { tEnd: -1 },
      dataset: { kind: "file", inputs: "none.npy", targets: "none.npy" },
    };
    await expect(defineStudy({ ...fields, model: byHand() })).rejects.toThrow(
      /flow\.tEnd[\s\S]*no such file|no such file[\s\S]*flow\.tEnd/,
    );
    await expect(defineStudy({ ...sections, model: { kind: "layers", layers }, init: {} })).rejects.toThrow(
      "belongs into model",
    );
  });
});

test("the program of docs/library.md runs as it says", async () => {
  const page = readFileSync("docs/library.md", "utf8");
  const [, program] = /```js\n([^`]*defineStudy.*?)```/s.exec(page)!;
  const [, promised] = /console\.log\(.*\); \/\/ ([^;\n]*)/.exec(program!)!;
  const own = join(folder, "project");
  mkdirSync(join(own, "node_modules"), { recursive: true });
  symlinkSync(REPOSITORY, join(own, "node_modules/gradflow"));
  writeFileSync(join(own, "program.mjs"), program!);
  const { stdout } = await promisify(execFile)(process.execPath, ["program.mjs"], { cwd: own });
  expect(stdout.trim()).toBe(promised);
});
