/** Fixed steps beyond their stability limit make a curve that is no gradient flow: the record has to say so. */
import { expect, test } from "vitest";
import { setUpRuns } from "./runs.js";

const run = setUpRuns();
const flow = (method: string, stepSize: number) => [
  `flow={method: ${method}, stepSize: ${stepSize}, tEnd: 400, maxSteps: 100000}`,
  "descent.learningRates=[3]",
];

test("euler at the edge of stability: λ_max is held near 2/h, and both notes are made", async () => {
  const stable = (await run(flow("euler", 0.05))).result;
  const h = 0.5;
  const { result, record } = await run(flow("euler", h));
  // The flow's own sharpness rises to four times 2/h; the unstable run oscillates about that limit, and is held below half the flow's.
  expect(stable.sharpness!.largest).toBeGreaterThan(3 * (2 / h));
  expect(result.sharpness!.largest).toBeGreaterThan(2 / h);
  expect(result.sharpness!.largest).toBeLessThan(1.5 * (2 / h));
  // A row holds what was measured since the row before, with its time, or nothing.
  const { t, sharpness, sharpnessTime } = record.series;
  const told = Array.from(t.keys()).filter((k) => !Number.isNaN(sharpness[k]!));
  expect(told.length).toBeGreaterThan(3);
  for (const k of told) {
    expect(sharpnessTime[k]).toBeLessThanOrEqual(t[k]!);
    expect(sharpnessTime[k]).toBeGreaterThan(t[k - 1]!);
  }
  const notes = result.notes.join("\n");
  expect(result.energyDefect!).toBeGreaterThan(1);
  expect(notes).toContain("so fast modes are not resolved");
  expect(notes).toMatch(/The sharpness reached [\d.]+ at t = [\d.]+, and steps of 0.5 are stable up to 4/);
});

test("stable steps pass without either; a descent that cannot follow is still named", async () => {
  for (const [method, h] of [
    ["euler", 0.05],
    ["heun", 0.1],
    ["rk4", 0.12],
  ] as const) {
    const { result } = await run(flow(method, h));
    const notes = result.notes.join("\n");
    expect(notes).not.toMatch(/are stable up to|fast modes/);
    expect(notes).toContain("above 2/η = 0.6667: descent with η = 3 cannot follow it there");
    // A tenth of the run, and one measurement that went over.
    expect(result.sharpness!.share).toBeLessThan(0.12);
  }
});

test.each(["dopri5", "dop853", "odex", "rodas4", "bs32"])(
  "beside descents the sharpness is measured under %s too, for a bounded part of the work",
  async (method) => {
    const flow = `flow={method: ${method}, rtol: 1e-5, atol: 1e-7, tEnd: 60}`;
    const alone = await run([flow]);
    expect(alone.result.sharpness).toBeNull();
    const { result, record } = await run([flow, "descent.learningRates=[3, 0.1]"]);
    // It watches and changes nothing.
    expect(result.loss).toBe(alone.result.loss);
    const sharpness = result.sharpness!;
    const above = result.notes.filter((note) => note.includes("above 2/η"));
    expect(above).toHaveLength(1);
    expect(above[0]).toContain("descent with η = 3 cannot follow it there");
    expect(sharpness.largest).toBeGreaterThan(2 / 3);
    // One measurement after the first step, at most 30 products of about two gradients each, and a tenth of the gradients.
    expect(sharpness.gradientEquivalents).toBeLessThan(Math.max(75, 0.12 * result.gradientEvaluations));
    if (result.gradientEvaluations > 500) expect(sharpness.share).toBeLessThan(0.15);
    expect(record.series.sharpnessTime.findLast((t) => !Number.isNaN(t))).toBe(sharpness.time);
  },
);
