/** Kinks rounded to half-width ε: the stiffness 1/ε that comes with it is the stabilised methods' to carry. */
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { engineOf, prepare } from "../../src/experiment/prepare.js";
import { distance, integrateSmooth } from "../../src/flow/index.js";
import type { MethodName } from "../../src/ode/index.js";

const sliding = fileURLToPath(new URL("../../configs/study/sliding.yaml", import.meta.url));

/** The network of the sliding study until t = 4, when units have slid for three units of time. */
async function open(halfWidth: number) {
  const set = ["flow.boundaries=smooth", `flow.smoothing=${halfWidth}`, "flow.tEnd=4"];
  const study = await loadConfig(sliding, { set });
  const engine = await engineOf(study);
  const { problem, theta0 } = await prepare(study, engine);
  const solve = (method: MethodName, rtol: number) =>
    integrateSmooth({ problem, theta0, method, tEnd: 4, rtol, atol: rtol, onSegment: async () => undefined });
  return { solve, theta0, dispose: () => engine.dispose() };
}

test("stabilised methods follow a smoothed flow, and see its curvature grow as the rounding narrows", async () => {
  const largest: number[] = [];
  for (const halfWidth of [1e-2, 1e-3]) {
    const { solve, theta0, dispose } = await open(halfWidth);
    const reference = (await solve("dop853", 1e-7)).theta;
    const moved = distance(reference, theta0);
    for (const method of ["rkc2", "tsrkc3", "auto"] as const) {
      const { status, theta, sharpness } = await solve(method, 1e-5);
      expect(status).toBe("reachedEnd");
      // The second derivative jumps at ±ε, where no method has its order: some 10⁻⁴ is what rtol 1e-5 gives here.
      expect(distance(theta, reference) / moved).toBeLessThan(2e-3);
      if (method === "tsrkc3") largest.push(Math.max(...sharpness!.measurements.map(({ value }) => value)));
    }
    await dispose();
  }
  // The blended part is like 1/ε while an entry is inside it, the rest does not change: 28 measured, some entries slide only here.
  const [wide, narrow] = largest;
  expect(narrow! / wide!).toBeGreaterThan(3);
});
