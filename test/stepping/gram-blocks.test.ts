/** The Gram matrices of blocks of candidates against rows of the Jacobian of pre-activations. */
import { describe, expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import { kinksOf } from "../../src/flow/boundaries/kinks.js";
import { createProblem } from "../../src/flow/index.js";
import { createGramBlocks } from "../../src/flow/stepping/gram-blocks.js";
import { TABLED_SAMPLES } from "../../src/flow/stepping/unit-grams.js";
import { createFamily, layeredNetwork, piecesOf, relationMatrix } from "../../src/model/index.js";
import { nearestNeighbours } from "../../src/model/neighbours.js";
import { type Case, makeCase, randomVector } from "../support/networks.js";

type LayerConfig = Parameters<typeof layeredNetwork>[0]["layers"][number];
type NetworkOptions = Parameters<typeof layeredNetwork>[0];

const SQUARE_BELOW = {
  kind: "piecewise-polynomial",
  breakpoints: [0],
  coefficients: [
    [0, 0.5, 0.25],
    [0, 1],
  ],
} as const;

/** Samples on a graph of three nearest neighbours under two layers of that kind. */
function graphCase(layer: LayerConfig, options: Partial<NetworkOptions> = {}): Case {
  const [samples, inputs, outputs] = [30, 4, 2];
  const activation = options.activation ?? ({ kind: "leaky-relu", slope: 0.1 } as const);
  const network = layeredNetwork({
    inputShape: [inputs],
    outputs,
    layers: [
      { ...layer, width: 6 },
      { kind: "activation" },
      { ...layer, width: 5 },
      { kind: "activation" },
      { ...layer },
    ],
    ...options,
    activation,
  });
  const x = randomVector(5, samples * inputs);
  const edges = nearestNeighbours(x, samples, 3);
  const relations = network.relations.map((name) => [name, relationMatrix(name, edges, samples)] as const);
  return {
    label: layer.kind,
    family: createFamily({ network, samples, factor: 0.5 / samples }),
    theta: randomVector(6, network.layout.size),
    bound: { x, y: randomVector(7, samples * outputs), ...Object.fromEntries(relations) },
  };
}

describe("networks whose samples are mixed", () => {
  test("have their grams by units where sites mix data or activations of such that do", () => {
    expect(graphCase({ kind: "gcn-conv", bias: true }).family.network.mixed).toEqual([
      { mixture: 0, below: null },
      { mixture: 1, below: 0 },
    ]);
    // A third site would need all samples; a trained slope and a dense layer are parameters of another kind.
    expect(makeCase({ kind: "gcn", hidden: [4, 4, 4] }).family.network.mixed).toBeNull();
    const trained = { activation: { kind: "prelu", slope: 0.2 } } as const;
    expect(graphCase({ kind: "gcn-conv", bias: true }, trained).family.network.mixed).toBeNull();
    expect(makeCase({ hidden: [4, 4] }).family.network.mixed).toBeNull();
  });
});

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
    ["many, gcn", graphCase({ kind: "gcn-conv", bias: true }), 11],
    ["many, gcn without biases", graphCase({ kind: "gcn-conv", bias: false }), 11],
    [
      "many, gcn, of second degree",
      graphCase({ kind: "gcn-conv", bias: true }, { activation: SQUARE_BELOW }),
      11,
    ],
    [
      "many, Chebyshev polynomials",
      graphCase({ kind: "cheb-conv", bias: true, order: 3, lambdaMax: 1.7 }),
      11,
    ],
    ["many, graph convolution", graphCase({ kind: "graph-conv", bias: true }), 11],
    [
      "many, gcn in another parametrisation",
      graphCase(
        { kind: "gcn-conv", bias: true },
        { parametrisation: { kind: "ntk", gain: 1.3, biasFactor: 0.4 } },
      ),
      11,
    ],
    ["many, gcn of one site", makeCase({ kind: "gcn", samples: 60, hidden: [6] }), 6],
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
