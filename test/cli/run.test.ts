import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { readRecord } from "../../src/record/reader.js";
import type { RunResult } from "../../src/record/result.js";
import { gradflow, REPOSITORY, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();
const study = await writeStudy(folder, "tiny.yaml");
const drawn = await writeStudy(folder, "drawn.yaml", { "draw: false": "draw: true" });
const lossOnly = { "descent: { learningRates: [0.1, 0.01] }\n": "" };

describe("gradflow run", () => {
  it("writes a record, tells the outcome and ends with the figure to open", async () => {
    const { code, stdout } = await gradflow(folder, "run", drawn);
    expect(code).toBe(0);
    for (const word of ["reachedEnd", "τ = 2ct", "t/η", "energy defect", "R² =", "4cλ_eff", "0.01"])
      expect(stdout).toContain(word);
    const last = stdout.trimEnd().split("\n").at(-1)!;
    expect(last).toMatch(/^figure: runs\/tiny-[0-9a-f]{12}\/figures\/loss\.png$/);
    const figure = join(folder, last.replace("figure: ", ""));
    expect(existsSync(figure)).toBe(true);
    const record = await readRecord(join(figure, "../.."));
    expect(record.manifest.command).toEqual(["gradflow", "run", drawn]);
    expect(record.manifest.status).toBe("reachedEnd");
    expect(record.result!.time).toBe(2);
    expect(record.series.t.length).toBe(21);
  });

  it("with --json says the RunResult on stdout and nothing else", async () => {
    const words = ["run", study, "--json", "--quiet", "--out", "as-json"];
    const { code, stdout, stderr } = await gradflow(folder, ...words);
    expect(code).toBe(0);
    expect(stderr).toBe("");
    const result = JSON.parse(stdout) as RunResult;
    expect(result).toEqual(JSON.parse(await readFile(join(folder, "as-json/result.json"), "utf8")));
    const keys =
      "status time canonicalTime initialLoss loss gradientEvaluations steps energyDefect decay descent engine dtype wallSeconds gradientSeconds";
    for (const key of keys.split(" ")) expect(result).toHaveProperty(key);
    expect(result.canonicalTime).toBeCloseTo(2 * (1 / 16) * 2, 12); // c = 1/(2n), n = 8, t = 2
    expect(result.descent.map((run) => [run.learningRate, run.steps])).toEqual([
      [0.1, 20],
      [0.01, 200],
    ]);
  });

  it("takes --set over the file, several times and before the study too", async () => {
    const set = ["--set", "flow.tEnd=1", "--set", "descent.learningRates=[0.5]"];
    const { code, stdout } = await gradflow(folder, "run", ...set, study, "--out", "set", "--json");
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as RunResult;
    expect(result.time).toBe(1);
    expect(result.descent.map((run) => run.learningRate)).toEqual([0.5]);
    expect(await readFile(join(folder, "set/config.yaml"), "utf8")).toContain("--set flow.tEnd=1");
  });

  it("shows the record of a study that is done; another study does not replace it, unless --force", async () => {
    const words = ["run", drawn, "--out", "twice"];
    const first = await gradflow(folder, ...words, "--quiet");
    const before = await readFile(join(folder, "twice/manifest.json"), "utf8");
    const again = await gradflow(folder, ...words);
    expect(again).toMatchObject({ code: 0, stdout: first.stdout });
    expect(again.stdout).toContain("figure: twice/figures/loss.png");
    expect(again.stderr).toMatch(/^this study was done, .*: its record is shown; --force runs it again\.\n$/);
    const other = await gradflow(folder, ...words, "--set", "seed=4");
    expect(other).toMatchObject({ code: 2, stdout: "" });
    expect(other.stderr).toContain("already holds a record; use --force");
    // The kernel of the same study is another record than its flow.
    expect(await gradflow(folder, "ntk", study, "--out", "twice")).toMatchObject({ code: 2, stdout: "" });
    expect(await readFile(join(folder, "twice/manifest.json"), "utf8")).toBe(before);
    expect(await gradflow(folder, ...words, "--force", "--quiet")).toMatchObject({ code: 0 });
    expect(await readFile(join(folder, "twice/manifest.json"), "utf8")).not.toBe(before);
  });

  it("of a study whose numbers failed says so again, with the same exit code", async () => {
    const words = ["run", study, "--set", "flow.maxSteps=3", "--out", "short", "--quiet"];
    const first = await gradflow(folder, ...words);
    expect(first).toMatchObject({ code: 1 });
    expect(first.stdout).toMatch(/^maxSteps: /);
    expect(await gradflow(folder, ...words)).toMatchObject({ code: 1, stdout: first.stdout });
  });

  it("names the commits of the program and of the study's repository, and whether there were changes", async () => {
    const home = join(folder, "repository");
    await mkdir(home);
    await writeStudy(home, "study.yaml");
    const git = (...words: string[]) =>
      promisify(execFile)("git", ["-c", "user.name=a", "-c", "user.email=a@b.c", ...words], { cwd: home });
    const manifestOf = async (out: string) => {
      const ended = await gradflow(home, "run", "study.yaml", "--out", out, "--quiet", "--force");
      expect(ended.code, ended.stderr).toBe(0);
      return JSON.parse(await readFile(join(home, out, "manifest.json"), "utf8"));
    };
    await git("init", "-q");
    await writeFile(join(home, "notes.txt"), "as committed");
    await git("add", "notes.txt");
    await git("commit", "-qm", "first");
    const commit = (await git("rev-parse", "HEAD")).stdout.trim();
    // The study is not of the commit that it would be looked for in.
    expect((await manifestOf("untracked")).study).toEqual({ commit, dirty: true });
    await git("add", "study.yaml");
    await git("commit", "-qm", "second");
    const second = (await git("rev-parse", "HEAD")).stdout.trim();
    const clean = await manifestOf("clean");
    expect(clean.study).toEqual({ commit: second, dirty: false });
    await writeFile(join(home, "notes.txt"), "changed");
    expect((await manifestOf("clean")).study).toEqual({ commit: second, dirty: true });
    // The program's own, where this is a checkout, is not that of the study.
    const own = await git("-C", REPOSITORY, "rev-parse", "HEAD").catch(() => null);
    expect(clean.program?.commit ?? null).toBe(own?.stdout.trim() ?? null);
    expect(clean.gradflow).toMatch(/^\d+\.\d+\.\d+$/);
    const { stdout } = await gradflow(home, "report", "clean");
    expect(stdout).toContain("report.html");
    const page = await readFile(join(home, "clean/report.html"), "utf8");
    expect(page).toContain(`${second}, with changes beside it`);
    expect(page).toContain(
      `git checkout ${second}    # the repository of the study, which had changes beside`,
    );
  });

  it("gives the same bytes twice", async () => {
    for (const out of ["first", "second"]) await gradflow(folder, "run", study, "--out", out, "--quiet");
    for (const file of ["series.csv", "descent.csv", "theta0.npy", "theta.npy"]) {
      const [first, second] = await Promise.all(
        ["first", "second"].map((out) => readFile(join(folder, out, file))),
      );
      expect(first!.length, file).toBeGreaterThan(100);
      expect(first!.equals(second!), file).toBe(true);
    }
  });

  it("runs the study that init writes", async () => {
    await gradflow(folder, "init");
    const set = ["--set", "flow.tEnd=0.1", "--set", "descent.learningRates=[]"];
    expect(await gradflow(folder, "run", "study.yaml", ...set)).toMatchObject({ code: 0 });
  });

  it("finds files beside the study, not beside the caller", async () => {
    const quickstart = join(REPOSITORY, "configs/quickstart.yaml");
    const { code, stdout } = await gradflow(
      folder,
      "run",
      quickstart,
      "--set",
      "flow.tEnd=0.1",
      "--set",
      "descent.learningRates=[]",
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^record: runs\/quickstart-/m);
  });
});

describe("how a run ends", () => {
  it.each([
    ["lossReached", "flow.lossFactor=1.01", 0],
    ["maxEvaluations", "flow.maxGradientEvaluations=30", 0],
    ["maxSteps", "flow.maxSteps=3", 1],
  ])("%s by %s exits with the code of the documentation", async (status, set, expected) => {
    const file = await writeStudy(folder, `${status}.yaml`, lossOnly);
    const { code, stdout } = await gradflow(folder, "run", file, "--set", set, "--json", "--out", status);
    const result = JSON.parse(stdout) as RunResult;
    expect(result.status).toBe(status);
    expect(result.message).not.toBe("");
    expect(code).toBe(expected);
  });

  it("nonFinite exits with 1 and keeps the record", async () => {
    const file = await writeStudy(folder, "explode.yaml", {
      ...lossOnly,
      "{ method: dopri5, rtol: 1e-8, atol: 1e-10, tEnd: 2 }": "{ method: euler, stepSize: 5, tEnd: 5000 }",
      "activation: { kind: tanh }": "activation: { kind: identity }",
    });
    const { code, stdout } = await gradflow(
      folder,
      "run",
      file,
      "--set",
      "loss.reduction=sum",
      "--out",
      "exploded",
      "--json",
    );
    expect((JSON.parse(stdout) as RunResult).status).toBe("nonFinite");
    expect(code).toBe(1);
    expect((await readRecord(join(folder, "exploded"))).manifest.status).toBe("nonFinite");
  });
});

describe("gradflow figure", () => {
  it("draws what a run that was to draw nothing left out, as a run that draws does, and names the figure", async () => {
    const undrawn = await gradflow(folder, "run", study, "--out", "redraw", "--quiet");
    expect(undrawn.stdout.trimEnd().split("\n").at(-1)).toBe("record: redraw");
    expect(existsSync(join(folder, "redraw/figures"))).toBe(false);
    const { code, stdout } = await gradflow(folder, "figure", "redraw");
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n").at(-1)).toBe("figure: redraw/figures/loss.png");
    const alike = await gradflow(folder, "run", drawn, "--out", "drawn", "--quiet");
    expect(alike.stdout.trimEnd().split("\n").at(-1)).toBe("figure: drawn/figures/loss.png");
    const [again, before] = await Promise.all(
      ["redraw", "drawn"].map((name) => readFile(join(folder, name, "figures/loss.svg"), "utf8")),
    );
    expect(again).toBe(before);
  });

  it("refuses what is no record", async () => {
    await writeFile(join(folder, "some-file"), "");
    for (const [name, message] of [
      ["nothing-here", "is not a record"],
      ["some-file", "is not a record"],
    ] as const) {
      const { code, stderr } = await gradflow(folder, "figure", name);
      expect(code).toBe(2);
      expect(stderr).toContain(message);
    }
  });
});
