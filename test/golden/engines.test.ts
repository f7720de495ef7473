/** The golden network on every engine of this machine: small steps of descent, which converge to the flow, and the exact flow where there is float64. */
import { describe, expect, test } from "vitest";
import { createEngine } from "../../src/engine/index.js";
import { createProblem, distance, integrateSmooth } from "../../src/flow/index.js";
import { follow } from "../boundaries/runs.js";
import { presentEngines } from "../support/engines.js";
import { golden, loadGolden } from "./golden.js";

const { given, references } = await loadGolden();
const engines = await presentEngines();
/** ‖θ − reference‖ of descent with this η in float64. */
const DISTANCE = 2.0275e-4;

describe.each(engines)("the golden network by $label", ({ spec, dtype }) => {
  test("descent with η = 0.004 is as near to the flow at t = 2 as in float64", async () => {
    const engine = await createEngine(spec);
    const problem = await createProblem(engine, given.family, given.bound);
    const { theta, status } = await integrateSmooth({
      problem,
      theta0: given.theta,
      method: "euler",
      stepSize: 0.004,
      tEnd: golden.times[0]!,
      onSegment: async () => undefined,
    });
    await engine.dispose();
    expect(status).toBe("reachedEnd");
    // The η of descent makes it, and float64 knows it to the digits given. Of the roundings of 500 steps, 6e-8 of each entry, only what
    // does not cancel is left: less than a hundredth of the worst case 500·6e-8·‖θ‖ ≈ 2e-4.
    const apart = distance(theta, references[0]!);
    expect(Math.abs(apart - DISTANCE)).toBeLessThan(dtype === "float64" ? 1e-8 : 2e-6);
  });

  test.runIf(dtype === "float64")("the exact flow meets the reference", async () => {
    const engine = await createEngine(spec);
    const run = await follow(given, { method: "dopri5", rtol: 1e-6, tEnd: 2, times: [2], engine });
    await engine.dispose();
    // At rtol 1e-8 it is within 2e-6 up to t = 8; a hundred times the tolerance, and a quarter of the time.
    expect(distance(run.states[0]!, references[0]!)).toBeLessThan(1e-4);
  });
});
