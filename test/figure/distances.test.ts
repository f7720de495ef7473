/** Sweeps that draw how far their runs are from one of them: the rows against θ as the records have it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { loadSweep } from "../../src/config/load-sweep.js";
import { readNpy } from "../../src/data/npy.js";
import { defineSweep } from "../../src/experiment/define-sweep.js";
import { runSweep } from "../../src/experiment/sweep.js";
import { captionOf } from "../../src/figure/render.js";
import { buildSweepFigures } from "../../src/figure/sweep-figures.js";

const study = (figure: string) => `name: limits
dataset: { kind: gaussian, samples: 4, inputDimension: 2, outputDimension: 1 }
model: { kind: dnn, hidden: [4], activation: { kind: leaky-relu, slope: 0.1 } }
loss: { kind: squared, reduction: half-mean-sample }
flow: { tEnd: 2, rtol: 1e-6 }
record: { at: linear, points: 3 }
measure: { parameters: {} }
figure: { draw: false }
sweep:
  axes: [{ model.activation.slope: [0, 0.5] }, { seed: [0, 1] }]
  figures: [{ kind: distances, name: limit, ${figure} }]
`;

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-distances-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

test("each run against the one with the reference's values and its own seed", async () => {
  const folder = await makeFolder();
  const directory = join(folder, "out");
  const sweep = await defineSweep({
    study: ({ slope, seed }) => ({
      ...{ name: "limits", seed },
      dataset: { kind: "gaussian", samples: 4, inputDimension: 2, outputDimension: 1 },
      model: { kind: "dnn", hidden: [4], activation: { kind: "leaky-relu", slope } },
      flow: { tEnd: 2, rtol: 1e-6 },
      record: { at: "linear", points: 3 },
      measure: { parameters: {} },
      figure: { draw: false },
    }),
    axes: [{ slope: [0, 0.5] }, { seed: [0, 1] }],
    figures: [{ kind: "distances", name: "limit", reference: { slope: 0 }, xScale: "linear", merge: [] }],
  });
  const { status } = await runSweep(sweep, { directory, parallel: 1, command: ["gradflow", "sweep"] });
  expect(status).toBe("done");
  const [built] = await buildSweepFigures(directory);
  const rows = built!.drawing!.rows as unknown as { curve: string; t: number; value: number }[];
  // Reference runs have no line of their own.
  expect([...new Set(rows.map(({ curve }) => curve.replace(/, P.*/, "")))]).toEqual([
    "slope 0.5, seed 0",
    "slope 0.5, seed 1",
  ]);
  const last = async (run: string) => (await readNpy(join(directory, run, "theta.npy"))).data;
  for (const seed of [0, 1]) {
    const [a, b] = await Promise.all([last(`slope-0.5_seed-${seed}`), last(`slope-0_seed-${seed}`)]);
    const end = rows.findLast(({ curve, t }) => curve.includes(`seed ${seed}`) && t === 2)!;
    expect(end.value).toBeCloseTo(Math.hypot(...Array.from(a, (value, i) => value - b[i]!)), 12);
    expect(end.value).toBeGreaterThan(0);
  }
  expect(captionOf(built!.drawing!.spec).join(" ")).toContain("θ′: the run with slope 0");
});

test.each([
  ["reference: { model.activation.slope: 0.3 }", "no run has model.activation.slope = 0.3"],
  ["reference: { model.hidden: [4] }", "model.hidden is no axis of this sweep"],
  ["reference: {}", "must name a field of sweep.axes"],
])("a reference that no run is: %s", async (figure, message) => {
  const file = join(await makeFolder(), "study.yaml");
  await writeFile(file, study(figure));
  await expect(loadSweep(file)).rejects.toThrow(
    new RegExp(`study.yaml:11: sweep.figures.0.reference.*${message}`),
  );
});
