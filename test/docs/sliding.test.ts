/** The numbers that docs/sliding.md quotes of its own commands, read from the page and made again. */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { writeNpy } from "../../src/data/npy.js";
import { runExperiment } from "../../src/experiment/run.js";
import { readRecord } from "../../src/record/reader.js";

let page: string;
let folder: string;
beforeAll(async () => {
  page = await readFile("docs/sliding.md", "utf8");
  folder = await mkdtemp(join(tmpdir(), "gradflow-docs-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** The first numbers of the second cell of the table row that begins with `name`, spaces within a number taken out. */
function quoted(name: string): number[] {
  const row = page.split("\n").find((line) => line.startsWith(`| ${name} |`));
  if (row === undefined) throw new Error(`docs/sliding.md has no row "${name}".`);
  const cell = row.split("|")[2]!.replace(/(\d) (?=\d{3})/g, "$1");
  return (cell.match(/\d+(\.\d+)?(e-?\d+)?/g) ?? []).map(Number);
}

async function run(file: string, set: readonly string[]) {
  const directory = join(folder, `record-${set.join("")}`.replace(/[^\w-]/g, "_"));
  const loaded = await loadConfig(file, { set });
  const result = await runExperiment(loaded, { directory, command: ["test"] });
  return { result, record: await readRecord(directory), directory };
}

/** Rounding differs between processors and may move a step: two in a hundred gradients. */
const isNear = (count: number, page: number): void => {
  expect(Math.abs(count - page), `${count}, quoted ${page}`).toBeLessThanOrEqual(0.02 * page);
};

test("one neuron", async () => {
  const block = page.split("```sh\n").find((part) => part.includes("cat > neuron.yaml"))!;
  const [files] = block.split("python3");
  await promisify(execFile)("sh", ["-c", files!], { cwd: folder });
  const theta0 = JSON.parse(/save\('theta0.npy', (\[.*?\])\)/.exec(block)![1]!) as number[];
  await writeNpy(join(folder, "theta0.npy"), Float64Array.from(theta0), [theta0.length]);
  const yaml = /<<END\n(.*?)END\n/s.exec(block)![1]!;
  const file = join(folder, "neuron.yaml");
  await writeFile(file, yaml);
  const [gradients, looser] = /(\d+) \((\d+) at rtol 1e-8\)/
    .exec(page.split("\n").find((line) => line.startsWith("| gradients to t = 2 |"))!)!
    .slice(1)
    .map(Number) as [number, number];
  const { result, directory } = await run(file, []);
  isNear(result.gradientEvaluations, gradients);
  isNear((await run(file, ["flow.rtol=1e-8"])).result.gradientEvaluations, looser);
  const events = (await readFile(join(directory, "events.csv"), "utf8")).trim().split("\n").slice(1);
  const times = events.map((line) => Number(line.split(",")[0]));
  // Quoted to ten digits.
  expect(times.map((t) => Number(t.toFixed(10)))).toEqual([
    quoted("reaches the boundary")[0],
    quoted("leaves it")[0],
  ]);
});

test("the study of slides", async () => {
  const { result } = await run("configs/study/sliding.yaml", ["descent.learningRates=[]"]);
  const events = result.events!;
  expect(events.crossings).toBe(quoted("– that cross")[0]);
  expect(events.slidingEntries).toBe(quoted("– that slide")[0]);
  expect(events.crossings + events.slidingEntries!).toBe(quoted("arrivals at a boundary")[0]);
  expect(events.slidingExits).toBe(quoted("slides that end before t = 8")[0]);
  expect(events.maxSliding).toBe(quoted("sliding at once")[0]);
  expect(Number(events.timeSliding!.toFixed(3))).toBe(quoted("time with at least one entry sliding")[0]);
  expect(Number(events.firstSliding!.toFixed(4))).toBe(quoted("first slide")[0]);
  expect(events.ambiguous).toBe(quoted("repelling boundaries reached")[0]);
  isNear(result.gradientEvaluations, quoted("gradients")[0]!);
});
