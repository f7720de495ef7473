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

/** A sweep of tiny networks, run here. */
async function runSmall(
  axes: Record<string, unknown>[],
  reference: Record<string, unknown>,
): Promise<{ directory: string; notes: readonly string[] }> {
  const directory = join(await makeFolder(), "out");
  const sweep = await defineSweep({
    study: ({ width = 2, tEnd = 1, rtol = 1e-3 }) => ({
      name: "small",
      dataset: { kind: "gaussian", samples: 2, inputDimension: 1, outputDimension: 1 },
      model: { kind: "dnn", hidden: [width], activation: { kind: "tanh" } },
      flow: { tEnd, rtol },
      engine: { kind: "reference" },
      measure: { parameters: { points: 3 } },
      figure: { draw: false },
    }),
    axes,
    figures: [{ kind: "distances", name: "d", reference }],
  });
  const { notes } = await runSweep(sweep, { directory, parallel: 1, command: ["gradflow", "sweep"] });
  return { directory, notes };
}

test("runs that have no distance are counted below the picture, with the reason", async () => {
  // P of 1 → h → 1 is 3h + 1.
  const { directory } = await runSmall([{ width: [2, 3, 2], rtol: [1e-3, 1e-3, 1e-6] }], {
    width: 2,
    rtol: 1e-6,
  });
  const [built] = await buildSweepFigures(directory);
  expect(new Set(built!.drawing!.rows.map(({ curve }) => curve))).toHaveLength(1);
  expect(captionOf(built!.drawing!.spec).join(" ").replaceAll("\n", " ")).toContain(
    "no distance of 1 run: θ has 10 entries, that of the reference 7",
  );
});

test("a figure without any distance is not drawn, and the note says why", async () => {
  // Spaced logarithmically up to 1 and to 3, the snapshots share their first time alone.
  const { notes } = await runSmall([{ tEnd: [1, 3] }], { tEnd: 1 });
  expect(notes).toEqual([
    "The figure d was not drawn: no distance of 1 run: run and reference have snapshots at the same times at t = 0 only.",
  ]);
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
