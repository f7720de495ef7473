import { describe, expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import type { Contact } from "../../src/flow/boundaries/kinks.js";
import { createLockedField } from "../../src/flow/boundaries/locked-field.js";
import { slidingWeights } from "../../src/flow/boundaries/weights.js";
import { createProblem, kinksOf } from "../../src/flow/index.js";
import { Memory } from "../../src/memory.js";
import { entryAt, type NetworkSpec } from "../../src/model/index.js";
import { makeCase } from "../support/networks.js";

const specs: [string, Partial<NetworkSpec>, number?][] = [
  ["leaky ReLU", {}],
  ["leaky ReLU, by products", {}, 0],
  ["leaky ReLU, by rows", {}, 2 ** 25],
  ["ReLU6", { activation: { kind: "relu6" } }],
  ["ReLU", { activation: { kind: "relu" } }],
  ["resnet, abs", { kind: "resnet", activation: { kind: "abs" } }],
  ["gcn, prelu", { kind: "gcn", activation: { kind: "prelu", slope: 0.25 } }],
];

/** Contacts of one sample in three layers, and one of another sample, with θ where all are on their breakpoints. */
async function onBreakpoints(spec: Partial<NetworkSpec>, maxRowNumbers?: number) {
  const given = makeCase({
    samples: 4,
    inputDimension: 3,
    hidden: [5, 5, 5],
    outputDimension: 2,
    seed: 2,
    ...spec,
  });
  const { family, bound } = given;
  const kinks = kinksOf(family)!;
  const problem = await createProblem(createReferenceEngine(), family, bound);
  const field = await createLockedField(problem, kinks, new Memory(), maxRowNumbers);
  const theta = given.theta.slice();
  const program = await problem.compile(family.preactivations("free"));
  const { z } = await program.run({ theta });
  field.pattern.pieces.set(kinks.piecesOf(z as Float64Array));
  const places = [
    { site: 0, sample: 1, unit: 2 },
    { site: 0, sample: 1, unit: 3 },
    { site: 1, sample: 1, unit: 0 },
    { site: 1, sample: 2, unit: 4 },
    { site: 2, sample: 1, unit: 1 },
  ];
  const contacts: Contact[] = places.map((place, i) => ({
    entry: entryAt(family, place),
    breakpoint: 0,
    weight: 0.3 + 0.1 * i,
    follows: null,
  }));
  for (const { entry, weight } of contacts) field.pattern.pieces[entry] = weight;
  // Newton's method: after eight steps what is left is rounding.
  for (let k = 0; k < 8; k++) await field.project(theta, contacts);
  return { field, kinks, theta, contacts };
}

const worst = (a: Float64Array, b: Float64Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) /
  b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

describe("weights that change take gradient, signals and normals with them", () => {
  test.each(specs)("as an evaluation finds them: %s", async (_, spec, maxRowNumbers) => {
    const { field, theta, contacts } = await onBreakpoints(spec, maxRowNumbers);
    await field.evaluate(theta);
    // Twice, so that what has followed once follows again.
    await field.reweigh(contacts, [1, 0.2, 0.9, 0, 0.6]);
    await field.reweigh(contacts, [0.8, 0.1, 0, 1, 0.7]);
    const before = field.cost.evaluations;
    const followed = await field.evaluate(theta);
    expect(field.cost.evaluations).toBe(before);
    const gradient = followed.gradient.slice();
    const signals = Float64Array.from(contacts, ({ entry }) => followed.signal[entry]!);
    const gram = (await field.normals(theta, contacts)).gram.slice();
    const along = (await (await field.normals(theta, contacts)).along(gradient)).slice();
    // A little away and back: nothing is remembered.
    await field.evaluate(theta.map((value) => value + 1));
    await field.normals(
      theta.map((value) => value + 1),
      contacts,
    );
    const fresh = await field.evaluate(theta);
    const normals = await field.normals(theta, contacts);
    // Sums of a hundred terms of order 1, values off by the rounding that the projection left.
    expect(worst(gradient, fresh.gradient)).toBeLessThan(1e-12);
    expect(
      worst(
        signals,
        Float64Array.from(contacts, ({ entry }) => fresh.signal[entry]!),
      ),
    ).toBeLessThan(1e-12);
    expect(worst(gram, normals.gram)).toBeLessThan(1e-12);
    expect(worst(along, await normals.along(gradient))).toBeLessThan(1e-11);
  });

  test.each(specs)("the weights of a slide make the gradient its velocity: %s", async (_, spec, most) => {
    const { field, kinks, theta, contacts } = await onBreakpoints(spec, most);
    field.pattern.sliding = contacts;
    // Projected, which knows of no weights.
    const held = (await field.evaluate(theta)).velocity.map((value) => -value);
    await field.reweigh(contacts, await slidingWeights(field, kinks, theta));
    expect(worst((await field.evaluate(theta)).gradient, held)).toBeLessThan(1e-12);
  });
});
