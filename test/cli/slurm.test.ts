import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { startSlurm } from "../support/slurm.js";
import { gradflow, start, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();
const study = await writeStudy(folder, "tiny.yaml", { "threads: 2": "threads: 1" });
const slurm = await startSlurm();
afterAll(() => slurm?.stop());
// The program is started with this process's environment.
if (slurm !== null) process.env["SLURM_CONF"] = slurm.env["SLURM_CONF"];

it.each(["a b", "100%", "a\nb"])(
  "a folder that Slurm cannot name is refused before it is made: %j",
  async (out) => {
    const { code, stderr } = await gradflow(
      folder,
      "sweep",
      study,
      "-m",
      "seed=0,1",
      "--launcher",
      "slurm",
      "--out",
      out,
    );
    expect(stderr).toContain(
      "Slurm takes no spaces and no % in its file names; choose another folder with --out.",
    );
    expect(code).toBe(2);
    expect(existsSync(join(folder, out))).toBe(false);
  },
);

describe.skipIf(slurm === null)(
  `--launcher slurm (${slurm === null ? "skipped: no Slurm here" : "a Slurm of one machine"})`,
  () => {
    const onSlurm = (...words: string[]) =>
      gradflow(folder, "sweep", study, "--launcher", "slurm", "--jobs", "2", ...words);

    it("submits an array, collects the records, and gives the numbers of a local sweep", async () => {
      const words = ["-m", "seed=0..2", "--json"];
      const { code, stdout, stderr } = await onSlurm(
        ...words,
        "--out",
        "array",
        "--sbatch=--partition=main --time=10",
      );
      expect(code, stderr).toBe(0);
      const { status, runs } = JSON.parse(stdout);
      expect(status).toBe("done");
      expect(runs.map((run: { status: string }) => run.status)).toEqual([
        "reachedEnd",
        "reachedEnd",
        "reachedEnd",
      ]);
      await gradflow(folder, "sweep", study, ...words, "--out", "local");
      for (const name of ["seed-0", "seed-2"]) {
        const [there, here] = await Promise.all(
          ["array", "local"].map((out) => readFile(join(folder, out, name, "series.csv"))),
        );
        expect(there!.equals(here!), name).toBe(true);
      }
      expect(JSON.parse((await onSlurm(...words, "--out", "array")).stdout).skipped).toBe(3);
    });

    it("tells the numbers' failures, and what sbatch refuses, as they are", async () => {
      const { code, stdout } = await onSlurm("-m", "flow.maxSteps=3,1000", "--out", "numbers", "--json");
      expect(code).toBe(1);
      expect(JSON.parse(stdout).runs.map((run: { status: string }) => run.status)).toEqual([
        "maxSteps",
        "reachedEnd",
      ]);
      const refused = await onSlurm("-m", "seed=0", "--out", "refused", "--sbatch=--partition=nowhere");
      expect(refused.code).toBe(2);
      expect(refused.stderr).toMatch(/slurm: the runs could not be submitted \(sbatch: error: .*partition/);
    });

    it("submits again what was killed", async () => {
      // Long enough to be caught: 100 000 descent steps.
      const words = ["-m", "seed=0", "--out", "killed", "--set", "descent.learningRates=[2e-5]"];
      const { child, ended } = start(folder, ["sweep", study, "--launcher", "slurm", ...words]);
      await new Promise<void>((seen) =>
        child.stderr!.on("data", (text: string) => text.includes("seed-0: started") && seen()),
      );
      const queue = spawnSync("squeue", ["--noheader", "--format=%i"], { encoding: "utf8" }).stdout.trim();
      expect(spawnSync("scancel", ["--batch", "--signal=KILL", queue]).status).toBe(0);
      const { code, stderr } = await ended;
      expect(code, stderr).toBe(0);
      expect(existsSync(join(folder, "killed/slurm/array-1.sh"))).toBe(true);
      expect(stderr).toContain("seed-0: reachedEnd");
    });
  },
);

it("says what to do where there is no Slurm", async () => {
  const path = process.env["PATH"];
  process.env["PATH"] = "/nowhere";
  const { code, stderr } = await gradflow(
    folder,
    "sweep",
    study,
    "-m",
    "seed=0",
    "--launcher",
    "slurm",
    "--out",
    "none",
  );
  process.env["PATH"] = path;
  expect(stderr).toContain("there is no sbatch on this machine");
  expect(code).toBe(2);
  const local = await gradflow(folder, "sweep", study, "-m", "seed=0", "--sbatch=-p x");
  expect(local).toMatchObject({ code: 2, stdout: "" });
  expect(local.stderr).toContain("--sbatch is for --launcher slurm");
});
