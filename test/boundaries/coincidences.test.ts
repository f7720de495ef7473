/** What is counted of intersections: boundaries reached while others are slid along, and several reached at once that nothing ties. */
import { describe, expect, test } from "vitest";
import { createFamily, presetNetwork } from "../../src/model/index.js";
import { makeCase } from "../support/networks.js";
import { follow } from "./runs.js";

const network = presetNetwork({
  ...{ kind: "dnn", inputDimension: 2, hidden: [1], outputDimension: 1, bias: false },
  activation: { kind: "leaky-relu", slope: 0.1 },
});
/** f = a·φ(w·x) on (1, 0) and (0, 1): z is (w₁, w₂), and both targets are below. */
const neuron = (scale: number, targets: readonly number[], w: readonly number[]) => ({
  family: createFamily({ network, samples: 2, factor: 1 / (2 * scale ** 2) }),
  bound: { x: Float64Array.of(1, 0, 0, 1), y: Float64Array.from(targets, (y) => y * scale ** 2) },
  theta: Float64Array.from([...w, 1], (value) => value * scale),
});

describe("two samples of one unit", () => {
  // θ = scale·θ̃ and targets of scale² go with θ̃ where L is scale² of its loss: at the same times.
  test.each([1, 1e-9, 1e9])(
    "that mirror each other reach their boundaries at once: scale %g",
    async (scale) => {
      const { outcome, events } = await follow(neuron(scale, [-1, -1], [0.05, 0.05]), {
        ...{ method: "dopri5", rtol: 1e-8, atol: 1e-10 * scale, tEnd: 0.5 },
      });
      expect(events.map(({ kind, sample }) => `${kind} ${sample}`)).toEqual(["crossing 0", "crossing 1"]);
      expect(outcome.events).toMatchObject({ coincidences: 1, corners: 0 });
    },
  );

  test("that do not reach them one after the other", async () => {
    const { outcome, events } = await follow(neuron(1, [-1, -1], [0.05, 0.0501]), {
      ...{ method: "dopri5", rtol: 1e-8, tEnd: 0.5 },
    });
    expect(events).toHaveLength(2);
    expect(outcome.events).toMatchObject({ coincidences: 0, corners: 0 });
  });
});

test("duplicate samples always reach theirs together, and are not counted", async () => {
  let arrivals = 0;
  for (const seed of [0, 1, 2]) {
    const given = makeCase({
      ...{ inputDimension: 3, hidden: [5, 5], outputDimension: 2, samples: 4, factor: 0.125, seed },
      activation: { kind: "relu" },
    });
    const x = given.bound["x"]!.slice();
    for (const i of [0, 2]) x.copyWithin(3 * (i + 1), 3 * i, 3 * (i + 1));
    const { outcome, events } = await follow(
      { ...given, bound: { ...given.bound, x } },
      { method: "dopri5", rtol: 1e-7, tEnd: 6 },
    );
    expect(outcome.events.coincidences).toBe(0);
    const came = events.filter(({ t, kind }) => t > 0 && kind !== "leavesSliding");
    arrivals += came.length - new Set(came.map(({ t }) => t)).size;
  }
  expect(arrivals).toBeGreaterThan(0);
});

test("corners are the arrivals while something slides, as the events say", async () => {
  let corners = 0;
  for (const seed of [1, 2, 3]) {
    const given = makeCase({ samples: 12, hidden: [10], outputDimension: 2, seed });
    const { outcome, events } = await follow(given, { method: "dopri5", rtol: 1e-6, tEnd: 6 });
    const times = [...new Set(events.map(({ t }) => t))];
    const found = times.filter((t, k) => {
      const before = events.findLast((event) => event.t === times[k - 1])?.sliding ?? 0;
      return before > 0 && events.some((event) => event.t === t && event.kind !== "leavesSliding");
    });
    expect(outcome.events.corners).toBe(found.length);
    corners += found.length;
  }
  expect(corners).toBeGreaterThan(0);
});
