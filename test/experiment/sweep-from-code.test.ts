/** Sweeps of studies from code: in this process, and in worker processes that import the module that makes them. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { defineSweep, type StudyOf } from "../../src/experiment/define-sweep.js";
import type { JobEvent } from "../../src/experiment/launcher.js";
import { runExperiment } from "../../src/experiment/run.js";
import { runSweep } from "../../src/experiment/sweep.js";
import { defineNetwork } from "../../src/model/index.js";
import { gradflow, REPOSITORY } from "../cli/gradflow.js";

const folder = mkdtempSync(join(tmpdir(), "gradflow-code-sweep-"));
afterAll(() => rmSync(folder, { recursive: true }));
const read = (...path: string[]): Buffer => readFileSync(join(folder, ...path));

const sections = {
  name: "widths",
  dataset: { kind: "gaussian", samples: 6, inputDimension: 3, outputDimension: 2 },
  flow: { method: "dopri5", rtol: 1e-4, tEnd: 1, boundaries: "exact" },
  descent: { learningRates: [] },
  record: { at: "linear", points: 5 },
  engine: { kind: "onnx", dtype: "float64", threads: 1 },
};
/** The same network, and study, as the file below has. */
const study: StudyOf = ({ width, seed }) => ({
  ...sections,
  seed,
  model: defineNetwork({
    inputShape: [3],
    build(scope, x) {
      const h = scope.activate(scope.within("layers.0").affine(x, width as number, true), { kind: "relu" });
      return scope.within("layers.2").affine(h, 2, true);
    },
  }),
});
const axes = [{ width: [2, 4] }, { seed: { from: 0, to: 1 } }];
const names = ["width-2_seed-0", "width-2_seed-1", "width-4_seed-0", "width-4_seed-1"];
const ran = (events: readonly JobEvent[], kind: JobEvent["kind"]) =>
  events.flatMap((event) => (event.kind === kind ? [event.name] : []));

describe("in this process", () => {
  beforeAll(async () => {
    for (const width of [2, 4]) {
      const layers = [{ kind: "dense", width }, { kind: "relu" }, { kind: "dense" }];
      const file = join(folder, `${width}.yaml`);
      writeFileSync(file, JSON.stringify({ ...sections, model: { kind: "layers", layers } }));
      for (const seed of [0, 1])
        await runExperiment(await loadConfig(file, { set: [`seed=${seed}`] }), {
          directory: join(folder, "file", `width-${width}_seed-${seed}`),
          command: ["test"],
        });
    }
  });

  test("all runs are those of study files, with table, pictures and records; what stands is not done again", async () => {
    const messages: string[] = [];
    const events: JobEvent[] = [];
    const figures = [{ kind: "points", name: "ends", x: "width", y: "loss" }];
    const options = { directory: join(folder, "here"), command: ["my-program"] };
    const result = await runSweep(await defineSweep({ study, axes, figures }), {
      ...options,
      parallel: 2,
      onMessage: (line) => messages.push(line),
      onEvent: (event) => events.push(event),
    });
    expect([result.status, result.skipped, result.fields]).toEqual(["done", 0, ["width", "seed"]]);
    expect(result.figures).toContain("figures/ends.svg");
    expect(messages.join()).toContain("a function runs in this process alone");
    expect(ran(events, "finished").sort()).toEqual(names);
    for (const name of names)
      for (const file of ["theta.npy", "series.csv"])
        expect(read("here", name, file).equals(read("file", name, file)), `${name}: ${file}`).toBe(true);
    const [header, ...rows] = read("here", "results.csv").toString().trim().split("\n");
    expect([header!.split(",").slice(0, 3), rows.length]).toEqual([["job", "width", "seed"], 4]);
    expect(JSON.parse(read("here", names[0]!, "manifest.json").toString()).command).toEqual(["my-program"]);

    const again = await runSweep(await defineSweep({ study, axes }), options);
    expect([again.status, again.skipped]).toEqual(["done", 4]);
    // Another network of width 4 is another study: those two runs are done again.
    const other: StudyOf = (values) => study(values.width === 4 ? { ...values, width: 5 } : values);
    const changed = await runSweep(await defineSweep({ study: other, axes }), options);
    expect([changed.status, changed.skipped]).toEqual(["done", 2]);
  });

  test("no file goes on with it, and its report quotes no command for a file", async () => {
    const resumed = await gradflow(folder, "resume", "here");
    expect([resumed.code, resumed.stderr]).toEqual([2, expect.stringContaining("is a sweep from code")]);
    expect((await gradflow(folder, "report", "here")).code).toBe(0);
    const report = read("here", "report.html").toString();
    expect([report.includes("my-program"), report.includes("gradflow run")]).toEqual([true, false]);
  });

  test("one that fails is told of, and the others go on", async () => {
    // Eight samples in a file that holds two.
    const inputs = join(folder, "two.csv");
    writeFileSync(inputs, "a,b,c\n1,2,3\n4,5,6\n");
    const broken: StudyOf = async (values) => ({
      ...(await study(values)),
      ...(values.seed === 1 && { dataset: { kind: "file", inputs, targets: join(folder, "2.yaml") } }),
    });
    const events: JobEvent[] = [];
    const result = await runSweep(
      await defineSweep({ study: broken, axes: [{ width: [2], seed: [1] }, { tag: [1] }] }),
      {
        ...{ directory: join(folder, "broken"), command: [] },
        onEvent: (event) => events.push(event),
      },
    );
    expect(result.status).toBe("failed");
    expect(events.at(-1)).toMatchObject({
      kind: "finished",
      status: "failed",
      message: expect.stringContaining("2.yaml"),
    });
  });
});

