/** Tables far longer than the heap that reads them: what prints, exports and compares them takes eight bytes a number, or less. */
import { spawnSync } from "node:child_process";
import { appendFile, cp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { gradflow, REPOSITORY, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();
/** As objects and text they take some 60 MB. */
const ROWS = 60_000;
/** The program itself needs 25 MB, and V8 some slack. */
const HEAP_MEGABYTES = 40;

beforeAll(async () => {
  const study = await writeStudy(folder, "study.yaml");
  expect((await gradflow(folder, "run", study, "--out", "a")).code).toBe(0);
  const last = (await readFile(join(folder, "a/series.csv"), "utf8"))
    .trimEnd()
    .split("\n")
    .at(-1)!
    .split(",");
  let lines = "";
  for (let k = 1; k <= ROWS; k++) lines += `${[2 + k / 3, ...last.slice(1)].join(",")}\n`;
  await appendFile(join(folder, "a/series.csv"), lines);
  await cp(join(folder, "a"), join(folder, "b"), { recursive: true });
  await rm(join(folder, "b/result.json"));
});

it.each([
  [["export", "a", "--to", "csv"], "a/export/record.csv"],
  [["export", "a", "--to", "npz"], "a/export/record.npz"],
  [["export", "a", "--to", "safetensors"], "a/export/record.safetensors"],
  [["export", "a", "--to", "tensorboard"], "a/export/tensorboard/events.out.tfevents.gradflow"],
  [["compare", "a", "b"], `${ROWS + 21}`],
  [["show", "b"], `${ROWS + 21} rows, up to t = 2e4`],
])("%j", (words, told) => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [`--max-old-space-size=${HEAP_MEGABYTES}`, join(REPOSITORY, "bin/gradflow.js"), ...words],
    { cwd: folder, encoding: "utf8" },
  );
  expect(status, stderr).toBe(0);
  expect(stdout).toContain(told);
});
