import { expect, it } from "vitest";
import { checkError } from "../../src/experiment/error-check.js";
import { errorNotes } from "../../src/experiment/findings.js";
import type { FlowOptions, FlowOutcome } from "../../src/flow/index.js";

it("says where the second run did not attain its tolerance: what it finds is then no measure of the first", async () => {
  const end = (theta: number): FlowOutcome => ({
    ...{ status: "reachedEnd", message: "", t: 1, theta: Float64Array.of(theta), evaluations: 7 },
    ...{ h: 1, accepted: 1, rejected: 0 },
  });
  const options = { theta0: Float64Array.of(0), rtol: 0.01, atol: 1e-4 } as unknown as FlowOptions;
  const run = { descents: [], times: [], isStepping: false };
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
