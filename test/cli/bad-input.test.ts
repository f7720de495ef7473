import { existsSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeNpy } from "../../src/data/npy.js";
import { gradflow, TINY, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();
const DATA = "{ kind: gaussian, samples: 8, inputDimension: 3, outputDimension: 2 }";
const FLOW = "{ method: dopri5, rtol: 1e-8, atol: 1e-10, tEnd: 2 }";

/** Runs a bad study and expects exit 2, no record, no stack, nothing on stdout; returns what stderr said. */
async function refusal(study: string, ...words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await gradflow(folder, "run", study, "--out", `${study}-record`, ...words);
  expect(stderr).toMatch(/^gradflow: /);
  expect(stderr).not.toContain("    at ");
  expect(stdout).toBe("");
  expect(code, stderr).toBe(2);
  expect(existsSync(join(folder, `${study}-record`))).toBe(false);
  return stderr;
}

describe("a study that is wrong", () => {
  it.each([
    [
      "unknown key",
      { "rtol: 1e-8": "rtoll: 1e-8" },
      ["study.yaml:8: flow.rtoll: unknown key; did you mean rtol?"],
    ],
    ["wrong type", { "hidden: [4]": "hidden: wide" }, ["study.yaml:6: model.hidden: must be", 'got "wide"']],
    ["negative tolerance", { "rtol: 1e-8": "rtol: -1e-8" }, ["study.yaml:8: flow.rtol: must", "got -1e-8"]],
    [
      "a tolerance that float32 cannot honour",
      { "dtype: float64": "dtype: float32" },
      ["study.yaml:8: flow.rtol: float32 cannot honour rtol below"],
    ],
    ["YAML syntax", { "hidden: [4]": "hidden: [4" }, ["study.yaml:", "YAML: "]],
    ["a missing section", { [`flow: ${FLOW}\n`]: "" }, ["flow", "is required"]],
    ["an unknown method", { "method: dopri5": "method: dopri6" }, ["flow.method", "dopri5"]],
  ] as const)("%s", async (name, replace, messages) => {
    await mkdir(join(folder, name));
    const study = await writeStudy(folder, `${name}/study.yaml`, replace);
    const said = await refusal(study);
    for (const message of messages) expect(said).toContain(message);
  });

  it("names the line of a YAML syntax error", async () => {
    const study = await writeStudy(folder, "syntax.yaml", { "seed: 3": "seed: 'three" });
    expect(await refusal(study)).toMatch(/syntax\.yaml:\d+: YAML: /);
  });

  it("has all its problems listed at once", async () => {
    const study = await writeStudy(folder, "many.yaml", { "rtol: 1e-8": "rtol: -1", "seed: 3": "seeed: 3" });
    const said = await refusal(study, "--set", "engine.threads=0");
    expect(said).toContain("gradflow: 3 problems");
    expect(said).toMatch(/many\.yaml:2: seeed: .*seed\?/);
    expect(said).toMatch(/many\.yaml:8: flow\.rtol: /);
    expect(said).toMatch(/--set engine\.threads=0: engine\.threads: /);
  });

  it("is not there", async () => {
    expect(await refusal("absent.yaml")).toContain("absent.yaml: no such file. `gradflow init` writes");
  });
});

describe("--set that is wrong", () => {
  it.each([
    ["flow.rtoll=1", "--set flow.rtoll=1: flow.rtoll: unknown key; did you mean rtol?"],
    ["zzz.a.b=1", "zzz: unknown key"],
    ["__proto__.polluted=1", "__proto__ is not a key of the config."],
    ["flow.constructor.prototype.polluted=1", "constructor is not a key of the config."],
    ["flow.rtol", "must have the form key.key=value"],
    ["flow.rtol=[1", "not valid YAML"],
    ["name.first=1", "not a section"],
  ])("%s", async (set, message) => {
    const study = await writeStudy(folder, "set.yaml");
    expect(await refusal(study, "--set", set)).toContain(message);
  });
});

describe("data that are wrong", () => {
  const inputs = "1,2,3\n4,5,6\n7,8,9\n";
  const targets = "1\n2\n3\n";
  let count = 0;

  async function refusalOfFiles(
    files: Readonly<Record<string, string>>,
    replace: Readonly<Record<string, string>> = {},
  ) {
    const place = `data-${count++}`;
    await mkdir(join(folder, place));
    for (const [name, text] of Object.entries({ "x.csv": inputs, "y.csv": targets, ...files }))
      await writeFile(join(folder, place, name), text);
    const dataset = { [DATA]: "{ kind: file, inputs: x.csv, targets: y.csv }" };
    return refusal(await writeStudy(folder, `${place}/study.yaml`, { ...dataset, ...replace }));
  }

  it.each([
    ["a cell that is no number", { "x.csv": "1,2,3\n4,five,6\n7,8,9\n" }, /x\.csv:2: .*"five"/],
    ["a ragged row", { "x.csv": "1,2,3\n4,5,6\n7,8\n" }, /x\.csv:3: .*ragged row/],
    ["NaN", { "y.csv": "1\nnan\n3\n" }, /y\.csv:2: .*must be finite/],
    ["infinity", { "y.csv": "1\n2\n-inf\n" }, /y\.csv:3: .*must be finite/],
    ["unequal samples", { "y.csv": "1\n2\n" }, /dataset: .*3 in x\.csv and 2 in y\.csv/],
    ["an empty file", { "x.csv": "" }, /x\.csv.*no data/],
  ])("%s", async (_, files, message) => {
    expect(await refusalOfFiles(files)).toMatch(message);
  });

  it("an .npy that is none, and one cut short", async () => {
    const npy = { [DATA]: "{ kind: file, inputs: x.npy, targets: y.csv }" };
    await mkdir(join(folder, "npy"));
    await writeFile(join(folder, "npy/y.csv"), targets);
    const study = await writeStudy(folder, "npy/study.yaml", npy);
    expect(await refusal(study)).toMatch(/study\.yaml:3: dataset\.inputs: no such file: x\.npy/);
    await writeFile(join(folder, "npy/x.npy"), inputs);
    expect(await refusal(study)).toMatch(/x\.npy: .*not an \.npy file/);
    await writeFile(join(folder, "npy/x.npy"), "\x93NUMPY\x01\0", "latin1");
    expect(await refusal(study)).toMatch(/x\.npy: .*truncated/);
  });

  it("initial parameters that do not fit the network", async () => {
    await writeNpy(join(folder, "theta.npy"), new Float64Array(25), [25]);
    const study = await writeStudy(folder, "init.yaml", {
      "  activation: { kind: tanh }": "  activation: { kind: tanh }\n  init: { kind: file, path: theta.npy }",
    });
    const said = await refusal(study);
    expect(said).toContain("init.yaml:8: model.init.path: ");
    expect(said).toContain("25 numbers");
    expect(said).toContain("26 parameters"); // 3·4 + 4 + 4·2 + 2
  });
});

describe("an output folder that cannot be written", () => {
  it("because part of its path is a file", async () => {
    const study = await writeStudy(folder, "file-in-the-way.yaml");
    const { code, stdout, stderr } = await gradflow(folder, "run", study, "--out", `${study}/record`);
    expect(stderr).toContain("choose an output folder that can be written");
    expect(stdout).toBe("");
    expect(code).toBe(2);
  });

  // Root may write anywhere.
  it.skipIf(process.getuid?.() === 0)("because its permissions forbid it", async () => {
    const study = await writeStudy(folder, "locked.yaml");
    await mkdir(join(folder, "locked"));
    await chmod(join(folder, "locked"), 0o555);
    const { code, stderr } = await gradflow(folder, "run", study, "--out", "locked/record");
    expect(stderr).toContain("permission denied");
    expect(code).toBe(2);
  });

  it("because foreign files of the same names stand there", async () => {
    await mkdir(join(folder, "foreign"));
    await writeFile(join(folder, "foreign/series.csv"), "mine");
    const study = await writeStudy(folder, "foreign.yaml");
    const { code, stderr } = await gradflow(folder, "run", study, "--out", "foreign", "--force");
    expect(stderr).toContain("is not a gradflow record");
    expect(code).toBe(2);
  });
});

it("the tiny study itself is sound", () => {
  expect(TINY).toContain(DATA);
  expect(TINY).toContain(FLOW);
});
