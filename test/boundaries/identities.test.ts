import { describe, expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import { createProblem, integrateSmooth } from "../../src/flow/index.js";
import { affineLayers, makeCase } from "../support/networks.js";
import { distance, follow } from "./runs.js";

const small = { samples: 8, inputDimension: 3, outputDimension: 2, factor: 0.25 } as const;

describe("identities through events and slides", () => {
  test.each([
    { name: "leaky ReLU", given: makeCase({ ...small, seed: 1 }) },
    {
      name: "ReLU, resnet",
      given: makeCase({ ...small, kind: "resnet", activation: { kind: "relu" }, seed: 2 }),
    },
    {
      name: "hard-tanh, gcn",
      given: makeCase({ ...small, kind: "gcn", activation: { kind: "hard-tanh" }, seed: 3 }),
    },
  ])("energy: $name", async ({ given }) => {
    const rtol = 1e-7;
    const { energy, loss0, loss1, outcome } = await follow(given, { method: "dopri5", rtol, tEnd: 4 });
    expect(outcome.status).toBe("reachedEnd");
    expect(outcome.events.instants).toBeGreaterThan(3);
    expect(Math.abs(loss0 - loss1 - energy)).toBeLessThan(20 * rtol * (loss0 - loss1));
  });

  test.each(["leaky-relu", "relu"] as const)("balancedness without biases: %s", async (kind) => {
    const activation = kind === "relu" ? ({ kind } as const) : ({ kind, slope: 0.1 } as const);
    const given = makeCase({ ...small, activation, bias: false, seed: 4 });
    const { outcome } = await follow(given, { method: "dop853", rtol: 1e-10, tEnd: 4 });
    expect(outcome.status).toBe("reachedEnd");
    expect(outcome.events.slidingEntries).toBeGreaterThan(0);
    const layers = affineLayers(given.family);
    const balance = (theta: Float64Array): number[] =>
      layers.slice(0, -1).flatMap((layer, l) => {
        const next = layers[l + 1]!;
        return Array.from({ length: layer.fanOut }, (_, u) => {
          let sum = 0;
          for (let k = 0; k < layer.fanIn; k++) sum += theta[layer.weights + k * layer.fanOut + u]! ** 2;
          for (let k = 0; k < next.fanOut; k++) sum -= theta[next.weights + u * next.fanOut + k]! ** 2;
          return sum;
        });
      });
    const before = balance(given.theta);
    balance(outcome.theta).forEach((value, i) => {
      expect(Math.abs(value - before[i]!)).toBeLessThan(1e-8);
    });
  });

  test("the error follows the tolerance as it does on a smooth problem", async () => {
    const tolerances = [1e-4, 1e-5, 1e-6, 1e-7, 1e-8];
    const slopeOf = async (run: (method: "dop853" | "dopri5", rtol: number) => Promise<Float64Array>) => {
      const best = await run("dop853", 1e-12);
      const errors: number[] = [];
      for (const rtol of tolerances) errors.push(Math.log10(distance(await run("dopri5", rtol), best)));
      // Least squares over five tolerances, log10 rtol − mean = 2, 1, 0, −1, −2.
      return errors.reduce((sum, error, i) => sum + error * (2 - i), 0) / 10;
    };
    const kinked = makeCase({ ...small, seed: 1 });
    const smooth = makeCase({ ...small, activation: { kind: "tanh" }, seed: 1 });
    const problem = await createProblem(createReferenceEngine(), smooth.family, smooth.bound);
    let events = 0;
    const withKinks = await slopeOf(async (method, rtol) => {
      const run = await follow(kinked, { method, rtol, tEnd: 3 });
      events = run.events.length;
      return run.outcome.theta;
    });
    const without = await slopeOf(
      async (method, rtol) =>
        (
          await integrateSmooth({
            problem,
            theta0: smooth.theta,
            method,
            rtol,
            atol: rtol / 100,
            tEnd: 3,
            onSegment: async () => undefined,
          })
        ).theta,
    );
    expect(events).toBeGreaterThan(3);
    // A controlled local error gives a slope near 1. No order is lost at events; some is gained, for where they cut the steps of
    // loose tolerances the error falls short of what was allowed.
    expect(without).toBeGreaterThan(0.8);
    expect(without).toBeLessThan(1.2);
    expect(withKinks).toBeGreaterThan(without - 0.1);
  });

  test("normals in factors, and those known by their products, give the same flow as rows", async () => {
    for (const given of [makeCase({ ...small, seed: 1 }), makeCase({ ...small, kind: "gcn", seed: 5 })]) {
      const options = { method: "dopri5", rtol: 1e-8, tEnd: 3 } as const;
      const byRows = await follow(given, { ...options, maxRowNumbers: 2 ** 25 });
      const inFactors = await follow(given, options);
      const byProducts = await follow(given, { ...options, maxRowNumbers: 0 });
      const hasFactors = given.family.network.hasLayerProducts;
      expect(inFactors.outcome.events.rowSweeps > 0).toBe(!hasFactors);
      expect(byProducts.outcome.events.slidingEntries).toBeGreaterThan(0);
      expect(byProducts.outcome.events.products).toBeGreaterThan(0);
      expect(byProducts.outcome.events.rowSweeps).toBe(0);
      for (const other of [inFactors, byProducts]) {
        expect(other.events.map(({ t: _, ...event }) => event)).toEqual(
          byRows.events.map(({ t: _, ...event }) => event),
        );
        // All form the same K: rounding, grown along the flow.
        expect(distance(other.outcome.theta, byRows.outcome.theta)).toBeLessThan(1e-10);
      }
    }
  });

  test.each(["rkc2", "tsrkc3", "auto", "odex"] as const)("%s passes the same events", async (method) => {
    const given = makeCase({ ...small, seed: 1 });
    const places = ({ events }: Awaited<ReturnType<typeof follow>>) =>
      events.map(({ kind, layer, sample, unit, side }) => ({ kind, layer, sample, unit, side }));
    const best = await follow(given, { method: "dop853", rtol: 1e-10, tEnd: 3 });
    const run = await follow(given, { method, rtol: 1e-7, tEnd: 3 });
    expect(run.outcome.status).toBe("reachedEnd");
    expect(places(run)).toEqual(places(best));
    // Of low order, these take many short steps; their global error is a few hundred times the tolerance of a step.
    expect(distance(run.outcome.theta, best.outcome.theta)).toBeLessThan(1e-4);
  });
});
