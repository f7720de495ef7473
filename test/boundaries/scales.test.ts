import { describe, expect, test } from "vitest";
import type { NetworkSpec } from "../../src/model/index.js";
import { createRandom } from "../../src/random.js";
import { affineLayers, type Case, makeCase } from "../support/networks.js";
import { descend } from "./descent.js";
import { distance, follow } from "./runs.js";

const SCALES = [1e-9, 1e-6, 1e-3, 1e3, 1e6, 1e9];

const scaled = (given: Case, inputs: number, targets: number): Case => ({
  ...given,
  bound: {
    ...given.bound,
    x: given.bound["x"]!.map((value) => inputs * value),
    y: given.bound["y"]!.map((value) => targets * value),
  },
});

/** What happened, in an order of its own: events nearer than the tolerance may change places. */
const places = ({ events }: Awaited<ReturnType<typeof follow>>) =>
  events.map(({ kind, layer, sample, unit, side }) => [kind, layer, sample, unit, side].join(" ")).sort();

const moved = (given: Case, theta: Float64Array): number => distance(given.theta, theta);

describe("the flow through kinks has no scale of its own", () => {
  // Without biases f(θ; s·x) = s·f(θ; x), so x, y → s·x, s·y takes L to s²L: the same path in time t/s².
  test.each<{ name: string; spec: Partial<NetworkSpec> }>([
    { name: "ReLU", spec: { activation: { kind: "relu" } } },
    { name: "leaky ReLU", spec: {} },
    { name: "ReLU, resnet", spec: { kind: "resnet", hidden: [4, 4], activation: { kind: "relu" } } },
    { name: "abs", spec: { activation: { kind: "abs" } } },
  ])("inputs and targets times s, without biases: $name", async ({ spec }) => {
    const given = makeCase({
      samples: 8,
      inputDimension: 3,
      outputDimension: 2,
      bias: false,
      seed: 4,
      ...spec,
    });
    const [rtol, tEnd] = [1e-6, 4];
    const at1 = await follow(given, { method: "dopri5", rtol, tEnd });
    expect(at1.outcome.events.slidingEntries).toBeGreaterThan(0);
    for (const s of SCALES) {
      const run = await follow(scaled(given, s, s), { method: "dopri5", rtol, tEnd: tEnd / s ** 2 });
      expect(run.outcome.status, `s = ${s}`).toBe("reachedEnd");
      // The first step is guessed in a unit of time of the problem's own: every step is the same but for rounding, 3e-15 here.
      expect(distance(run.outcome.theta, at1.outcome.theta), `s = ${s}`).toBeLessThan(
        1e-12 * moved(given, at1.outcome.theta),
      );
    }
  });

  test("small weights make no events", async () => {
    // θ moves by a few 1e-9, a ten-thousandth of itself, and no z comes near zero. A contact distance of 1e-11 would take every z of
    // layer 2, some 1e-14, for one on its boundary.
    const given = makeCase({
      samples: 12,
      hidden: [5, 5],
      outputDimension: 2,
      activation: { kind: "relu" },
      bias: false,
      seed: 3,
    });
    const random = createRandom(3);
    const small = { ...given, theta: given.theta.map(() => 1e-5 * random.normal()) };
    const { outcome, events } = await follow(small, { method: "dopri5", rtol: 1e-6, atol: 1e-9, tEnd: 2 });
    expect(events).toEqual([]);
    const descent = descend(small, small.theta, 1e-2, [2]).states[0]!;
    // Along so short a way the gradient is constant to the share of θ that moves.
    expect(distance(outcome.theta, descent)).toBeLessThan(1e-3 * moved(small, descent));
  });

  test.each([
    { name: "inputs", inputs: 1e-9, targets: 1, tEnd: 6 },
    { name: "inputs", inputs: 1e9, targets: 1, tEnd: 1e-17 },
    { name: "targets", inputs: 1, targets: 1e-9, tEnd: 6 },
    { name: "targets", inputs: 1, targets: 1e9, tEnd: 1e-9 },
  ])("$name alone, with biases: $inputs, $targets", async ({ inputs, targets, tEnd }) => {
    for (const seed of [1, 2]) {
      const plain = makeCase({ samples: 8, outputDimension: 2, activation: { kind: "relu" }, seed });
      const given = scaled(plain, inputs, targets);
      const [loose, tight] = [
        await follow(given, { method: "dopri5", rtol: 1e-6, tEnd }),
        await follow(given, { method: "dop853", rtol: 1e-11, tEnd }),
      ];
      expect(tight.outcome.status).toBe("reachedEnd");
      expect(places(loose)).toEqual(places(tight));
      // A dozen steps to a few tens, each of that tolerance.
      expect(distance(loose.outcome.theta, tight.outcome.theta)).toBeLessThan(
        2e-5 * moved(given, tight.outcome.theta),
      );
    }
  });

  test("normal velocities far below those of other parameters still decide", async () => {
    // Weights of 1e-9 and zero biases: layer 2 moves with velocities 1e-15 beside 1 for the last bias. Taken for rounding they
    // left an entry that had arrived where it was, and it arrived again at once, a thousand times and more.
    for (const seed of [1, 2, 3]) {
      const plain = makeCase({ samples: 12, outputDimension: 2, activation: { kind: "relu" }, seed });
      const random = createRandom(seed);
      const theta = plain.theta.map(() => 1e-9 * random.normal());
      for (const { bias, fanOut } of affineLayers(plain.family)) theta.fill(0, bias!, bias! + fanOut);
      const given = { ...plain, theta };
      const { outcome } = await follow(given, { method: "dopri5", rtol: 1e-9, atol: 1e-15, tEnd: 10 });
      expect(outcome.status).toBe("reachedEnd");
      expect(outcome.events.unsettled).toBe(0);
      expect(outcome.accepted).toBeLessThan(600);
    }
  });
});
