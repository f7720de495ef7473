import { readdir } from "node:fs/promises";
import { expect, it } from "vitest";
import type { StabilityReport } from "../../src/experiment/stability.js";
import { gradflow, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();
const study = await writeStudy(folder, "tiny.yaml");

it("prints both rates, says what they claim and how it goes on, and writes nothing", async () => {
  const words = ["stability", study, "--steps", "60", "--tolerance", "0.1"];
  const told = await gradflow(folder, ...words);
  expect(told.code).toBe(0);
  expect(told.stderr).toMatch(/^λ_max of the Hessian at θ₀\nmonotone: η = \d/);
  expect(told.stdout).toMatch(/2\/λ at θ₀: [\d.]+, λ_max = [\d.]+\n/);
  expect(told.stdout).toMatch(/falls at each of 60 steps +[\d.]+ /);
  expect(told.stdout).toContain("true of these 60 steps, not of later ones");
  const quiet = await gradflow(folder, ...words, "--quiet", "--json");
  expect(quiet.stderr).toBe("");
  const report = JSON.parse(quiet.stdout) as StabilityReport;
  expect(report.monotone.failsAt! / report.monotone.learningRate!).toBeLessThanOrEqual(1.1);
  expect(report.monotone.tried.at(-1)!.steps).toBe(60);
  expect(await readdir(folder)).toEqual(["tiny.yaml"]);
});

it.each([
  [["--steps", "5"], "stability: steps must be a whole number of at least 20, got 5."],
  [["--steps", "many"], "stability: --steps must be a number, got many."],
  [["--tolerance", "0"], "stability: tolerance must be above 0 and at most 0.5, got 0."],
])("%j is refused", async (words, message) => {
  const { code, stdout, stderr } = await gradflow(folder, "stability", study, ...words);
  expect(stderr).toContain(message);
  expect(stderr).not.toContain("unexpected error");
  expect(stdout).toBe("");
  expect(code).toBe(2);
});
