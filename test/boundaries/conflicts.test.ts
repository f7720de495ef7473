/** Entries that only units on their kinks feed, from one layer before: on which side they are is decided by which of these opens. */
import { expect, test } from "vitest";
import { createFamily, initialise, presetNetwork } from "../../src/model/index.js";
import { createRandom } from "../../src/random.js";
import { descend } from "./descent.js";
import { distance, follow } from "./runs.js";

// Network 11 of scripts/attack/references.js. Sample 27 of it: unit 0 of layer 2 slides, all others are dead until unit 4 arrives at
// `arrival`. Layer 3 rests at z = v₀·σ(z₀) = 0; its units 1, 3, 4 and 6 have v₀ > 0 > v₄, the others have v₀ and v₄ of one sign.
const samples = 28;
const network = presetNetwork({
  ...{ kind: "dnn", inputDimension: 4, hidden: [17, 5, 8], outputDimension: 4, bias: false },
  activation: { kind: "relu" },
});
const random = createRandom(11);
const normals = (name: string, length: number) => {
  const stream = random.split(name);
  return Float64Array.from({ length }, () => stream.normal());
};
const given = {
  family: createFamily({ network, samples, factor: 0.5 / samples }),
  bound: { x: normals("x", samples * 4), y: normals("y", samples * 4) },
  theta: initialise(network.layout, { kind: "kaiming-normal", a: 0, bias: "uniform" }, random.split("init")),
};
const [before, arrival, after] = [0.82, 0.82704873, 0.86];

test("where a unit opens what it feeds turns with it", async () => {
  const method = { method: "dopri5", rtol: 1e-6, atol: 1e-8 } as const;
  const { outcome, events, states } = await follow(given, { ...method, tEnd: after, times: [before] });
  const there = events.filter(({ t }) => Math.abs(t - arrival) < 1e-6);
  expect(there.map(({ kind, layer, sample, unit, side }) => [kind, layer, sample, unit, side])).toEqual([
    ["crossing", 2, 27, 4, "above"],
    ...[1, 3, 4, 6].map((unit) => ["crossing", 3, 27, unit, "below"]),
  ]);
  // Descent from where exact was before tends to its end, with an error of the order of its step that bends at kinks: 4.4e-4 and
  // 1.2e-4 of the way here. Where unit 4 was taken to slide both were 6.0e-2.
  const [coarse, fine] = [2e-5, 1e-5].map(
    (step) => descend(given, states[0]!, step, [after - before]).states[0]!,
  );
  const error = (end: Float64Array) => distance(end, outcome.theta) / distance(outcome.theta, states[0]!);
  expect(error(fine!)).toBeLessThan(5e-4);
  expect(error(coarse!) / error(fine!)).toBeGreaterThan(1.5);
  expect(outcome.events).toMatchObject({ ambiguous: 0, unsettled: 0 });
});
