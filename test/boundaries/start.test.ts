import { describe, expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import { boundaryNotes } from "../../src/experiment/boundaries.js";
import { createDetector, createProblem } from "../../src/flow/index.js";
import { createFamily, presetNetwork } from "../../src/model/index.js";
import { affineLayers, type Case, makeCase } from "../support/networks.js";
import { distance, follow } from "./runs.js";

/** Two of eight samples are zero; with biases, so are those. */
function padded(bias: boolean, seed: number): Case {
  const given = makeCase({
    inputDimension: 3,
    hidden: [4, 4],
    outputDimension: 2,
    samples: 8,
    activation: { kind: "relu" },
    bias,
    factor: 0.25,
    seed,
  });
  given.bound["x"]!.fill(0, 0, 6);
  if (bias)
    for (const layer of affineLayers(given.family))
      given.theta.fill(0, layer.bias!, layer.bias! + layer.fanOut);
  return given;
}

// One unit, one sample x = 0 and one x = 1: z₀ = b starts at 0, and a·σ(b) + d is to be 1.
const repelling = {
  family: createFamily({
    network: presetNetwork({
      kind: "dnn",
      inputDimension: 1,
      hidden: [1],
      outputDimension: 1,
      bias: true,
      activation: { kind: "leaky-relu", slope: 0.1 },
    }),
    samples: 2,
    factor: 1 / 2,
  }),
  // The first sample pulls b up, by 1 above and 0.1 below; the second, at z = 1, pushes it down by 0.5.
  bound: { x: Float64Array.of(0, 1), y: Float64Array.of(1, 0.5) },
  // w, b, a, d
  theta: Float64Array.of(1, 0, 1, 0),
};

describe("a start on breakpoints", () => {
  test("on a repelling boundary is said, with what it means for descent", async () => {
    const { outcome } = await follow(repelling, { method: "dopri5", rtol: 1e-6, tEnd: 0.1 });
    const { startOnBreakpoint, startAmbiguous, startCoupled, ambiguous } = outcome.events;
    expect({ startOnBreakpoint, startAmbiguous, startCoupled, ambiguous }).toEqual({
      startOnBreakpoint: 1,
      startAmbiguous: 1,
      startCoupled: 0,
      ambiguous: 1,
    });
    // It comes from below, and goes there.
    expect(outcome.theta[1]).toBeLessThan(0);
    expect(boundaryNotes(outcome.events)).toEqual([
      "1 of the 1 pre-activations that start on a breakpoint stand on a repelling boundary, where the flow is not unique: " +
        "they were taken to come from below the breakpoint, as the first step of descent takes them. Descent may end elsewhere.",
    ]);
  });

  test("that pushes one way is not ambiguous", async () => {
    const bound = { ...repelling.bound, y: Float64Array.of(-1, 0.5) };
    const { outcome } = await follow({ ...repelling, bound }, { method: "dopri5", rtol: 1e-6, tEnd: 0.1 });
    expect(outcome.events).toMatchObject({ startOnBreakpoint: 1, startAmbiguous: 0, ambiguous: 0 });
    expect(boundaryNotes(outcome.events)).toEqual([]);
  });

  test("in several layers of one sample is said", async () => {
    const runs = [0, 1, 2, 3, 4, 5].map((seed) =>
      follow(padded(true, seed), { method: "dopri5", rtol: 1e-6, tEnd: 0.5 }),
    );
    for (const { outcome } of await Promise.all(runs)) {
      // 2 samples × 8 units; a unit of layer 1 may be as dead as layer 2 needs it to be at zero for another sample.
      expect(outcome.events.startOnBreakpoint).toBeGreaterThanOrEqual(16);
      expect(outcome.events.startCoupled).toBeGreaterThanOrEqual(16);
      expect(boundaryNotes(outcome.events)[0]).toContain("Descent may end elsewhere.");
    }
  });

  test("that nothing moves is no start on a breakpoint", async () => {
    for (const seed of [0, 1, 2]) {
      const given = padded(false, seed);
      const { outcome } = await follow(given, { method: "dopri5", rtol: 1e-7, tEnd: 2 });
      expect(outcome.events).toMatchObject({ startOnBreakpoint: 0, startAmbiguous: 0, ambiguous: 0 });
      // The same as without those samples, whose outputs are zero for every θ: they add nothing to the gradient.
      const { family, bound, theta } = given;
      const less = {
        family: createFamily({ network: family.network, samples: 6, factor: family.factor }),
        bound: { x: bound["x"]!.slice(6), y: bound["y"]!.slice(4) },
        theta,
      };
      const without = await follow(less, { method: "dopri5", rtol: 1e-7, tEnd: 2 });
      // Contact distances are estimated alike; sums run over other numbers of terms.
      expect(distance(outcome.theta, without.outcome.theta)).toBeLessThan(1e-9);
    }
  });

  test("is counted where kinks are only watched", async () => {
    const { family, bound, theta } = padded(true, 0);
    const problem = await createProblem(createReferenceEngine(), family, bound);
    const detector = await createDetector({
      problem,
      theta0: theta,
      onEvent: () => undefined,
      onStart: async () => undefined,
    });
    expect(detector.summary().startOnBreakpoint).toBeGreaterThanOrEqual(16);
    expect(boundaryNotes(detector.summary())[0]).toContain("descent may end elsewhere");
  });

  test("with more entries than can be decided together ends the run with a status", async () => {
    const samples = 8193;
    const given = {
      family: createFamily({ network: repelling.family.network, samples, factor: 1 }),
      bound: { x: new Float64Array(samples), y: new Float64Array(samples).fill(1) },
      theta: repelling.theta,
    };
    const { outcome } = await follow(given, { method: "dopri5", rtol: 1e-6, tEnd: 0.1 });
    expect(outcome.status).toBe("tooManyContacts");
    expect(outcome.message).toContain("8193 entries are on their boundaries at once");
    expect([...outcome.theta]).toEqual([...given.theta]);
  });
});

test("what did not settle is noted", () => {
  const notes = boundaryNotes({ crossings: 1, unsettled: 2, unsettledWeights: 3 });
  expect(notes).toHaveLength(2);
  expect(notes.join(" ")).toContain("3 times the weights of sliding entries");
  expect(notes.join(" ")).toContain("2 decisions at events did not settle");
});
