/** What a run in float32 says of its own precision. */
import { describe, expect, test } from "vitest";
import { setUpRuns, study } from "./runs.js";

const run = setUpRuns();
const SINGLE = "engine={kind: onnx, dtype: float32, threads: 1}";

describe("rounding in the record", () => {
  test("is measured in float32 and absent in float64", async () => {
    expect((await run()).result.rounding).toBeNull();
    const { rounding, notes } = (await run([SINGLE, "flow.rtol=1e-5"])).result;
    for (const { loss, gradient } of [rounding!.initial, rounding!.final]) {
      expect(loss).toBeLessThan(1e-5);
      // Not zero: it is float32. A few roundings of 6e-8, more where terms cancel.
      expect(gradient).toBeGreaterThan(1e-9);
      expect(gradient).toBeLessThan(1e-5);
    }
    expect(notes.join(" ")).toContain("Against float64 at the same θ the loss is off by");
  });

  test("warns where the loss has reached the floor of float32", async () => {
    // P = 82 for 4 targets: the flow goes to zero, float32 stops near 1e-13 of the initial loss.
    const set = [SINGLE, "dataset.samples=2", "flow={method: auto, rtol: 1e-5, tEnd: 1000}"];
    const { rounding, notes } = (await run(set, {}, study)).result;
    expect(rounding!.final.gradient).toBeGreaterThan(0.1);
    expect(notes.join(" ")).toContain("float32 no longer resolves the gradient at the end");
  });
});

test("in the clock of ln L nothing vanishes in float32 that does not in float64", async () => {
  const tail = `name: tail
dataset: { kind: gaussian-mixture, samples: 12, inputDimension: 2, std: 0.3, encoding: sign, split: { test: 4 } }
model: { kind: dnn, hidden: [4], bias: false, activation: { kind: tanh } }
loss: { kind: exponential, reduction: sum }
flow: { tEnd: 1e60, clock: log, method: dopri5, rtol: 1e-5, atol: 1e-7 }
measure: { polyakLojasiewicz: {}, kkt: {}, growth: {}, testLoss: {}, sharpness: { points: 5, top: 2 } }
record: { at: log, points: 10 }
`;
  const [single, double] = [
    await run([SINGLE], {}, tail),
    await run(["engine={ kind: reference }"], {}, tail),
  ];
  for (const name of [
    ...["polyakLojasiewicz", "alignment", "dissipation", "sharpness.1", "sharpness.2", "testLoss"],
    ...["loss", "gradientNorm"],
  ]) {
    const [found, expected] = [single, double].map(({ result }) => result.measured[name]!.last);
    // Logits near 140 to single precision are off by 1e-5, and by so much of itself their exponential.
    expect(Math.abs(found! / expected! - 1), name).toBeLessThan(1e-3);
  }
  // μ falls like 1/t.
  expect(double.result.measured["polyakLojasiewicz"]!.last * 1e60).toBeCloseTo(1, 1);
  expect(single.result.notes.join(" ")).not.toContain("no longer resolves");
  expect(single.result.rounding!.final.gradient).toBeLessThan(1e-4);
});
