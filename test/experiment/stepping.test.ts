/** A study stepped over its kinks, as its record shows it. */
import { expect, test } from "vitest";
import { summarise } from "../../src/cli/summary.js";
import { setUpRuns } from "./runs.js";

const run = setUpRuns();
const SET = [
  "model.activation={kind: leaky-relu, slope: 0.01}",
  "flow={rtol: 1e-2, tEnd: 4, boundaries: stepping, errorCheck: true}",
  "descent.learningRates=[0.05]",
];

test("result, events and notes of controlled steps", async () => {
  const { result, record } = await run(SET);
  expect(result.status).toBe("reachedEnd");
  expect(result.boundaries).toBe("stepping");
  const { events } = result;
  expect(record.events!.filter(({ kind }) => kind === "crossing").length).toBe(events!.crossings);
  expect(record.events!.filter(({ kind }) => kind === "entersSliding").length).toBe(events!.slidingEntries);
  expect(events!.largestPassDifference).toBeGreaterThan(0);
  // A step may err by rtol·‖θ‖/200, and rejected ones by twice that.
  expect(events!.largestPassDifference).toBeLessThan(1e-2 / 100);
  // ∫‖θ'‖² of the dense output is what the loss falls by, to second order of steps of a twentieth.
  expect(result.energyDefect).toBeLessThan(1e-2);
  expect(result.errorCheck!.status).toBe("reachedEnd");
  expect(result.errorCheck!.relativeToDistance).toBeLessThan(5e-3);
  expect(result.descent[0]!.steps).toBe(80);
  expect(summarise(result)).toContain("boundaries stepping");
});

test("a tolerance that is not attained is told", async () => {
  const { result } = await run([
    ...SET.slice(0, 1),
    "flow={rtol: 1e-10, atol: 1e-14, tEnd: 0.5, boundaries: stepping}",
  ]);
  expect(result.status).toBe("reachedEnd");
  expect(result.events!.forcedSteps).toBeGreaterThan(0);
  expect(result.notes.join(" ")).toContain(
    `The tolerance was not attained: ${result.events!.forcedSteps} steps`,
  );
});

test("fixed steps take two gradients, and one at the start", async () => {
  const { result } = await run([...SET.slice(0, 1), "flow={stepSize: 0.05, tEnd: 1, boundaries: stepping}"]);
  expect(result.steps).toEqual({ accepted: 20, rejected: 0 });
  expect(result.gradientEvaluations).toBe(2 * 20 + 1);
  expect(result.events!.forcedSteps).toBe(0);
});