test("faults are all told, with the values that they are of", async () => {
  const faults = async (definition: object) =>
    defineSweep({ study, axes, ...definition }).then(
      () => "nothing",
      (error: Error) => `${error.name} ${error.message}`,
    );
  expect(await faults({ axes: [{ width: [] }] })).toContain("at least one value");
  expect(await faults({ axes: [] })).toContain("sweep.axes");
  expect(await faults({ axes: [{ width: [2], f: [() => 1] }] })).toMatch(
    /axes\.0\.f: must have values that JSON/,
  );
  expect(await faults({ figures: [{ kind: "pie" }] })).toContain("ConfigError sweep.figures.0");
  expect(await faults({ study: 3 })).toContain("must be a function of the axes' values");
  expect(await faults({ axes: [{ width: [2] }, { unused: [1, 2] }] })).toContain(
    "width = 2, unused = 1 and width = 2, unused = 2 make the same study",
  );
  const wrong: StudyOf = async (values) => ({ ...(await study(values)), flow: { tEnd: -1 } });
  expect(await faults({ study: wrong, axes: [{ width: [2, 4] }] })).toMatch(
    /flow\.tEnd: must be .*\(of width = 2\)/,
  );
  expect(await faults({ study: new URL("file:///none/such.mjs") })).toContain("such.mjs: cannot be imported");
  expect(await faults({ study: pathToFileURL(join(REPOSITORY, "test/cli/gradflow.ts")) })).toContain(
    "exports no function study",
  );
});

test("a module's studies run in worker processes that import it, as docs/library.md says", async () => {
  const page = readFileSync("docs/library.md", "utf8");
  const own = join(folder, "project");
  mkdirSync(join(own, "node_modules"), { recursive: true });
  symlinkSync(REPOSITORY, join(own, "node_modules/gradflow"));
  const programs = [...page.matchAll(/```js\n\/\/ (\S+\.mjs)\n([^`]*)```/g)];
  expect(programs.map(([, name]) => name)).toEqual(["widths.mjs", "sweep.mjs"]);
  for (const [, name, program] of programs) writeFileSync(join(own, name!), program!);
  const { stdout } = await promisify(execFile)(process.execPath, ["sweep.mjs"], { cwd: own });
  const [, promised] = /console\.log\(.*\); \/\/ ([^;\n]*)/.exec(programs[1]![2]!)!;
  expect(stdout.trim()).toBe(promised);

  // One that makes another study whenever it is asked, and one that is the program itself.
  const fickle = programs[0]![2]!.replace("tEnd: 2", "tEnd: 2 + Math.random()");
  expect(fickle).not.toBe(programs[0]![2]);
  writeFileSync(join(own, "widths.mjs"), fickle);
  const telling = programs[1]![2]!
    .replace(
      "command:",
      "failFast: true, onEvent: (event) => event.message && console.log(event.message), command:",
    )
    .replace("runs/widths", "runs/fickle");
  writeFileSync(join(own, "sweep.mjs"), telling);
  const { stdout: told } = await promisify(execFile)(process.execPath, ["sweep.mjs"], { cwd: own });
  expect(told).toContain("it makes another study than when the sweep was planned");
  writeFileSync(
    join(own, "sweep.mjs"),
    telling.replace('new URL("./widths.mjs", import.meta.url)', "new URL(import.meta.url)"),
  );
  const { stderr } = await promisify(execFile)(process.execPath, ["sweep.mjs"], { cwd: own }).catch(
    (error: { stderr: string }) => error,
  );
  expect(stderr).toContain("is the running program");
});
