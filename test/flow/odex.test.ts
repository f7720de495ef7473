/** The same flow by other mathematics and other hands: extrapolation against Dormand and Prince. */
import { expect, test } from "vitest";
import { makeCase } from "../support/networks.js";
import { distance, norm, observeFlow, problemOf } from "./runs.js";

test.each(["dnn", "resnet", "gcn"] as const)(
  "odex and dopri5 agree on a %s at tight tolerance",
  async (kind) => {
    const {
      family,
      bound,
      theta: theta0,
    } = makeCase({ kind, activation: { kind: "tanh" }, hidden: [4, 4], seed: 6 });
    const problem = await problemOf({ family, bound });
    const times = [0.5, 2, 5];
    const shared = { problem, theta0, rtol: 1e-11, atol: 1e-13, tEnd: 5, times };
    const dopri5 = await observeFlow({ ...shared, method: "dopri5" });
    const odex = await observeFlow({ ...shared, method: "odex" });
    expect(odex.outcome.status).toBe("reachedEnd");
    const { theta } = odex.outcome;
    expect(distance(theta, dopri5.outcome.theta)).toBeLessThan(1e-9 * norm(theta));
    expect(odex.observations.map((row) => row.t)).toEqual([0, ...times]);
    for (const [i, row] of odex.observations.entries()) {
      expect(Math.abs(row.loss / dopri5.observations[i]!.loss - 1)).toBeLessThan(1e-8);
      if (row.energyDefect !== null) expect(row.energyDefect).toBeLessThan(1e-9);
    }
  },
);
