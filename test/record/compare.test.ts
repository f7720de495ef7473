/** Records side by side. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { compareRecords } from "../../src/record/compare.js";
import { syntheticRecord, syntheticResult } from "./synthetic.js";

test("what one record has as null and the other not at all is no difference", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-compare-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const result = syntheticResult("runs/x");
  const rise = { from: 1, fromTime: 0, to: 2, time: 1 };
  const directories = await Promise.all(
    [null, rise].map(async (lossRise, k) => {
      const directory = join(folder, String(k));
      await (await syntheticRecord({ directory })).finish({ ...result, lossRise });
      return directory;
    }),
  );
  const { results } = await compareRecords(directories);
  expect(results.map(({ name }) => name).sort()).toEqual(
    ["lossRise.from", "lossRise.fromTime", "lossRise.to", "lossRise.time"].sort(),
  );
});

test("what measures cost is compared by their names, and what they declare is no setting", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-compare-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const result = syntheticResult("runs/x");
  const measure = (name: string, times: number, seconds: number) => ({
    ...{ name, columns: [{ name: `${name}.1`, label: name }], times, gradientEquivalents: 0, seconds },
  });
  const lists = [[measure("margin", 5, 1), measure("growth", 5, 1)], [measure("growth", 7, 2)]];
  const directories = await Promise.all(
    lists.map(async (measures, k) => {
      const directory = join(folder, String(k));
      const facts = measures.map(({ name }) => ({ name, of: ["flow"], columns: [] }));
      await (await syntheticRecord({ directory, measures: facts })).finish({ ...result, measures });
      return directory;
    }),
  );
  const { results, differences } = await compareRecords(directories);
  expect(results).toEqual([
    { name: "measures.margin.times", values: [5, undefined] },
    { name: "measures.margin.gradientEquivalents", values: [0, undefined] },
    { name: "measures.growth.times", values: [5, 7] },
  ]);
  expect(differences.map(({ name }) => name)).toEqual([]);
});
