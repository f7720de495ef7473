/** What the curves of a sweep are called: by what tells them apart. What all share stands once, below the title. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { buildSweepFigures } from "../../src/figure/sweep-figures.js";
import { syntheticSweep } from "../record/synthetic-sweep.js";

const size = (parameters: number) => ({ parameters, parametersPerTarget: parameters / 100 });

test.each([
  [
    [30, 30],
    ["seed 0", "seed 1"],
    ["P = 30", "P/nM = 0.3"],
  ],
  [[30, 50], ["seed 0, P = 30, P/nM = 0.3", "seed 1, P = 50, P/nM = 0.5"], []],
])("networks of %j parameters", async (parameters, names, shared) => {
  const directory = await mkdtemp(join(tmpdir(), "gradflow-labels-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  await syntheticSweep(directory, parameters.map(size), [
    {
      ...{ kind: "curves", name: "loss", y: "loss", tables: ["series"] },
      ...{ xScale: "linear", yScale: "log", merge: [] },
    },
  ]);
  const [built] = await buildSweepFigures(directory);
  const { rows, spec } = built!.drawing!;
  expect([...new Set(rows.map(({ curve }) => curve))]).toEqual(names);
  const subtitle = JSON.stringify((spec as { title: { subtitle: unknown } }).title.subtitle);
  expect(["P = 30", "P/nM = 0.3"].filter((fact) => subtitle.includes(fact))).toEqual(shared);
});
