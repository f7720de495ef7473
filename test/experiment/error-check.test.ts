import { expect, it } from "vitest";
import { checkError } from "../../src/experiment/error-check.js";
import { errorNotes } from "../../src/experiment/findings.js";
import type { FlowOptions, FlowOutcome } from "../../src/flow/index.js";

const end = (theta: number): FlowOutcome => ({
  ...{ status: "reachedEnd", message: "", t: 1, theta: Float64Array.of(theta), evaluations: 7 },
  ...{ h: 1, accepted: 1, rejected: 0 },
});
const options = { theta0: Float64Array.of(0), rtol: 0.01, atol: 1e-4 } as unknown as FlowOptions;
const run = { descents: [], times: [], isStepping: false };

it("says where the second run did not attain its tolerance: what it finds is then no measure of the first", async () => {
  const check = async (forcedSteps: number) =>
    (
      await checkError(
        async () => ({ ...end(3), events: { crossings: 1, forcedSteps } }),
        options,
        end(2),
        run,
      )
    ).check;
  const forced = await check(31);
  expect(forced).toMatchObject({ error: 1, tighterRtol: 0.001, forcedSteps: 31 });
  expect(errorNotes(forced).join()).toMatch(/at rtol 0.001, did not attain its tolerance: 31 of its steps/);
  const attained = await check(0);
  expect(attained).not.toHaveProperty("forcedSteps");
  expect(errorNotes(attained)).toEqual([]);
});

it("knows no error where the second run took the very steps of the first", async () => {
  const found = async (theta: number) =>
    (await checkError(async () => end(theta), options, end(theta), run)).check;
  for (const scale of [1e-9, 1, 1e9]) {
    const same = await found(scale);
    expect(same).toMatchObject({ error: null, relativeToDistance: null, sameSteps: true });
    expect(errorNotes(same)).toEqual([
      "flow.errorCheck: the run at rtol 0.001 took the very same steps, which says nothing of them; no error is known.",
    ]);
  }
  // A flow that rests where it starts has been found where it is.
  const rest = await found(0);
  expect(rest).toMatchObject({ error: 0 });
  expect(errorNotes(rest)).toEqual([]);
});
