import { describe, expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import { createLockedField } from "../../src/flow/boundaries/locked-field.js";
import { createLockedJacobian } from "../../src/flow/boundaries/locked-jacobian.js";
import { createProblem, kinksOf } from "../../src/flow/index.js";
import { Memory } from "../../src/memory.js";
import type { NetworkSpec } from "../../src/model/index.js";
import { makeCase, piecewiseQuadratic } from "../support/networks.js";
import { distance, follow } from "./runs.js";

const small = { inputDimension: 2, hidden: [4, 4], outputDimension: 1, samples: 5, factor: 0.1 } as const;

describe("the Jacobian of the locked field against its central differences", () => {
  const specs: [string, Partial<NetworkSpec>][] = [
    ["leaky ReLU", {}],
    ["gcn, prelu", { kind: "gcn", activation: { kind: "prelu", slope: 0.25 } }],
    ["resnet, hard-tanh", { kind: "resnet", activation: { kind: "hard-tanh" } }],
    ["piecewise quadratic", { activation: piecewiseQuadratic }],
  ];
  test.each(specs)("%s", async (_, spec) => {
    const { family, bound, theta } = makeCase({ ...small, seed: 3, ...spec });
    const P = theta.length;
    const kinks = kinksOf(family)!;
    // Nothing slides; one entry of the first layer; two of one sample in different layers; the same by products alone.
    const last = 5 * 4 + 7;
    for (const [entries, maxRowNumbers] of [[[]], [[2]], [[2, last]], [[2, last], 0]] as const) {
      const problem = await createProblem(createReferenceEngine(), family, bound);
      const field = await createLockedField(problem, kinks, new Memory(), maxRowNumbers);
      const { z } = await (await problem.compile(family.preactivations("free"))).run({ theta });
      field.pattern.pieces.set(kinks.piecesOf(z as Float64Array));
      field.pattern.sliding = entries.map((entry) => ({ entry, breakpoint: 0, weight: 0.4, follows: null }));
      for (const entry of entries) field.pattern.pieces[entry] = 0.4;
      const matrix = new Float64Array(P * P);
      const { jacobian, cost } = createLockedJacobian(problem, field, new Memory());
      await jacobian(0, theta, matrix);
      expect(cost.products).toBeGreaterThanOrEqual(P);
      // The best step for central differences: their error is h², and rounding/h. Parameters and field are of order 1.
      const h = 1e-5;
      let scale = 0;
      let worst = 0;
      for (let j = 0; j < P; j++) {
        const at = async (shift: number) => {
          const moved = theta.map((value, i) => (i === j ? value + shift : value));
          return (await field.evaluate(moved)).velocity.slice();
        };
        const [up, down] = [await at(h), await at(-h)];
        for (let i = 0; i < P; i++) {
          const expected = (up[i]! - down[i]!) / (2 * h);
          scale = Math.max(scale, Math.abs(expected));
          worst = Math.max(worst, Math.abs(matrix[i * P + j]! - expected));
        }
      }
      expect(scale).toBeGreaterThan(0.1);
      expect(worst).toBeLessThan(1e-8 * Math.max(1, scale));
    }
  });
});

describe("rodas4 through kinks", () => {
  test.each(["dnn", "gcn"] as const)("passes the events of a %s with the exact Hessian", async (kind) => {
    const given = makeCase({
      ...{ samples: 8, inputDimension: 3, outputDimension: 2, factor: 0.25 },
      ...{ kind, seed: kind === "gcn" ? 5 : 1 },
    });
    const places = ({ events }: Awaited<ReturnType<typeof follow>>) =>
      events.map(({ kind, layer, sample, unit, side }) => ({ kind, layer, sample, unit, side }));
    const best = await follow(given, { method: "dop853", rtol: 1e-10, tEnd: 3 });
    const run = await follow(given, { method: "rodas4", rtol: 1e-7, tEnd: 3 });
    expect(run.outcome.status).toBe("reachedEnd");
    expect(best.outcome.events.slidingEntries).toBeGreaterThan(0);
    expect(places(run)).toEqual(places(best));
    // A few hundred steps of 1e-7 at most.
    expect(distance(run.outcome.theta, best.outcome.theta)).toBeLessThan(1e-5);
    // Exact products, many for each step, and not the P gradients a step that differences would take.
    const { hessian, accepted, evaluations } = run.outcome;
    expect(hessian!.products).toBeGreaterThanOrEqual(accepted * given.theta.length);
    expect(evaluations / accepted).toBeLessThan(given.theta.length);
  });
});
