/** `gradflow show`: the summary of what stands on disk. */
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { gradflow, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();
const study = await writeStudy(folder, "tiny.yaml", { "threads: 2": "threads: 1" });

it("prints what the run printed, wherever its record is now", async () => {
  const run = await gradflow(folder, "run", study, "--out", "a", "--quiet");
  expect(await gradflow(folder, "show", "a")).toMatchObject({ code: 0, stdout: run.stdout, stderr: "" });
  await rename(join(folder, "a"), join(folder, "b"));
  const moved = await gradflow(folder, "show", "b");
  expect(moved.stdout).toBe(run.stdout.replaceAll(/\ba(?=$|\/figures)/gm, "b"));
  expect(JSON.parse((await gradflow(folder, "show", "b", "--json")).stdout)).toMatchObject({
    status: "reachedEnd",
    record: join(folder, "b"),
  });
});

it("prints the summary of a kernel, and the table of a sweep", async () => {
  const kernel = await gradflow(folder, "ntk", study, "--out", "kernel", "--quiet");
  expect((await gradflow(folder, "show", "kernel")).stdout).toBe(kernel.stdout);
  expect(kernel.stdout).not.toContain("decay of");
  const words = ["run", study, "-m", "seed=0..1", "--out", "sweep", "--quiet"];
  const sweep = await gradflow(folder, ...words);
  const shown = await gradflow(folder, "show", "sweep");
  expect(shown.stdout).toMatch(/^done: 2 of 2 runs have ended; ended /);
  const rows = (text: string) => text.split("\n").filter((line) => /^ +(run|seed-\d) /.test(line));
  expect(rows(shown.stdout)).toHaveLength(3);
  expect(rows(shown.stdout)).toEqual(rows(sweep.stdout));
  expect(shown.stdout).toContain("figure: sweep/figures/loss.png");
  const { runs } = JSON.parse((await gradflow(folder, "show", "sweep", "--json")).stdout);
  expect(runs).toMatchObject([{ name: "seed-0" }, { name: "seed-1" }]);
});

it("says how far a run without an end got, and refuses what is no record", async () => {
  await gradflow(folder, "run", study, "--out", "killed", "--quiet");
  const manifest = JSON.parse(await readFile(join(folder, "killed/manifest.json"), "utf8"));
  await writeFile(
    join(folder, "killed/manifest.json"),
    JSON.stringify({ ...manifest, status: "running", finished: null }),
  );
  await rm(join(folder, "killed/result.json"));
  const { code, stdout } = await gradflow(folder, "show", "killed");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^running: process \d+ on .* writes it, or was killed; gradflow resume killed /);
  expect(stdout).toContain("21 rows, up to t = 2, loss ");
  expect(await gradflow(folder, "show", ".")).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("is not a record (it has no manifest.json); name the folder of a run"),
  });
});
