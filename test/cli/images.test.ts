/** A convolutional network with kinks, cut in the midst: what stands is drawn and reported, and goes on to the same bytes. */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { runExperiment } from "../../src/experiment/run.js";
import { gradflow, temporaryFolder } from "./gradflow.js";

const folder = await temporaryFolder();
const study = `name: images
dataset: { kind: gaussian, samples: 4, inputShape: [1, 4, 4], outputDimension: 2 }
model: { kind: cnn, channels: [2], activation: { kind: leaky-relu, slope: 0.1 } }
flow: { method: dopri5, rtol: 1e-6, atol: 1e-9, tEnd: 2 }
descent: { learningRates: [0.02] }
record: { at: linear, points: 10 }
measure: { ntk: { at: linear, points: 3 } }
engine: { kind: reference }
figure: { draw: false }
`;

test("figure, report and resume of a cnn that was cut", async () => {
  const file = join(folder, "images.yaml");
  await writeFile(file, study);
  const loaded = await loadConfig(file);
  let looks = 0;
  const watched = (most: number) =>
    ({
      get aborted() {
        return ++looks > most;
      },
    }) as AbortSignal;
  const [whole, cut] = [join(folder, "whole"), join(folder, "cut")];
  const command = ["test"];
  const result = await runExperiment(loaded, { directory: whole, command, signal: watched(Infinity) });
  expect(result.status).toBe("reachedEnd");
  expect(result.boundaries).toBe("exact");
  expect(result.events!.crossings).toBeGreaterThan(0);
  const half = Math.floor(looks / 2);
  looks = 0;
  const { status } = await runExperiment(loaded, { directory: cut, command, signal: watched(half) });
  expect(status).toBe("interrupted");
  for (const words of [
    ["figure", "cut"],
    ["report", "cut"],
    ["show", "cut"],
  ]) {
    const { code, stderr } = await gradflow(folder, ...words);
    expect(code, `${words.join(" ")}: ${stderr}`).toBe(0);
  }
  expect(existsSync(join(cut, "figures/loss.svg"))).toBe(true);
  expect(await readFile(join(cut, "report.html"), "utf8")).toContain("cnn 1×4×4 → 2");
  const resumed = await gradflow(folder, "resume", "cut");
  expect(resumed.code, resumed.stderr).toBe(0);
  for (const name of ["series.csv", "descent.csv", "events.csv", "ntk.csv", "theta.npy"])
    expect(await readFile(join(cut, name), "latin1"), name).toBe(await readFile(join(whole, name), "latin1"));
});
