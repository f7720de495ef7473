/** Figures that no run could fill: of distances they are refused while the sweep is loaded, at their line; of curves a note says so. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { loadSweep } from "../../src/config/load-sweep.js";
import { defineSweep } from "../../src/experiment/define-sweep.js";

interface Parts {
  readonly axes: string;
  readonly figure: string;
  readonly measure?: string;
}

const study = ({ axes, figure, measure = "{ parameters: { points: 5 } }" }: Parts) => `name: d
dataset: { kind: gaussian, samples: 4, inputDimension: 3, outputDimension: 1 }
model: { kind: dnn, hidden: [4], activation: { kind: tanh } }
flow: { tEnd: 1e-9 }
measure: ${measure}
sweep:
  axes: [${axes}]
  figures:
    - { kind: curves, name: loss }
    - { kind: distances, name: d, ${figure} }
`;

async function load(parts: Parts, set: readonly string[] = []) {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-load-distances-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, "study.yaml");
  await writeFile(file, study(parts));
  return loadSweep(file, { set });
}

const TOLERANCES = "{ flow.rtol: [1e-3, 1e-8] }, { seed: [0, 1] }";
const LOOSE = "reference: { flow.rtol: 1e-8 }";

test.each<[string, Parts, string]>([
  [
    "no snapshots",
    { axes: TOLERANCES, figure: LOOSE, measure: "{ growth: {} }" },
    "kind: distances compares snapshots of θ, and no run takes any; add parameters: {}",
  ],
  [
    "snapshots of the reference alone",
    {
      axes: "{ seed: [0, 1], measure: [{ parameters: {} }, {}] }",
      figure: "reference: { seed: 0, measure: { parameters: {} } }",
    },
    "kind: .*no run takes them together with its reference",
  ],
  [
    "fields in step, of which one is named",
    { axes: "{ seed: [0, 1], flow.rtol: [1e-3, 1e-6] }", figure: "reference: { seed: 0 }" },
    "reference: no run has a reference .* that of seed-1_rtol-0.000001 would be the run with seed = 0, flow.rtol = 0.000001,",
  ],
  [
    "values that no run has together",
    { axes: "{ seed: [0, 1], flow.rtol: [1e-3, 1e-6] }", figure: "reference: { seed: 0, flow.rtol: 1e-6 }" },
    "reference: no run has a reference .* seed = 0, flow.rtol = 0.000001,",
  ],
  [
    "an axis of one value",
    { axes: "{ seed: [0] }", figure: "reference: { seed: 0 }" },
    "reference: every run has seed = 0 and so is its own reference",
  ],
  [
    // P of 3 → h → 1: 5h + 1.
    "other sizes of θ",
    { axes: "{ model.hidden: [[4], [5]] }, { seed: [0, 1] }", figure: "reference: { model.hidden: [4] }" },
    "reference: .*θ of hidden-5_seed-0 has 26 entries, that of hidden-4_seed-0 21;",
  ],
  [
    "from after the end",
    { axes: TOLERANCES, figure: `${LOOSE}, from: 1.1e-9` },
    "from: must be at most 1e-9, .* got 1.1e-9",
  ],
  [
    "from after the end of the reference",
    { axes: "{ flow.tEnd: [1, 1e9] }", figure: "reference: { flow.tEnd: 1 }, from: 2" },
    "from: must be at most 1, .* got 2",
  ],
])("%s", async (_, parts, message) => {
  await expect(load(parts)).rejects.toThrow(new RegExp(`study.yaml:10: sweep.figures.1.${message}`));
});

test.each<[string, Parts]>([
  ["the last instant", { axes: TOLERANCES, figure: `${LOOSE}, from: 1e-9` }],
  [
    "one pair among runs without a reference",
    { axes: "{ seed: [0, 1, 0], flow.rtol: [1e-3, 1e-3, 1e-6] }", figure: "reference: { seed: 0 }" },
  ],
  [
    "a reference of the same size for some",
    {
      axes: "{ model.hidden: [[4], [5], [4]], flow.rtol: [1e-3, 1e-3, 1e-6] }",
      figure: "reference: { model.hidden: [4], flow.rtol: 1e-6 }",
    },
  ],
])("what some run can show is left to be drawn: %s", async (_, parts) => {
  expect((await load(parts)).figures.map(({ kind }) => kind)).toEqual(["curves", "distances"]);
});

test("what --set changes counts", async () => {
  const parts = { axes: TOLERANCES, figure: `${LOOSE}, from: 1` };
  await expect(load(parts)).rejects.toThrow("must be at most 1e-9");
  await expect(load(parts, ["flow.tEnd=1"])).resolves.toBeDefined();
});

test("of a sweep from code the same is refused", async () => {
  const define = (reference: object, measure: object, from = 0) =>
    defineSweep({
      study: ({ width, seed }) => ({
        ...{ name: "d", seed, measure },
        dataset: { kind: "gaussian", samples: 4, inputDimension: 3, outputDimension: 1 },
        model: { kind: "dnn", hidden: [width], activation: { kind: "tanh" } },
        flow: { tEnd: 1 },
      }),
      axes: [{ width: [4, 5] }, { seed: [0, 1] }],
      figures: [{ kind: "distances", name: "d", reference, from }],
    });
  const parameters = { parameters: {} };
  await expect(define({ depth: 1 }, parameters)).rejects.toThrow("depth is no axis of this sweep");
  await expect(define({ seed: 2 }, parameters)).rejects.toThrow("no run has seed = 2");
  await expect(define({ seed: 0 }, {})).rejects.toThrow("sweep.figures.0.kind: distances compares snapshots");
  await expect(define({ width: 4 }, parameters)).rejects.toThrow("has 26 entries");
  await expect(define({ seed: 0 }, parameters, 2)).rejects.toThrow(
    "sweep.figures.0.from: must be at most 1,",
  );
  await expect(define({ seed: 0 }, parameters)).resolves.toBeDefined();
});

test.each([
  [
    1e-9,
    [
      "The figure late will show nothing: it begins at t = 1e-9 (its from), and the last run ends at 1e-9 (flow.tEnd).",
    ],
  ],
  [9e-10, []],
])("curves from t = %f of runs that end at 1e-9", async (from, notes) => {
  const parts = { axes: TOLERANCES, figure: `${LOOSE} }\n    - { kind: curves, name: late, from: ${from}` };
  expect((await load(parts)).notes).toEqual(notes);
});
