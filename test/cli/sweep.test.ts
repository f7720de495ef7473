import { existsSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readTable } from "../../src/record/table.js";
import { gradflow, start, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();
const study = await writeStudy(folder, "tiny.yaml", { "threads: 2": "threads: 1" });
const AXES = ["-m", "model.hidden=[4],[6,6]", "-m", "seed=0..1"];

interface SweepJson {
  readonly status: string;
  readonly directory: string;
  readonly skipped: number;
  readonly figures: readonly string[];
  readonly runs: readonly {
    name: string;
    status: string;
    failure: string | null;
    results: Record<string, unknown>;
  }[];
}

async function sweep(...words: string[]) {
  const ended = await gradflow(folder, "sweep", ...words, "--json");
  return { ...ended, json: (ended.stdout === "" ? null : JSON.parse(ended.stdout)) as SweepJson };
}

describe("gradflow sweep", () => {
  it("names the runs whose fixed steps do not follow the flow, in words and in the figure", async () => {
    const flow = "flow={method: euler, stepSize: 0.5, tEnd: 400, maxSteps: 1000}";
    const few = ["--set", flow, "--set", "descent.learningRates=[0.5]"];
    const words = ["sweep", study, ...few, "-m", "seed=0..1", "--jobs", "1", "--out", "unstable"];
    const { code, stdout, stderr } = await gradflow(folder, ...words, "--quiet");
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(
      /note: 2 of 2 runs do not resolve the gradient flow: .* off by up to [\d.e+]+ times/,
    );
    const spec = await readFile(join(folder, "unstable/figures/loss.json"), "utf8");
    expect(spec).toContain("broad: gradient flow, unresolved in 2 of 2 runs");
  });

  it("does every run as gradflow run does, tabulates and draws them; a second start does nothing", async () => {
    const { code, json, stderr } = await sweep(study, ...AXES, "--jobs", "2");
    expect(code, stderr).toBe(0);
    const names = ["hidden-4_seed-0", "hidden-4_seed-1", "hidden-6-6_seed-0", "hidden-6-6_seed-1"];
    expect(json.runs.map(({ name, status }) => [name, status])).toEqual(
      names.map((name) => [name, "reachedEnd"]),
    );
    expect(json.directory).toMatch(/runs\/tiny-[0-9a-f]{12}$/);
    for (const figure of json.figures) expect(existsSync(join(json.directory, figure))).toBe(true);
    expect(json.figures).toEqual(["figures/loss.svg", "figures/loss.png"]);

    // The same digits as the run alone, by the command that its record names.
    const { command } = JSON.parse(await readFile(join(json.directory, names[3]!, "manifest.json"), "utf8"));
    const words = (command as string[]).slice(1, -2);
    expect(await gradflow(folder, ...words, "--out", "alone", "--quiet")).toMatchObject({ code: 0 });
    for (const file of ["series.csv", "descent.csv", "theta.npy"]) {
      const [alone, swept] = await Promise.all([
        readFile(join(folder, "alone", file)),
        readFile(join(json.directory, names[3]!, file)),
      ]);
      expect(alone.equals(swept), file).toBe(true);
    }

    const table = await readTable(join(json.directory, "results.csv"));
    expect(table.columns.slice(0, 4)).toEqual(["job", "model.hidden", "seed", "status"]);
    expect(Array.from(table.values["loss"]!)).toEqual(json.runs.map(({ results }) => results["loss"]));
    // 3-4-2: 26 parameters for 8 samples of 2 targets.
    expect(table.values["parametersPerTarget"]![0]).toBe(26 / 16);

    const again = await sweep(study, ...AXES);
    expect(again.json).toMatchObject({ status: "done", skipped: 4, directory: json.directory });
    expect(again.stderr).toContain("hidden-4_seed-0: stands already (reachedEnd)");
  });

  it("does again what was killed, removed or changed, and nothing else", async () => {
    const words = [
      study,
      "-m",
      "seed=0..2",
      "--set",
      "descent.learningRates=[]",
      "--jobs",
      "2",
      "--out",
      "partly",
    ];
    const { json } = await sweep(...words);
    const manifest = join(json.directory, "seed-1/manifest.json");
    const killed = (await readFile(manifest, "utf8")).replace(
      '"status": "reachedEnd"',
      '"status": "running"',
    );
    await writeFile(manifest, killed);
    await rm(join(json.directory, "seed-2"), { recursive: true });
    expect((await sweep(...words)).json).toMatchObject({ status: "done", skipped: 1 });
    // Another tolerance makes other runs: nothing of the old ones stands.
    const tighter = [...words, "--set", "flow.rtol=1e-9"];
    expect((await sweep(...tighter)).json).toMatchObject({ status: "done", skipped: 0 });
    expect((await sweep(...tighter)).json).toMatchObject({ skipped: 3 });
    expect((await sweep(...tighter, "--force")).json).toMatchObject({ skipped: 0 });
  });

  it("says why a run could not begin, also where it is quiet", async () => {
    const data = "dataset={kind: digits, samples: 4, classes: [0, 1, 2, 3]}";
    const words = [
      "sweep",
      study,
      "--set",
      data,
      "-m",
      "seed=0,1",
      "--jobs",
      "1",
      "--out",
      "none",
      "--quiet",
    ];
    const { code, stderr } = await gradflow(folder, ...words);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^seed-0: .*dataset\.samples: class \d is left without a sample/m);
  });

  it("is gone on with as it was: resume refuses a study that has changed, and what stands stays", async () => {
    const mine = await writeStudy(folder, "mine.yaml");
    const { json } = await sweep(mine, "-m", "seed=0", "--out", "changing");
    const result = join(json.directory, "seed-0/result.json");
    const before = await readFile(result, "utf8");
    await writeStudy(folder, "mine.yaml", { "tEnd: 2": "tEnd: 1" });
    const refused = await gradflow(folder, "resume", "changing");
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /changing: of its runs 1 would be others now, seed-0 among them \(hash \w+, now \w+\)/,
    );
    expect(await readFile(result, "utf8")).toBe(before);
    const other = await gradflow(folder, "sweep", mine, "-m", "seed=0", "--out", "changing", "--quiet");
    expect(other.code).toBe(0);
    expect(await readFile(result, "utf8")).not.toBe(before);
  });

  it("keeps going when a run fails, says which and why, and exits 1; --fail-fast stops", async () => {
    const words = [study, "-m", "flow.maxSteps=3,100000", "-m", "seed=0..1"];
    const { code, json, stderr } = await sweep(...words, "--out", "failing");
    expect(code).toBe(1);
    expect(json.status).toBe("failed");
    expect(json.runs.map(({ status }) => status)).toEqual([
      "maxSteps",
      "maxSteps",
      "reachedEnd",
      "reachedEnd",
    ]);
    expect(stderr).toContain("maxSteps-3_seed-0: maxSteps");
    const fast = await sweep(...words, "--out", "fast", "--fail-fast", "--jobs", "1");
    expect(fast.code).toBe(1);
    expect(fast.json.runs.map(({ status }) => status)).toEqual(["maxSteps", null, null, null]);
  });

  it("lowers the threads to fit the cores, and says so", async () => {
    const { json, stderr } = await sweep(
      study,
      ...AXES,
      "--jobs",
      "4",
      "--set",
      "engine.threads=64",
      "--out",
      "threads",
    );
    expect(stderr).toMatch(
      /4 runs get \d+ engine threads? instead of the study's 64; the last digits may differ/,
    );
    expect(json.runs.every(({ results }) => Number(results["threads"]) < 64)).toBe(true);
    // The number of threads is no other sweep.
    expect(
      (await sweep(study, ...AXES, "--set", "engine.threads=64", "--out", "threads", "--jobs", "4")).json
        .skipped,
    ).toBe(4);
  });

  it("is refused before anything is written where a run of it is bad, or the folder is another's", async () => {
    const bad = await gradflow(folder, "sweep", study, "-m", "flow.rtol=1e-6,-1", "--out", "bad");
    expect(bad).toMatchObject({ code: 2, stdout: "" });
    expect(bad.stderr).toContain("--set flow.rtol=-1: flow.rtol: must be greater than 0, got -1.");
    expect(existsSync(join(folder, "bad"))).toBe(false);
    const none = await gradflow(folder, "sweep", study);
    expect(none).toMatchObject({ code: 2, stdout: "" });
    expect(none.stderr).toContain("sweep: is required");
    await gradflow(folder, "run", study, "--out", "one", "--quiet");
    const onto = await gradflow(folder, "sweep", study, "-m", "seed=0..1", "--out", "one");
    expect(onto).toMatchObject({ code: 2, stdout: "" });
    expect(onto.stderr).toContain("holds the record of one run; choose another folder with --out");
    expect((await gradflow(folder, "sweep", study, "-m", "seed=0", "--jobs", "0")).stderr).toContain(
      "--jobs must be an integer from 1",
    );
    expect((await gradflow(folder, "run", study, "--jobs", "2")).stderr).toContain("--jobs is for many runs");
  });

  it("run refuses a study with a sweep and says what to type; run -m sweeps", async () => {
    const text = await readFile(join(folder, study), "utf8");
    await writeFile(join(folder, "swept.yaml"), `${text}sweep: { axes: [{ seed: [0, 1] }] }\n`);
    const refused = await gradflow(folder, "run", "swept.yaml", "--out", "swept");
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(refused.stderr).toContain(
      "swept.yaml: sweep: this study is a sweep; do all its runs with gradflow sweep swept.yaml",
    );
    expect(
      await gradflow(folder, "run", "swept.yaml", "--set", "sweep=null", "--out", "base", "--quiet"),
    ).toMatchObject({ code: 0 });
    const { code, stdout } = await gradflow(
      folder,
      "run",
      study,
      "-m",
      "seed=5..6",
      "--out",
      "adhoc",
      "--quiet",
    );
    expect(code).toBe(0);
    expect(stdout).toContain("done: 2 runs, 0 stood already");
    expect((await readdir(join(folder, "adhoc"))).sort()).toEqual([
      "figures",
      "results.csv",
      "seed-5",
      "seed-6",
      "sweep.files",
      "sweep.json",
      "sweep.yaml",
    ]);
  });

  it("ends in order when interrupted, and goes on later", async () => {
    const words = [
      "sweep",
      study,
      "-m",
      "seed=0..3",
      "--jobs",
      "1",
      "--out",
      "stopped",
      "--set",
      "flow.tEnd=1e5",
      "--set",
      "descent.learningRates=[0.001]",
    ];
    const { child, ended } = start(folder, words);
    await new Promise<void>((seen) =>
      child.stderr!.on("data", (text: string) => text.includes("seed-0: started") && setTimeout(seen, 1500)),
    );
    child.kill("SIGINT");
    const { code, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toContain("seed-0: interrupted");
    expect(stderr).not.toContain("seed-1: started");
    const states = JSON.parse(await readFile(join(folder, "stopped/sweep.json"), "utf8"));
    expect(states.status).toBe("interrupted");
  });
});
