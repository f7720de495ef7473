/** The leading gap beside the gap itself, through crossings too, and its bounds beside both. */
import { describe, expect, test } from "vitest";
import { setUpRuns } from "../experiment/runs.js";

const run = setUpRuns();

/** Leaky ReLU 3-6-1 on six samples. */
const leaky = (seed: number, tEnd: number, rates: readonly number[], compare: string) => `name: leaky
seed: ${seed}
dataset: { kind: gaussian, samples: 6, inputDimension: 3, outputDimension: 1 }
model: { kind: dnn, hidden: [6], activation: { kind: leaky-relu, slope: 0.3 } }
flow: { tEnd: ${tEnd}, rtol: 1e-8, atol: 1e-11, boundaries: exact }
record: { at: linear, points: 8 }
descent: { learningRates: [${rates.join(", ")}] }
compare: ${compare}
engine: { kind: reference }
`;

// Each ends before its first slide.
test.each([
  [0, 1.6, 2],
  [2, 1.8, 3],
  [3, 2.8, 2],
  [4, 1.2, 1],
  [5, 2, 2],
  [7, 1, 4],
])(
  "seed %s, leaky ReLU at η = T/320, T = %s, through %s crossings: within 5 per cent of the gap",
  async (seed, tEnd, crossings) => {
    const { result } = await run(
      [],
      {},
      leaky(seed, tEnd, [tEnd / 320], "{ leadingGap: true, bound: true }"),
    );
    expect(result.events).toMatchObject({ crossings, slidingEntries: 0 });
    const [gap] = result.gaps;
    expect(gap).toMatchObject({ steps: 320, exceeded: null, ended: null });
    expect(gap!.error! / gap!.gap!).toBeLessThan(0.05);
    expect(gap!.gap!).toBeLessThan(gap!.bounds!.force);
  },
);

test("without the jump at crossings it is off by far more", async () => {
  // The same flow with its kinks replaced by narrow polynomials, which the smooth leading gap goes through without one.
  const smooth = leaky(2, 1.8, [1.8 / 320], "{ leadingGap: true }").replace(
    "boundaries: exact",
    "boundaries: smooth, smoothing: 1.0e-4",
  );
  const { result } = await run([], {}, smooth);
  expect(result.gaps[0]!.error! / result.gaps[0]!.gap!).toBeGreaterThan(0.1);
});

test("it ends at the first slide, and the run says so", async () => {
  const { result } = await run([], {}, leaky(2, 2.2, [0.01], "{ leadingGap: true }"));
  const [gap] = result.gaps;
  expect(gap!.ended).toBe(result.events!.firstSliding);
  expect(gap!.reason).toMatch(/slides along a kink/);
  expect(gap!.time).toBeLessThanOrEqual(gap!.ended!);
  expect(result.notes.join("\n")).toMatch(/The leading gap ends at t = 1\.866/);
});

test("a crossing of which the step is not certain is named", async () => {
  // Descent crosses three steps before the flow does, 0.05 of a step before the end of one.
  const { result } = await run([], {}, leaky(7, 1, [0.0125], "{ leadingGap: true }"));
  expect(result.gaps[0]!.error! / result.gaps[0]!.gap!).toBeGreaterThan(0.1);
  expect(result.notes.join("\n")).toMatch(/not certain in which step of descent with learning rate 0\.0125/);
});

describe("of smooth networks", () => {
  const smooth = `name: smooth
dataset: { kind: gaussian, samples: 12, inputDimension: 4, outputDimension: 2 }
model: { kind: dnn, hidden: [8, 4], activation: { kind: tanh } }
flow: { rtol: 1e-8, atol: 1e-11, tEnd: 6 }
record: { at: linear, points: 12 }
descent: { learningRates: [0.1, 0.05] }
compare: { leadingGap: true, bound: true }
engine: { kind: reference }
`;

  test("to first order in η, and below the bounds, in their order", async () => {
    const { result } = await run([], {}, smooth);
    const [coarse, fine] = result.gaps;
    const part = (gap: typeof coarse): number => gap!.error! / gap!.gap!;
    expect(part(coarse)).toBeLessThan(0.1);
    expect(part(coarse) / part(fine)).toBeCloseTo(2, 0);
    for (const { gap, bounds, exceeded, learningRate, theoremLearningRate } of result.gaps) {
      const { force, pointwise, suprema } = bounds!;
      expect(exceeded).toBeNull();
      expect([gap!, force, pointwise, suprema].toSorted((p, q) => p - q)).toEqual([
        gap,
        force,
        pointwise,
        suprema,
      ]);
      expect(theoremLearningRate!).toBeLessThan(learningRate);
    }
  });
});
