/** Flows of linear hinge classifiers against rational arithmetic (data/hinge_flow.py), inputs of 1e-9 to 1e6 beside a bias. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createFamily, createLoss, presetNetwork } from "../../src/model/index.js";
import { follow } from "../boundaries/runs.js";

interface Stored {
  readonly scale: number;
  readonly x: readonly (readonly number[])[];
  readonly y: readonly number[];
  readonly theta0: readonly number[];
  readonly theta: readonly number[];
  readonly loss: number;
}

const file = new URL("data/hinge-flow.json", import.meta.url);
const { end, cases } = JSON.parse(readFileSync(file, "utf8")) as { end: number; cases: readonly Stored[] };

const caseOf = ({ x, y, theta0 }: Stored) => {
  const network = presetNetwork({
    kind: "dnn",
    inputDimension: x[0]!.length,
    hidden: [],
    outputDimension: 1,
    bias: true,
    activation: { kind: "identity" },
  });
  const samples = x.length;
  const criterion = createLoss({ kind: "hinge", reduction: "mean" }, { samples, outputs: 1 });
  return {
    family: createFamily({ network, samples, criterion }),
    bound: { x: Float64Array.from(x.flat()), y: Float64Array.from(y) },
    theta: Float64Array.from(theta0),
  };
};

test.each(cases.map((stored) => [stored.scale, stored.x[0]!.length, stored] as const))(
  "inputs of %s in %s dimensions",
  async (scale, _, stored) => {
    const { outcome, loss1 } = await follow(caseOf(stored), { method: "dopri5", rtol: 1e-6, tEnd: end });
    expect([outcome.status, outcome.events.unsettled]).toEqual(["reachedEnd", 0]);
    // Margins are sums of terms of the size of the inputs, and are at 1 to the rounding of those; θ at the end is a vertex or near one.
    expect(Math.abs(loss1 - stored.loss)).toBeLessThan(1e-14 * Math.max(1, scale));
    stored.theta.forEach((value, i) => {
      const size = Math.max(Math.abs(value), Math.abs(stored.theta0[i]!));
      expect(Math.abs(outcome.theta[i]! - value)).toBeLessThan(1e-13 * size);
    });
  },
);
