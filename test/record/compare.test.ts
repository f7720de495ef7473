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
