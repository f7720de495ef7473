/** The table of a sweep's results. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { lockFolder } from "../../src/record/lock.js";
import { closeSweep, readSweep } from "../../src/record/sweep.js";
import { formatResults, readJobs } from "../../src/record/sweep-states.js";
import { readTable } from "../../src/record/table.js";
import { syntheticKernel, syntheticSweep } from "./synthetic-sweep.js";

test("results.csv has the words beside the numbers: no λ_min without its kind", async () => {
  const directory = await mkdtemp(join(tmpdir(), "gradflow-sweep-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await syntheticSweep(directory, [
    { ntk: syntheticKernel(0, "exact-zero", 1e-28) },
    { ntk: syntheticKernel(6e-34, "upper-bound", 1e-28) },
    { ntk: null },
  ]);
  const states = await readJobs(directory, (await readSweep(directory))!);
  await closeSweep(directory, await lockFolder(directory), "done", (fields) => formatResults(fields, states));
  const { values, words, columns } = await readTable(join(directory, "results.csv"));
  expect([...values["ntk.final.lambdaMin.value"]!]).toEqual([0, 6e-34, Number.NaN]);
  expect(words["ntk.final.lambdaMin.kind"]).toEqual(["exact-zero", "upper-bound", ""]);
  expect(words["ntk.verdict"]).toEqual(["vacuous", "vacuous", ""]);
  expect(words["descent.2.diverged"]).toEqual(["true", "true", "true"]);
  expect(words["boundaries"]).toEqual(["off", "off", "off"]);
  expect(columns.slice(0, 3)).toEqual(["job", "seed", "status"]);
});
