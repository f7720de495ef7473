import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { RunResult } from "../../src/record/result.js";
import { gradflow, REPOSITORY, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();

describe("help", () => {
  it("teaches commands, examples and exit codes", async () => {
    const { code, stdout, stderr } = await gradflow(folder, "--help");
    expect(code).toBe(0);
    expect(stderr).toBe("");
    for (const word of [
      "run <study>",
      "sweep <study>",
      "figure <folders..>",
      "doctor",
      "init [file]",
      "Examples:",
      "Exit codes:",
      "130",
    ])
      expect(stdout).toContain(word);
  });

  it("of a command shows its options", async () => {
    const { code, stdout } = await gradflow(folder, "run", "--help");
    expect(code).toBe(0);
    for (const option of ["--set", "--out", "--force", "--json", "--quiet", "Ctrl-C"])
      expect(stdout).toContain(option);
  });

  it("completes commands and options, by a script for the shell", async () => {
    const script = await gradflow(folder, "completion");
    expect(script).toMatchObject({ code: 0, stderr: "" });
    expect(script.stdout).toContain("gradflow");
    // What that script asks for at every tab.
    const complete = async (...words: string[]) =>
      (await gradflow(folder, "--get-yargs-completions", "gradflow", ...words)).stdout.split("\n");
    expect(await complete("")).toEqual(expect.arrayContaining(["run", "figure", "report", "completion"]));
    expect(await complete("figure", "--")).toEqual(expect.arrayContaining(["--y", "--pdf"]));
  });

  it("goes to stderr with exit 2 when no command was given", async () => {
    const { code, stdout, stderr } = await gradflow(folder);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("gradflow <command>");
  });

  it("knows the version of package.json", async () => {
    const { version } = JSON.parse(await readFile(join(REPOSITORY, "package.json"), "utf8"));
    expect(await gradflow(folder, "--version")).toMatchObject({ code: 0, stdout: `${version}\n` });
  });
});

describe("words that make no sense exit with 2 and say what to type", () => {
  it.each([
    [["rum", "x.yaml"], "unknown command rum; did you mean gradflow run?"],
    [["study.yaml"], "did you mean gradflow run study.yaml?"],
    [
      ["frobnicate"],
      "unknown command frobnicate; there are run, sweep, resume, check, model, ntk, show, figure, list, compare, view, report, export, workprecision, stability, methods, doctor, init.",
    ],
    [["run", "x.yaml", "--foce"], "unknown option --foce; did you mean --force?"],
    [["run", "x.yaml", "--learning-rate", "1"], "unknown option --learning-rate."],
    [["run", "x.yaml", "y.yaml"], "unexpected argument y.yaml."],
    [["run"], "<study> is missing."],
    [["run", "x.yaml", "--set"], "--set needs a value."],
    [["run", "x.yaml", "--out", "a", "--out", "b"], "--out was given 2 times"],
    [["--foo"], "name a command"],
  ])("%j", async (words, message) => {
    const { code, stdout, stderr } = await gradflow(folder, ...words);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("    at ");
    expect(stdout).toBe("");
    expect(code).toBe(2);
  });
});

describe("doctor", () => {
  it("finds every part in order", async () => {
    const { code, stdout } = await gradflow(folder, "doctor");
    expect(stdout).toContain("All in order.");
    expect(stdout).toMatch(/onnxruntime-node \d+\.\d+/);
    expect(code).toBe(0);
  });

  it("says the same as JSON", async () => {
    const { code, stdout } = await gradflow(folder, "doctor", "--json");
    const { ok, checks } = JSON.parse(stdout) as { ok: boolean; checks: { name: string; ok: boolean }[] };
    expect(code).toBe(0);
    expect(ok).toBe(true);
    expect(checks.map((check) => check.name)).toEqual(
      expect.arrayContaining([
        "node",
        "engine reference",
        "engine onnx float64",
        "engine onnx float32",
        "figures",
      ]),
    );
  });
});

describe("check", () => {
  it("says what it is doing on stderr, nothing with --quiet, and writes nothing", async () => {
    const home = join(folder, "checked");
    await mkdir(home);
    const study = await writeStudy(home, "tiny.yaml");
    const told = await gradflow(home, "check", study);
    expect(told.code).toBe(0);
    expect(told.stderr).toMatch(
      /^loading the data.*\nλ_max of the tangent kernel.*\nλ_max of the Hessian\n$/,
    );
    const quiet = await gradflow(home, "check", study, "--quiet");
    expect(quiet).toMatchObject({ code: 0, stderr: "" });
    expect(quiet.stdout).toContain("largest stable steps");
    expect(await readdir(home)).toEqual(["tiny.yaml"]);
  });
});

describe("init", () => {
  it("writes a study that names itself, and never overwrites without --force", async () => {
    const file = join(folder, "mine.yaml");
    expect(await gradflow(folder, "init", "mine.yaml")).toMatchObject({ code: 0 });
    expect(await readFile(file, "utf8")).toContain("npx gradflow run mine.yaml");
    await writeFile(file, "precious");
    const refused = await gradflow(folder, "init", "mine.yaml");
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain("mine.yaml: stands already; use --force");
    expect(await readFile(file, "utf8")).toBe("precious");
    expect(await gradflow(folder, "init", "mine.yaml", "--force")).toMatchObject({ code: 0 });
    expect(await readFile(file, "utf8")).not.toBe("precious");
  });

  it("writes a study in which something happens: an exponential fall, one descent on the flow and one off it", async () => {
    await gradflow(folder, "init", "happens.yaml");
    const { code, stdout, stderr } = await gradflow(
      folder,
      ...["run", "happens.yaml", "--set", "engine.threads=1", "--json", "--quiet"],
    );
    expect(code, stderr).toBe(0);
    const { initialLoss, loss, decay, descent, notes } = JSON.parse(stdout) as RunResult;
    // What the comment at the head of the study says.
    expect(initialLoss! / loss!).toBeGreaterThan(1e5);
    expect(decay!.rSquared).toBeGreaterThan(0.99);
    const [off, on] = descent;
    expect(off!.loss!).toBeGreaterThan(100 * loss!);
    expect(on!.lossGap!).toBeLessThan(0.1 * loss!);
    expect(notes.join(" ")).toContain("descent with η = 0.5 cannot follow it");
  });

  it("says where it cannot write", async () => {
    const { code, stderr } = await gradflow(folder, "init", "nowhere/study.yaml");
    expect(code).toBe(2);
    expect(stderr).toContain("its folder does not exist");
    expect(existsSync(join(folder, "nowhere"))).toBe(false);
  });
});
