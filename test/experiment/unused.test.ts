/** What a study sets and its run does not use is said. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { engineOf, prepare } from "../../src/experiment/prepare.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-unused-"));
afterAll(() => rm(folder, { recursive: true }));
const GRAPH = "dataset.graph={kind: nearest-neighbours, neighbours: 2}";

const STEPS = "flow={tEnd: 1, boundaries: stepping, stepSize: 0.1}";

it.each<[string[], string[]]>([
  [[], []],
  [[GRAPH], ["dataset.graph is not used: no layer of the network works on a graph between the samples."]],
  [[GRAPH, "model.kind=gcn"], []],
  [
    [GRAPH, "model.kind=gcn", "model.neighbours=3"],
    ["model.neighbours = 3 is not used: the graph is that of dataset.graph."],
  ],
  [["model.kind=gcn", "model.neighbours=3"], []],
  [
    ["descent={learningRates: [0.1], countFlips: true}"],
    ["descent.countFlips is not used: the network has no kinks, so there is nothing to count."],
  ],
  [["descent={learningRates: [0.1], countFlips: true}", "model.activation.kind=relu"], []],
  [
    ["flow.compareSmoothing=[0.1]"],
    ["flow.compareSmoothing is not used: the network has no kinks that could be smoothed."],
  ],
  [["flow.compareSmoothing=[0.1]", "model.activation.kind=relu"], []],
  [["descent={learningRates: [], batch: 4}"], ["descent.batch is not used: descent.learningRates is empty."]],
  [["descent={kind: nesterov}"], ["descent.kind is not used: descent.learningRates is empty."]],
  [["descent={learningRates: [0.1], batch: 4, kind: nesterov}"], []],
  [[STEPS, "model.activation.kind=relu"], []],
  [
    [STEPS, "flow.rtol=1e-4", "model.activation.kind=relu"],
    ["flow.rtol is not used: all steps have the size flow.stepSize."],
  ],
])("%j", async (set, notes) => {
  const file = join(folder, "study.yaml");
  await writeFile(
    file,
    `name: unused
dataset: { kind: gaussian, samples: 12, inputDimension: 2, outputDimension: 1 }
model: { kind: dnn, hidden: [3], activation: { kind: tanh } }
flow: { tEnd: 1 }
engine: { kind: reference }
`,
  );
  const loaded = await loadConfig(file, { set });
  const engine = await engineOf(loaded);
  try {
    expect((await prepare(loaded, engine)).notes).toEqual(notes);
  } finally {
    await engine.dispose();
  }
});
