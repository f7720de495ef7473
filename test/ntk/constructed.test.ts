/** Kernels whose λ_min is known: by counting parameters, by structure, in closed form, or by construction over twenty decades. */
import { describe, expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import {
  createFamily,
  type NetworkSpec,
  piecesOf,
  presetNetwork,
  relationMatrix,
} from "../../src/model/index.js";
import {
  COLD,
  createTangentKernel,
  type DenseMethod,
  denseSpectrum,
  measureSpectrum,
  rankCaps,
  type SpectrumMethod,
} from "../../src/ntk/index.js";
import { createRandom } from "../../src/random.js";
import { matrixWith } from "../support/matrices.js";
import { affineLayers, allCases, type Case, makeCase, randomVector } from "../support/networks.js";

const engine = createReferenceEngine();

async function look({ family, bound, theta }: Pick<Case, "family" | "bound" | "theta">) {
  const compile = (graph: Parameters<typeof engine.compile>[0], given = {}) => engine.compile(graph, given);
  const kernel = createTangentKernel({ family, compile, data: bound });
  let pieces: Float64Array | null = null;
  if (family.entries > 0) {
    const { z } = await (await engine.compile(family.preactivations("free"), bound)).run({ theta });
    pieces = piecesOf(family, z!);
  }
  const state = { theta, pieces, held: [] };
  const caps = rankCaps(family, bound, state);
  const residual = randomVector(1, kernel.size);
  const spectrum = (method: SpectrumMethod, products = 400) =>
    measureSpectrum({
      ...{
        kernel,
        state,
        residual,
        method,
        caps,
        products,
        modes: 4,
        vectors: false,
        tolerance: 1e-8,
        warm: COLD,
      },
      random: createRandom(1),
    });
  const dense = (method: DenseMethod) =>
    denseSpectrum(kernel, state, residual, { method, vectors: true, gram: false });
  return { kernel, state, caps, residual, spectrum, dense };
}

describe("λ_min is zero exactly, and it is said why", () => {
  test.each(["svd", "eig", "layer-product", "lanczos"] as const)(
    "with fewer parameters than outputs, by %s",
    async (method) => {
      const { spectrum, caps } = await look(makeCase({ samples: 30, activation: { kind: "tanh" } }));
      const { lambdaMin } = await spectrum(method);
      expect(caps[0]).toMatchObject({ kind: "parameters", rank: 73 });
      expect(lambdaMin).toMatchObject({ value: 0, kind: "exact-zero", method: "structure" });
      expect(lambdaMin.reason).toContain("P = 73");
    },
  );

  test("where no unit changes its sign: rank (N + 1)M, however many parameters", async () => {
    // Biases far from zero put every unit on one side for all samples.
    const item = makeCase({ samples: 12, hidden: [9, 9] });
    const layers = affineLayers(item.family);
    for (const layer of layers.slice(0, 2))
      for (let k = 0; k < layer.fanOut; k++) item.theta[layer.bias! + k] = k % 2 === 0 ? 100 : -100;
    const { caps, spectrum, dense } = await look(item);
    const wanted = (4 + 1) * 3;
    expect(item.theta.length).toBeGreaterThan(12 * 3);
    expect(caps[0]).toMatchObject({ kind: "few-kinks", rank: wanted });
    const { values, resolvable } = await dense("svd");
    expect(values.filter((value) => value > resolvable).length).toBe(wanted);
    const { lambdaMin } = await spectrum("svd");
    expect(lambdaMin).toMatchObject({ value: 0, kind: "exact-zero" });
    expect(lambdaMin.reason).toContain("affine");
  });

  test("with duplicate inputs", async () => {
    const item = makeCase({ samples: 6, hidden: [12, 12], activation: { kind: "tanh" } });
    item.bound["x"]!.copyWithin(4, 0, 4);
    const { caps, dense } = await look(item);
    expect(caps[0]).toMatchObject({ kind: "duplicate-inputs", rank: 15 });
    const { values, resolvable } = await dense("svd");
    expect(values.filter((value) => value > resolvable).length).toBe(15);
  });

  // Eigenvalues of A + I: 1 + 2cos(2πk/n) in a ring, 1 + 2cos(πk/(n + 1)) along a path. In both 1 lies in the range of Â, in that of the tree,
  // whose null vector is (1, 1, −1, −1, −1, −1), it does not: there a bias makes up for the lack.
  const line = (n: number) => Array.from({ length: n - 1 }, (_, i) => [i, i + 1] as const);
  test.each([
    ["a ring of 6", 6, [...line(6), [5, 0]], true, 4],
    ["a ring of 9", 9, [...line(9), [8, 0]], true, 7],
    ["a ring of 8", 8, [...line(8), [7, 0]], true, null],
    ["a path of 8", 8, line(8), true, 7],
    ["a path of 9", 9, line(9), false, null],
    [
      "a tree with biases",
      6,
      [
        [0, 1],
        [0, 4],
        [0, 5],
        [1, 2],
        [1, 3],
      ],
      true,
      null,
    ],
    [
      "a tree without",
      6,
      [
        [0, 1],
        [0, 4],
        [0, 5],
        [1, 2],
        [1, 3],
      ],
      false,
      5,
    ],
  ] as const)("with a graph whose matrix is singular: %s", async (_, n, links, bias, rank) => {
    const item = makeCase({ kind: "gcn", samples: n, hidden: [30], bias, activation: { kind: "tanh" } });
    const edges = new Float64Array(n * n);
    for (const [i, j] of links as readonly (readonly [number, number])[])
      edges[i * n + j] = edges[j * n + i] = 1;
    item.bound["adjacency"] = relationMatrix("adjacency", edges, n);
    const { caps, dense } = await look(item);
    expect(caps.map(({ kind, rank }) => [kind, rank])).toEqual(
      rank === null ? [] : [["singular-graph", 3 * rank]],
    );
    const { values, resolvable } = await dense("svd");
    expect(values.filter((value) => value > resolvable).length).toBe(3 * (rank ?? n));
    // Of entries that no graph has nothing is claimed.
    item.bound["adjacency"]![0]! += 1e-3;
    expect((await look(item)).caps).toEqual([]);
  });
});

describe("rank caps", () => {
  test.each(allCases.map((item) => [item.label, item] as const))("hold for a %s", async (_, item) => {
    const { caps, dense, kernel } = await look(item);
    const { values, resolvable } = await dense("svd");
    const cap = caps[0]?.rank ?? kernel.size;
    expect(cap).toBeLessThanOrEqual(kernel.size);
    expect(values.filter((value) => value > resolvable).length).toBeLessThanOrEqual(cap);
  });

  test("are sharp: a network with few kinks over its data reaches its cap", async () => {
    // 10-6-3 with small inputs and biases of order 1: few units change their piece.
    let met = 0;
    for (const seed of [1, 2, 3, 4, 5, 6]) {
      const item = makeCase({
        inputDimension: 10,
        hidden: [6],
        samples: 40,
        seed,
        activation: { kind: "leaky-relu", slope: 0.2 },
      });
      item.bound["x"]!.forEach((value, k, x) => {
        x[k] = 0.1 * value;
      });
      const { caps, dense } = await look(item);
      const { values, resolvable } = await dense("svd");
      const rank = values.filter((value) => value > resolvable).length;
      expect(rank).toBeLessThanOrEqual(caps[0]?.rank ?? Number.POSITIVE_INFINITY);
      if (rank === caps[0]?.rank && caps[0].kind === "few-kinks") met++;
    }
    expect(met).toBeGreaterThanOrEqual(3);
  });
});

describe("closed forms", () => {
  const linear = (x: Float64Array, N: number, M: number) => {
    const spec: NetworkSpec = {
      ...{ kind: "dnn", inputDimension: N, hidden: [], outputDimension: M, bias: false },
      activation: { kind: "identity" },
    };
    const samples = x.length / N;
    const family = createFamily({ network: presetNetwork(spec), samples, factor: 0.5 });
    return { family, bound: { x, y: randomVector(2, samples * M) }, theta: randomVector(3, N * M) };
  };

  test("a linear model on orthogonal inputs: λ = ‖x_i‖², M times each", async () => {
    const lengths = [3, 2, 1, 0.5, 0.25];
    const x = matrixWith(lengths, 7); // U diag V: inputs that are orthogonal in the basis of U
    const { spectrum } = await look(linear(x, 7, 2));
    for (const method of ["svd", "eig", "layer-product"] as const) {
      const { eigenvalues, trace, lambdaMin, effectiveRank } = await spectrum(method);
      const wanted = lengths.flatMap((length) => [length ** 2, length ** 2]);
      eigenvalues.forEach((value, k) => {
        expect(Math.abs(value - wanted[k]!)).toBeLessThan(1e-13);
      });
      const sum = wanted.reduce((p, q) => p + q);
      const squares = wanted.reduce((p, q) => p + q * q, 0);
      expect(Math.abs(trace - sum)).toBeLessThan(1e-12);
      expect(Math.abs(effectiveRank - sum ** 2 / squares)).toBeLessThan(1e-12);
      expect(lambdaMin.kind).toBe("certified");
      expect(Math.abs(lambdaMin.value - 1 / 16)).toBeLessThanOrEqual(lambdaMin.residual);
    }
  });

  test("λ_min/λ_max = 1e-20: the singular values of J resolve it, the eigenvalues of G cannot and say so", async () => {
    const sigmas = [1, 1e-2, 1e-4, 1e-6, 1e-8, 1e-10];
    const { spectrum } = await look(linear(matrixWith(sigmas, 8, 5), 8, 1));
    const svd = await spectrum("svd");
    expect(svd.lambdaMin.kind).toBe("certified");
    // J itself is rounded: entries of size 1 make σ_min uncertain by about ε, 2e-6 of it.
    expect(Math.abs(svd.lambdaMin.value / 1e-20 - 1)).toBeLessThan(1e-4);
    for (const method of ["eig", "layer-product"] as const) {
      const { lambdaMin, conditionNumber } = await spectrum(method);
      expect(lambdaMin.kind).toBe("upper-bound");
      expect(lambdaMin.resolvable).toBeGreaterThan(1e-16);
      expect(lambdaMin.value).toBeLessThan(lambdaMin.resolvable);
      expect(conditionNumber).toBeNull();
    }
  });
});

describe("Lanczos against the whole spectrum", () => {
  test("extremes, trace and λ_eff of a tanh network, matrix-free", async () => {
    const { spectrum } = await look(
      makeCase({ samples: 10, hidden: [12, 12], activation: { kind: "tanh" }, seed: 4 }),
    );
    const dense = await spectrum("svd");
    const free = await spectrum("lanczos", 4000);
    expect(free.lambdaMin.kind).toBe("upper-bound");
    // Converged to 1e-8, and never below the truth.
    expect(free.lambdaMin.value / dense.lambdaMin.value - 1).toBeLessThan(1e-7);
    expect(free.lambdaMin.value / dense.lambdaMin.value - 1).toBeGreaterThan(-1e-10);
    expect(Math.abs(free.lambdaMax.value / dense.lambdaMax.value - 1)).toBeLessThan(1e-8);
    expect(Math.abs(free.trace / dense.trace - 1)).toBeLessThan(1e-12);
    expect(Math.abs(free.lambdaEff / dense.lambdaEff - 1)).toBeLessThan(1e-12);
    // Eight random probes: relative standard error √(2/(8·effective rank)), here about 0.2; three of those.
    expect(Math.abs(free.effectiveRank / dense.effectiveRank - 1)).toBeLessThan(0.6);
    expect(free.estimated).toEqual(["effectiveRank", "drift"]);
  });
});
