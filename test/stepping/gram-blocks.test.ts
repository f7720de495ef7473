/** The Gram matrices of blocks of candidates against rows of the Jacobian of pre-activations. */
import { describe, expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import { kinksOf } from "../../src/flow/boundaries/kinks.js";
import { createProblem } from "../../src/flow/index.js";
import { createGramBlocks } from "../../src/flow/stepping/gram-blocks.js";
import { TABLED_SAMPLES } from "../../src/flow/stepping/unit-grams.js";
import { piecesOf } from "../../src/model/index.js";
import { makeCase } from "../support/networks.js";

const SQUARE_BELOW = {
  kind: "piecewise-polynomial",
  breakpoints: [0],
  coefficients: [
    [0, 0.5, 0.25],
    [0, 1],
  ],
} as const;

describe("Gram blocks", () => {
  test.each([
    ["few: one block", makeCase({ samples: 5, hidden: [5, 4] }), 1],
    ["many: by units, from the layers' factors", makeCase({ samples: 30, hidden: [6, 5] }), 11],
    [
      "many, without biases",
      makeCase({ samples: 30, hidden: [6, 5], bias: false, activation: { kind: "relu" } }),
      11,
    ],
    [
      "many, a trained slope",
      makeCase({ samples: 30, hidden: [6, 5], activation: { kind: "prelu", slope: 0.2 } }),
      11,
    ],
    [
      "few, of long rows: one block, from the layers' factors",
      makeCase({ samples: 8, inputDimension: 300, hidden: [6, 5] }),
      1,
    ],
    ["many, resnet", makeCase({ kind: "resnet", samples: 30, hidden: [5, 5] }), 10],
    [
      "many, of second degree: signals depend on the values too",
      makeCase({ samples: 30, hidden: [6, 5], activation: SQUARE_BELOW }),
      11,
    ],
    [
      "more samples than have a table",
      makeCase({ samples: TABLED_SAMPLES + 1, inputDimension: 2, hidden: [2, 2], outputDimension: 1 }),
      4,
    ],
  ] as const)("%s", async (_, { family, bound, theta }, count) => {
    const every = family.entries > 2000 ? 21 : 1;
    const problem = await createProblem(createReferenceEngine(), family, bound);
    const kinks = kinksOf(family)!;
    const cost = { rowSweeps: 0, products: 0 };
    const blocksAt = createGramBlocks(problem, kinks, cost);
    const free = await problem.compile(family.preactivations("free"));
    const { z } = await free.run({ theta });
    const pieces = piecesOf(family, z!).map((piece, e) => (e % 7 === 0 ? 0.3 : piece));
    const entries = Array.from({ length: family.entries }, (__, e) => e).filter((e) => e % every === 0);
    const blocks = await blocksAt(theta, entries, pieces);
    expect(blocks.length).toBe(count);
    // Rows one by one: ∇z_e by a reverse sweep with a seed of its own.
    const pullback = await problem.compile(family.entryPullback());
    const rows: Float64Array[] = [];
    for (const e of entries) {
      const seeds = new Float64Array(family.entries);
      seeds[e] = 1;
      const { product } = await pullback.run({ theta, pieces, seeds });
      rows.push(product!.slice());
    }
    const dot = (p: Float64Array, q: Float64Array) => p.reduce((sum, x, i) => sum + x * q[i]!, 0);
    const seen = new Set<number>();
    for (const { members, gram } of blocks)
      for (const [a, i] of members.entries()) {
        seen.add(i);
        for (const [b, j] of members.entries()) {
          const size = Math.sqrt(dot(rows[i]!, rows[i]!) * dot(rows[j]!, rows[j]!));
          // The same sums in another order.
          expect(Math.abs(gram[a * members.length + b]! - dot(rows[i]!, rows[j]!))).toBeLessThanOrEqual(
            1e-13 * size,
          );
        }
      }
    expect(seen.size).toBe(entries.length);
  });
});
