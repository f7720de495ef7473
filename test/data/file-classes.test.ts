/** What a study asks of its own files beyond reading them: classes, encodings, subsets, normalisation. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { createReferenceEngine } from "../../src/engine/index.js";
import { prepare } from "../../src/experiment/prepare.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-file-classes-"));
afterAll(() => rm(folder, { recursive: true }));
await writeFile(join(folder, "x.csv"), "1,10\n2,20\n3,30\n4,40\n5,50\n6,60\n");
await writeFile(join(folder, "y.csv"), "0\n1\n2\n0\n1\n2\n");
await writeFile(join(folder, "wide.csv"), "0,1\n1,0\n0,1\n1,0\n0,1\n1,0\n");
await writeFile(join(folder, "real.csv"), "0.5\n1\n2\n0\n1\n2\n");
await writeFile(join(folder, "edges.csv"), "0,1\n1,2\n");

const load = async (fields: string, targets = "y.csv", loss = "squared") => {
  const file = join(folder, "study.yaml");
  await writeFile(
    file,
    `name: s
dataset: { kind: file, inputs: x.csv, targets: ${targets}, header: false, index: false${fields} }
model: { kind: dnn, hidden: [3], activation: { kind: tanh } }
loss: { kind: ${loss} }
flow: { tEnd: 1 }
`,
  );
  const { dataset } = await prepare(await loadConfig(file), createReferenceEngine());
  return dataset;
};

test("classes are chosen and written as signs, one-hot or indices", async () => {
  const signs = await load(", classes: [2, 0], encoding: sign");
  expect([...signs.inputs]).toEqual([1, 10, 3, 30, 4, 40, 6, 60]);
  expect([...signs.targets]).toEqual([1, -1, 1, -1]);
  expect([...(await load(", areClasses: true")).targets.slice(0, 6)]).toEqual([1, 0, 0, 0, 1, 0]);
  expect([...(await load(", encoding: index, classes: [1, 2]")).targets]).toEqual([0, 1, 0, 1]);
  // Cross-entropy makes rows of indices as it does of those that were not chosen.
  expect((await load(", classes: [0, 2]", "y.csv", "cross-entropy")).outputDimension).toBe(2);
});

test("without these fields targets are taken as they are", async () => {
  expect([...(await load("")).targets]).toEqual([0, 1, 2, 0, 1, 2]);
  expect([...(await load(", normalise: none")).targets]).toEqual([0, 1, 2, 0, 1, 2]);
});

test("inputs are normalised by the training samples, and a subset keeps its order", async () => {
  const { inputs } = await load(", normalise: features");
  for (const k of [0, 1]) {
    const column = [...inputs].filter((_, i) => i % 2 === k);
    expect(column.reduce((p, q) => p + q, 0)).toBeCloseTo(0, 14);
    expect(column.reduce((p, q) => p + q * q, 0) / 6).toBeCloseTo(1, 14);
  }
  const some = await load(", samples: 4, normalise: range, split: { test: 1 }");
  expect([some.samples, some.test!.samples]).toEqual([3, 1]);
  const first = [...some.inputs].filter((_, i) => i % 2 === 0);
  expect(first).toEqual([...first].sort((a, b) => a - b));
  expect(Math.max(...some.inputs)).toBe(1);
});

test.each([
  [", classes: [0, 7]", "y.csv", /dataset\.classes: class 7 has no sample; there are 0, 1, 2/],
  [", encoding: sign", "y.csv", /dataset\.encoding: sign is of two classes.*there are 3/],
  [
    ", encoding: sign",
    "wide.csv",
    /dataset\.encoding: is of class numbers, one a sample, and wide\.csv has 2 columns/,
  ],
  [", areClasses: true", "real.csv", /real\.csv: dataset: label 1 is 0\.5; classes are whole numbers/],
  [
    ", areClasses: false, classes: [0]",
    "y.csv",
    /dataset\.classes: chooses classes, and these targets are numbers/,
  ],
  [", samples: 9", "y.csv", /dataset\.samples: must be at most 6, which is all there are, got 9/],
  [
    ", samples: 2, graph: { kind: file, edges: edges.csv }",
    "y.csv",
    /dataset\.samples: chooses among the samples that dataset\.graph joins/,
  ],
])("%s of %s is refused", async (fields, targets, message) => {
  await expect(load(fields, targets)).rejects.toThrow(message);
});
