/** Figures of measures: each says what to look for, in words of its own. */
import { expect, test } from "vitest";
import { figuresOf } from "../../src/figure/figures.js";
import { captionOf } from "../../src/figure/render.js";
import { measures } from "../../src/measure/index.js";
import { setUpRuns } from "../experiment/runs.js";

const run = setUpRuns();

/** Every measure can be had of it. */
const study = `name: looked-at
dataset: { kind: gaussian-mixture, samples: 16, inputDimension: 2, std: 0.3, encoding: sign, split: { test: 0.25 } }
model: { kind: dnn, hidden: [3], bias: false, activation: { kind: leaky-relu } }
loss: { kind: exponential, reduction: sum }
flow: { tEnd: 1, boundaries: off }
descent: { learningRates: [0.02, 0.01] }
measure: { ${measures.map(({ name }) => `${name}: {}`).join(", ")} }
record: { at: linear, points: 4 }
engine: { kind: reference }
`;

test.each([[[]], [["descent.learningRates=[]"]]])(
  "every figure that a measure declares has a caption of what to look for, no two the same (%s)",
  async (set) => {
    const { record } = await run(set, {}, study);
    const captions = new Map(
      figuresOf(record).flatMap((figure) => {
        const drawing = figure.build(record);
        return drawing === null ? [] : [[figure.name, captionOf(drawing.spec)[0] ?? ""] as const];
      }),
    );
    const drawn = measures.filter(({ name }) => name !== "parameters");
    for (const { name, look } of drawn) {
      expect(look, name).toMatch(/\.$/);
      expect(captions.get(name), name).toContain(look);
    }
    // The snapshots are numbered, not drawn.
    expect(captions.has("parameters")).toBe(false);
    expect(captions.size).toBeGreaterThan(drawn.length);
    expect(new Set(captions.values()).size).toBe(captions.size);
  },
);

test("a record of before, whose measures say nothing, is drawn", async () => {
  const { record } = await run(["measure={ growth: {} }"], {}, study);
  const [{ look: _, ...rest }] = record.manifest.measures as [
    { look?: string; name: string; of: []; columns: [] },
  ];
  const old = { ...record, manifest: { ...record.manifest, measures: [rest] } };
  const figure = figuresOf(old).find(({ name }) => name === "growth")!;
  expect(captionOf(figure.build(old)!.spec)[0]).toBe("The grey band is the flow.");
});
