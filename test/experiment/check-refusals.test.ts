/** `gradflow check` refuses what `gradflow run` refuses, with the same words. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { ConfigError } from "../../src/errors.js";
import { checkStudy } from "../../src/experiment/check.js";
import { estimateMemory } from "../../src/experiment/memory.js";
import { runExperiment } from "../../src/experiment/run.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-check-"));
afterAll(() => rm(folder, { recursive: true }));
const file = join(folder, "study.yaml");
await writeFile(
  file,
  `name: s
dataset: { kind: gaussian, samples: 6, inputDimension: 4, outputDimension: 1 }
model: { kind: dnn, hidden: [3], activation: { kind: tanh } }
flow: { method: dopri5, tEnd: 1 }
descent: { learningRates: [0.1] }
compare: { flows: [rod] }
engine: { kind: reference }
`,
);
const load = (...set: string[]) => loadConfig(file, { set });

test.each([
  [
    ["compare.flows=[principal]", "descent.learningRates=[50]", "flow.tEnd=1e6"],
    /compare\.flows\.0: principal .*λ_max\(θ₀\)/,
  ],
  [["compare.flows=[central]", "loss={kind: huber}"], /central needs ∇³L along its way/],
  [["compare.flows=[modified]", "model.activation={kind: relu}"], /modified needs ∇²L along its way/],
  [
    ["compare={leadingGap: true}", "model.activation={kind: relu}", "flow.boundaries=detect"],
    /compare\.leadingGap: needs the instants/,
  ],
  [["measure={accuracy: {}}"], /measure\.accuracy: needs classes/],
  [
    ["descent={learningRates: [40000], settle: 40}", "flow.tEnd=1e6"],
    /descent\.settle: descent with learning rate 40000 diverges/,
  ],
])("%s", async (set, expected) => {
  const words = async (work: () => Promise<unknown>): Promise<string> => {
    const error = await work().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof ConfigError)) throw new Error(`expected a ConfigError, got ${error}`);
    return error.message;
  };
  const loaded = await load(...set);
  const directory = join(folder, "record");
  const refused = await words(() => runExperiment(loaded, { directory, command: ["test"] }));
  expect(refused).toMatch(expected);
  expect(await words(() => checkStudy(loaded))).toBe(refused);
  expect(await readdir(folder)).toEqual(["study.yaml"]);
});

test("the memory estimate counts flows, running averages and the leading gap, a share for each learning rate", async () => {
  const bytesOf = async (...set: string[]) => {
    const loaded = await load("model.hidden=[300, 300]", ...set);
    const { parts, parameters } = estimateMemory(loaded, loaded.config.dataset as never);
    const of = (name: string) => parts.find((part) => part.name === name)?.bytes ?? 0;
    return {
      flows: of("flows beside descent"),
      averages: of("running averages"),
      gap: of("the leading gap"),
      parameters,
    };
  };
  const one = await bytesOf("compare={flows: [central], bound: true}");
  const two = await bytesOf("compare={flows: [central], bound: true}", "descent.learningRates=[0.1, 0.2]");
  const vector = 8 * one.parameters;
  // 41 states of a window of 40 steps; the third derivatives of ten directions with one another, 55.
  expect(one.averages).toBeGreaterThan(41 * vector);
  expect(one.flows).toBeGreaterThan(55 * vector);
  expect(two.flows).toBe(2 * one.flows);
  expect(two.averages).toBe(2 * one.averages);
  expect(two.gap).toBeGreaterThan(one.gap);
  const narrow = await bytesOf("compare={flows: [central], average: 4, central: {top: 1}}");
  expect(narrow.averages).toBeLessThan(one.averages / 4);
  expect(narrow.flows).toBeLessThan(one.flows / 2);
  expect(narrow.gap).toBe(0);
  expect(await bytesOf("compare={flows: [modified]}")).toMatchObject({ averages: 0, gap: 0 });
});
