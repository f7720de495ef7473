import { describe, expect, test } from "vitest";
import { type NetworkSpec, normalisedAdjacency } from "../../src/model/index.js";
import { type Case, makeCase } from "../support/networks.js";
import { descend } from "./descent.js";
import { distance, follow } from "./runs.js";

/** Every second sample is the one before it, with a target of its own: its entries are tied to those, for good. */
function withDuplicates(spec: Partial<NetworkSpec>, seed: number): Case {
  const samples = 8;
  const given = makeCase({
    inputDimension: 3,
    hidden: [5, 5],
    outputDimension: 2,
    samples,
    activation: { kind: "relu" },
    factor: 0.125,
    seed,
    ...spec,
  });
  const x = given.bound["x"]!.slice();
  for (let i = 0; i < samples; i += 2) x.copyWithin(3 * (i + 1), 3 * i, 3 * (i + 1));
  const adjacency =
    given.family.network.kind === "gcn" ? { adjacency: normalisedAdjacency(x, samples, 3) } : {};
  return { ...given, bound: { ...given.bound, x, ...adjacency } };
}

describe("duplicate samples", () => {
  test.each<{ name: string; spec: Partial<NetworkSpec> }>([
    { name: "dnn", spec: {} },
    { name: "dnn without biases", spec: { bias: false } },
    { name: "resnet", spec: { kind: "resnet" } },
    { name: "gcn", spec: { kind: "gcn", hidden: [4, 4] } },
    { name: "PReLU", spec: { activation: { kind: "prelu", slope: 0.1 } } },
  ])("sets known by products take the way of those with rows: $name", async ({ spec }) => {
    let slides = 0;
    for (let seed = 0; seed < 8; seed++) {
      const given = withDuplicates(spec, seed);
      const options = { method: "dopri5", rtol: 1e-7, tEnd: 6 } as const;
      const byRows = await follow(given, options);
      const byProducts = await follow(given, { ...options, maxRowNumbers: 0 });
      for (const { outcome } of [byRows, byProducts]) {
        expect(outcome.status).toBe("reachedEnd");
        expect(outcome.events.unsettled).toBe(0);
      }
      expect(byProducts.outcome.events.rowSweeps).toBe(0);
      slides += byProducts.outcome.events.slidingEntries;
      // Both form the same K; it differs by rounding.
      expect(distance(byProducts.outcome.theta, byRows.outcome.theta), `seed ${seed}`).toBeLessThan(1e-10);
    }
    expect(slides).toBeGreaterThan(0);
  });

  test.each([0, 1, 2, 3])("products agree with descent: seed %i", async (seed) => {
    const given = withDuplicates({}, seed);
    const { outcome } = await follow(given, { method: "dopri5", rtol: 1e-8, tEnd: 6, maxRowNumbers: 0 });
    const descent = descend(given, given.theta, 1e-4, [6]).states[0]!;
    // Descent errs in proportion to its step, by 3e-6 to 2e-4 here, its chatter included. Without ties the flow ends 5e-2 and more away.
    expect(distance(descent, outcome.theta)).toBeLessThan(1e-3);
  });
});
