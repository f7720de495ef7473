import { beforeAll, describe, expect, test } from "vitest";
import { createOnnxEngine } from "../../src/engine/index.js";
import type { MethodName } from "../../src/ode/index.js";
import { distance, follow } from "../boundaries/runs.js";
import type { Case } from "../support/networks.js";
import { golden, loadGolden } from "./golden.js";

const engine = createOnnxEngine({ dtype: "float64", threads: 1 });
let given: Case;
let references: Float64Array[];

beforeAll(async () => {
  ({ given, references } = await loadGolden());
});

const errorsAt = async (rtol: number, method: MethodName = "dopri5") => {
  const run = await follow(given, { method, rtol, tEnd: 8, times: golden.times, engine });
  return { ...run, errors: run.states.map((state, i) => distance(state, references[i]!)) };
};

describe("the golden network, 10-20-20-2 with slope 0.01", () => {
  test("meets the reference at rtol 1e-8 with few evaluations", async () => {
    const { errors, evaluations, outcome } = await errorsAt(1e-8);
    expect(outcome.status).toBe("reachedEnd");
    expect(outcome.events.unsettled).toBe(0);
    expect(errors).toHaveLength(3);
    // The reference itself is known to about 7e-7.
    for (const error of errors) expect(error).toBeLessThan(2e-6);
    // Six an event.
    expect(evaluations).toBeLessThan(1_500);
  });

  test.each(["tsrkc3", "auto"] as const)("%s meets it too", async (method) => {
    const { errors, outcome } = await errorsAt(1e-7, method);
    expect(outcome.status).toBe("reachedEnd");
    expect(outcome.events.unsettled).toBe(0);
    // Local errors of 1e-7 and less over some 1 500 steps between events.
    for (const error of errors) expect(error).toBeLessThan(5e-5);
  });

  test("the error falls with the tolerance until it is the reference's own", async () => {
    let before = Number.POSITIVE_INFINITY;
    for (const rtol of [1e-3, 1e-4, 1e-5, 1e-6]) {
      const { errors } = await errorsAt(rtol);
      const worst = Math.max(...errors);
      // Tenfold tolerance gives the error a factor of about ten, 3 leaves room for the luck of single events; or events, not the
      // tolerance, set the steps, and all errors together are a tenth of what one step may make, rtol·‖θ‖ with ‖θ‖ above 3.
      expect(worst).toBeLessThan(Math.max(before / 3, 0.3 * rtol, 2 * Math.max(...golden.thetaError)));
      before = worst;
    }
  });

  test("goes on to t = 40 through its many events without cycling", async () => {
    const { outcome, events } = await follow(given, {
      ...{ method: "dopri5", rtol: 1e-6, atol: 1e-7, tEnd: 40, engine },
    });
    expect(outcome.status).toBe("reachedEnd");
    expect(outcome.events.unsettled).toBe(0);
    expect(outcome.events.maxSliding).toBeGreaterThan(40);
    expect(events.length).toBeGreaterThan(1_000);
    // Two or three gradients of a short step; more where a weight leaves, or the estimate asks for two steps to an event.
    expect(outcome.evaluations / events.length).toBeLessThan(3);
    // 4.95 here, of which a rounding that moves a trial or two changes little. Whole sweeps for padded sets of rows took 20.
    expect(outcome.events.gradientEquivalents / events.length).toBeLessThan(5.1);
  });
});
