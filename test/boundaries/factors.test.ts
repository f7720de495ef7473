import { describe, expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import type { Contact } from "../../src/flow/boundaries/kinks.js";
import { createLockedField } from "../../src/flow/boundaries/locked-field.js";
import { createProblem, kinksOf } from "../../src/flow/index.js";
import { Memory } from "../../src/memory.js";
import { createFamily, createLoss } from "../../src/model/index.js";
import { type Case, makeCase, piecewiseQuadratic, randomVector } from "../support/networks.js";

const small = { samples: 5, hidden: [4, 4, 4] };

/** The same network with the kink of hinge among its sites. */
function withHinge(given: Case): Case {
  const { network, samples } = given.family;
  const criterion = createLoss({ kind: "hinge", reduction: "mean" }, { samples, outputs: network.outputs });
  const y = given.bound["y"]!.map((value) => (value > 0 ? 1 : -1));
  return { ...given, family: createFamily({ network, samples, criterion }), bound: { ...given.bound, y } };
}

const cases: [string, Case][] = [
  ["leaky ReLU", makeCase(small)],
  ["no biases", makeCase({ ...small, bias: false })],
  [
    "PReLU, whose slope every sample has to itself",
    makeCase({ ...small, activation: { kind: "prelu", slope: 0.2 } }),
  ],
  ["pieces that are no lines", makeCase({ ...small, activation: piecewiseQuadratic })],
  [
    "resnet, whose first entries have an affine map before them",
    makeCase({ ...small, kind: "resnet", activation: { kind: "relu" } }),
  ],
  ["hinge", withHinge(makeCase({ ...small, outputDimension: 2 }))],
];

const off = (a: Float64Array, b: Float64Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) /
  b.reduce((most, value) => Math.max(most, Math.abs(value)), Number.MIN_VALUE);

describe("normals in factors are those that a reverse sweep finds", () => {
  test.each(cases)("%s", async (_, { family, bound, theta }) => {
    const kinks = kinksOf(family)!;
    const problem = await createProblem(createReferenceEngine(), family, bound);
    // Every third entry: several of a unit, of a sample, and of a sample in several layers.
    const contacts = Array.from({ length: Math.floor(family.entries / 3) }, (_, k): Contact => {
      return { entry: 3 * k, breakpoint: 0, weight: 0.5, follows: null };
    });
    const pieces = randomVector(3, family.entries).map((value) => (value > 0 ? 1 : 0));
    for (const [k, { entry }] of contacts.entries()) pieces[entry] = ((k % 7) + 1) / 8;
    const found = async (scale: number, maxRowNumbers?: number) => {
      const field = await createLockedField(problem, kinks, new Memory(), maxRowNumbers);
      field.pattern.pieces.set(pieces);
      const at = theta.map((value) => scale * value);
      await field.evaluate(at);
      const normals = await field.normals(at, contacts);
      const [v, u] = [randomVector(4, theta.length), randomVector(5, contacts.length)];
      const sum = randomVector(6, theta.length);
      await normals.add(sum, u);
      const { gram } = normals;
      const [along, terms] = [await normals.along(v), await normals.terms(v)];
      return { gram, along, terms, sum, transfers: (await normals.transfers())!, cost: field.cost };
    };
    for (const scale of [1, 1e-3, 1e3]) {
      const rows = await found(scale, 2 ** 25);
      const factors = await found(scale);
      // Sums of a few dozen products.
      for (const name of ["gram", "along", "terms", "sum", "transfers"] as const)
        expect(off(factors[name], rows[name]), `${name} at ${scale}`).toBeLessThan(1e-13);
      expect(rows.cost.rowSweeps).toBeGreaterThan(0);
      expect(factors.cost.rowSweeps).toBe(0);
      // A sweep over rows takes every row through the whole network, forwards and backwards.
      expect(factors.cost.gradientEquivalents).toBeLessThan(rows.cost.gradientEquivalents);
    }
  });
});
