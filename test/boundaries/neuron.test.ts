import { describe, expect, test } from "vitest";
import { createFamily, presetNetwork } from "../../src/model/index.js";
import { distance, follow } from "./runs.js";

// f = a·φ(w·x) on two samples, slope 0.1, L = ½Σr²: w₁ reaches 0 (sample 0 on its kink), stays, and leaves when a·w₂ = 1.4.
const spec = {
  kind: "dnn",
  inputDimension: 2,
  hidden: [1],
  outputDimension: 1,
  bias: false,
  activation: { kind: "leaky-relu", slope: 0.1 },
} as const;
const neuron = {
  family: createFamily({ network: presetNetwork(spec), samples: 2, factor: 1 / 2 }),
  bound: { x: Float64Array.of(1, 0, 1, 1), y: Float64Array.of(-1, 1.5) },
  theta: Float64Array.of(0.05, 1, 1),
};
const enters = 0.0836172673;
const leaves = 0.6543722451;

/** The slide by hand, w₁ = 0: w₂' = −(a·w₂ − 1.5)a, a' = −(a·w₂ − 1.5)w₂, by classical Runge–Kutta in steps of about 1e-3. */
function slide(w: number, a: number, duration: number): [number, number] {
  const steps = Math.ceil(duration / 1e-3);
  const h = duration / steps;
  const f = (p: number, q: number): [number, number] => [(1.5 - p * q) * q, (1.5 - p * q) * p];
  for (let k = 0; k < steps; k++) {
    const [a1, b1] = f(w, a);
    const [a2, b2] = f(w + (h / 2) * a1, a + (h / 2) * b1);
    const [a3, b3] = f(w + (h / 2) * a2, a + (h / 2) * b2);
    const [a4, b4] = f(w + h * a3, a + h * b3);
    w += (h / 6) * (a1 + 2 * a2 + 2 * a3 + a4);
    a += (h / 6) * (b1 + 2 * b2 + 2 * b3 + b4);
  }
  return [w, a];
}

describe("one neuron that slides", () => {
  test("enters and leaves on time, in at most 200 evaluations to t = 2", async () => {
    // A step limit of a tenth of the span spares the rejections that follow the change of the field at an event.
    const { events, outcome } = await follow(neuron, {
      method: "dop853",
      rtol: 1e-7,
      maxStep: 0.21,
      tEnd: 2,
    });
    expect(events.slice(0, 2).map(({ kind, layer, sample }) => ({ kind, layer, sample }))).toEqual([
      { kind: "entersSliding", layer: 1, sample: 0 },
      { kind: "leavesSliding", layer: 1, sample: 0 },
    ]);
    // Times known to 1e-10.
    expect(Math.abs(events[0]!.t - enters)).toBeLessThan(1e-9);
    expect(Math.abs(events[1]!.t - leaves)).toBeLessThan(1e-9);
    expect(outcome.status).toBe("reachedEnd");
    expect(outcome.evaluations).toBeLessThanOrEqual(200);
  });

  test("without a step limit the times have the error of the state", async () => {
    const { events, outcome } = await follow(neuron, { method: "dop853", rtol: 1e-9, tEnd: 2 });
    expect(Math.abs(events[0]!.t - enters)).toBeLessThan(1e-9);
    expect(Math.abs(events[1]!.t - leaves)).toBeLessThan(1e-9);
    expect(outcome.evaluations).toBeLessThanOrEqual(270);
  });

  test.each([1e-13, 1e-16])("atol %s adds no event where w₁ itself is held at 0", async (atol) => {
    // Nothing but atol and rounding says how near 0 a parameter is that is 0.
    const { events } = await follow(neuron, { method: "dop853", rtol: 1e-10, atol, tEnd: 2 });
    expect(events.map(({ kind }) => kind)).toEqual(["entersSliding", "leavesSliding"]);
    expect(Math.abs(events[1]!.t - leaves)).toBeLessThan(1e-9);
  });

  test("the state along the slide obeys its own equation", async () => {
    const times = [enters + 1e-6, 0.2, 0.35, 0.5, leaves - 1e-6];
    const { states } = await follow(neuron, { method: "dop853", rtol: 1e-11, tEnd: 2, times });
    const first = states[0]!;
    for (const [i, state] of states.entries()) {
      const [w, a] = slide(first[1]!, first[2]!, times[i]! - times[0]!);
      // Dense output has order 7 against the step's 8: 1e-9 where the step is good to 1e-11.
      expect(distance(state, [0, w, a])).toBeLessThan(1e-9);
    }
    const last = states[states.length - 1]!;
    expect(last[1]! * last[2]!).toBeCloseTo(1.4, 5);
  });

  test("energy", async () => {
    const rtol = 1e-8;
    const { energy, loss0, loss1 } = await follow(neuron, { method: "dopri5", rtol, tEnd: 2 });
    expect(Math.abs(loss0 - loss1 - energy)).toBeLessThan(20 * rtol * (loss0 - loss1));
  });
});
