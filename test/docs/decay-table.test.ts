/** docs/decay-table.md: every group of runs of the two sweeps has its row, and a row is made again. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readNumber } from "../../scripts/bench/quoting.js";
import { loadSweep } from "../../src/config/load-sweep.js";
import { networkOf } from "../../src/experiment/network.js";
import { runExperiment } from "../../src/experiment/run.js";

const folder = mkdtempSync(join(tmpdir(), "gradflow-decay-table-"));
afterAll(() => rmSync(folder, { recursive: true }));

const rows = readFileSync("docs/decay-table.md", "utf8")
  .split("\n")
  .filter((line) => /^\| [a-z-]+ \| [a-z-]+ \| [\d.]+ \|/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim()));
const jobs = (
  await Promise.all(["decay", "decay-images"].map((name) => loadSweep(`configs/papers/${name}.yaml`, {})))
).flatMap((sweep) => sweep.jobs.map(({ loaded }) => loaded));

function keyOf(loaded: (typeof jobs)[number]): string {
  const { dataset, model } = loaded.config;
  const { samples, outputDimension, inputShape, inputDimension } = dataset as unknown as {
    readonly samples: number;
    readonly outputDimension: number;
    readonly inputShape?: number[];
    readonly inputDimension: number;
  };
  const { layout } = networkOf(loaded, { inputShape: inputShape ?? [inputDimension], outputDimension });
  const ratio = (layout.size / (samples * outputDimension)).toFixed(2);
  return `${(model as { kind: string }).kind} | ${model.activation?.kind} | ${ratio}`;
}

test("every group of runs has its row", () => {
  const keys = jobs.map(keyOf);
  expect(rows.map((cells) => cells.slice(1, 4).join(" | "))).toEqual([...new Set(keys)]);
  expect(keys.length).toBe(3 * rows.length);
});

test("below P = nM λ_min is zero exactly and no exponential is seen", () => {
  const narrow = rows.filter((cells) => Number(cells[3]) < 1);
  expect(narrow.length).toBe(40);
  for (const cells of narrow) expect([cells[4], cells[8]]).toEqual(["0 exactly", "0 of 3"]);
});

// Smooth, so that no branch differs between processors.
test("the row of a dnn of sigmoids is what the study gives", async () => {
  const [, kind, activation, ratio, lambdas, rate] = rows.find(
    (cells) => cells[1] === "dnn" && cells[2] === "sigmoid" && Number(cells[3]) > 4,
  )!;
  const own = jobs.filter((loaded) => keyOf(loaded) === `${kind} | ${activation} | ${ratio}`);
  const results = [];
  for (const [k, loaded] of own.entries()) {
    const undrawn = { ...loaded, config: { ...loaded.config, figure: { draw: false } } };
    results.push(await runExperiment(undrawn, { directory: join(folder, `run-${k}`), command: ["test"] }));
  }
  const sorted = (values: number[]) => values.sort((p, q) => p - q);
  const rates = sorted(results.map(({ decay }) => decay!.rate));
  const minima = sorted(results.map(({ ntk }) => ntk!.initial.lambdaMin.value!));
  const quoted = [rate!, lambdas!].flatMap((cell) => cell.match(/\d[\d.]*(?:e[-+]\d+)?/g)!.map(readNumber));
  const made = [rates[1]!, rates[0]!, rates[2]!, minima[0]!, minima[2]!];
  expect(quoted.length).toBe(made.length);
  // The last digit may be off by one, for rounding differs between processors.
  for (const [k, { value, unit }] of quoted.entries())
    expect(Math.abs(made[k]! - value), `${made[k]}, quoted ${value}`).toBeLessThanOrEqual(1.5 * unit);
});
