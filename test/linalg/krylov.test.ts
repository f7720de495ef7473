/** Lanczos, its quadrature and inverse iteration on operators whose spectrum is known. */
import { describe, expect, test } from "vitest";
import { inverseIteration } from "../../src/linalg/inverse-iteration.js";
import { lanczos, lanczosQuadrature } from "../../src/linalg/krylov.js";
import type { Operator } from "../../src/linalg/operator.js";
import { matrixWith } from "../support/matrices.js";
import { randomVector } from "../support/networks.js";

/** JJᵀ of a matrix with those singular values, known by its products. */
function operatorWith(sigmas: readonly number[]): Operator & { matrix: Float64Array } {
  const n = sigmas.length;
  const j = matrixWith(sigmas, n, 21);
  return {
    size: n,
    matrix: j,
    async apply(v, out) {
      const half = new Float64Array(n);
      for (let i = 0; i < n; i++) for (let k = 0; k < n; k++) half[k]! += j[i * n + k]! * v[i]!;
      for (let i = 0; i < n; i++) {
        out[i] = 0;
        for (let k = 0; k < n; k++) out[i]! += j[i * n + k]! * half[k]!;
      }
      return half.reduce((sum, value) => sum + value * value, 0);
    },
  };
}

const n = 120;
const sigmas = Array.from({ length: n }, (_, k) => 10 ** ((-2 * k) / (n - 1)));
const lambdas = sigmas.map((sigma) => sigma * sigma);

describe("Lanczos", () => {
  test.each([
    ["without restarts", n],
    ["with thick restarts", 40],
  ])("finds both ends, each eigenvalue once, %s", async (_, basis) => {
    const operator = operatorWith(sigmas);
    const tolerance = 1e-6;
    const { largest, smallest, converged, products } = await lanczos({
      operator,
      start: randomVector(1, n),
      largest: 4,
      smallest: 2,
      tolerance,
      basis,
      maxProducts: 5000,
    });
    expect(converged).toBe(true);
    expect(products).toBeLessThan(5000);
    // An eigenvalue lies within the residual, which is at most tolerance·value; the spectrum has no two that near.
    largest.forEach(({ value }, k) => {
      expect(Math.abs(value / lambdas[k]! - 1)).toBeLessThan(tolerance);
    });
    smallest.forEach(({ value }, k) => {
      expect(Math.abs(value / lambdas[n - 1 - k]! - 1)).toBeLessThan(tolerance);
    });
  });

  test("within a budget it returns bounds from the right side, and the residual it claims", async () => {
    const operator = operatorWith(sigmas);
    const { largest, smallest, converged, products } = await lanczos({
      operator,
      start: randomVector(2, n),
      largest: 1,
      smallest: 1,
      tolerance: 1e-8,
      basis: 20,
      maxProducts: 25,
    });
    expect(converged).toBe(false);
    expect(products).toBe(25);
    expect(largest[0]!.value).toBeLessThanOrEqual(lambdas[0]! * (1 + 1e-14));
    expect(smallest[0]!.value).toBeGreaterThanOrEqual(lambdas[n - 1]!);
    const { value, vector, residual } = smallest[0]!;
    const image = new Float64Array(n);
    await operator.apply(vector, image);
    const measured = Math.hypot(...image.map((x, i) => x - value * vector[i]!));
    expect(Math.abs(measured - residual)).toBeLessThan(1e-13);
  });

  test("a start vector in an invariant space ends early and says so", async () => {
    const operator: Operator = {
      size: 5,
      apply: async (v, out) => {
        v.forEach((value, i) => {
          out[i] = (i + 1) * value;
        });
        return 0;
      },
    };
    const found = await lanczos({
      operator,
      start: Float64Array.of(0, 1, 0, 1, 0),
      largest: 1,
      smallest: 1,
      tolerance: 1e-10,
      basis: 5,
      maxProducts: 9,
    });
    expect(found.exhausted).toBe(true);
    expect(found.largest[0]!.value).toBeCloseTo(4, 13);
    expect(found.smallest[0]!.value).toBeCloseTo(2, 13);
  });

  test("products that are not finite are refused", async () => {
    const operator: Operator = { size: 3, apply: async (_, out) => out.fill(Number.NaN)[0]! };
    await expect(
      lanczos({
        operator,
        start: Float64Array.of(1, 1, 1),
        largest: 1,
        smallest: 0,
        tolerance: 1e-3,
        basis: 3,
        maxProducts: 9,
      }),
    ).rejects.toThrow(/not finite/);
  });
});

test("the quadrature of m steps has the first 2m moments", async () => {
  const operator = operatorWith(sigmas);
  const start = randomVector(3, n);
  const norm = Math.hypot(...start);
  const m = 6;
  const { nodes, weights } = await lanczosQuadrature(operator, start, m);
  expect(nodes.length).toBe(m);
  let power = start.map((value) => value / norm);
  const unit = power;
  for (let k = 0; k < 2 * m; k++) {
    const moment = power.reduce((sum, value, i) => sum + value * unit[i]!, 0);
    const quadrature = nodes.reduce((sum, node, i) => sum + weights[i]! * node ** k, 0);
    // Exact in exact arithmetic; the moments are of order 1 and their rounding grows with k.
    expect(Math.abs(quadrature / moment - 1)).toBeLessThan(1e-12);
    const next = new Float64Array(n);
    await operator.apply(power, next);
    power = next;
  }
});

describe("inverse iteration", () => {
  // It converges like (λ_n/λ_{n−1})^k: the smallest eigenvalue stands apart here by a factor of 4.
  const apart = [...sigmas.slice(0, n - 1), sigmas[n - 2]! / 2];
  const least = apart[n - 1]! ** 2;

  test("finds λ_min with conjugate gradients, and faster from near it", async () => {
    const operator = operatorWith(apart);
    const options = { operator, tolerance: 1e-6, maxProducts: 5000 };
    const cold = await inverseIteration({ ...options, start: randomVector(4, n) });
    expect(cold.converged).toBe(true);
    expect(Math.abs(cold.pair.value / least - 1)).toBeLessThan(1e-6);
    const noise = randomVector(5, n);
    const near = cold.pair.vector.map((value, i) => value + 1e-3 * noise[i]!);
    const warm = await inverseIteration({ ...options, start: near });
    expect(warm.converged).toBe(true);
    expect(warm.products).toBeLessThan(cold.products);
  });

  test("a budget is kept, and the value is an upper bound that only falls", async () => {
    const operator = operatorWith(apart);
    let last = Number.POSITIVE_INFINITY;
    for (const maxProducts of [10, 40, 160]) {
      const { pair, products } = await inverseIteration({
        operator,
        tolerance: 1e-12,
        maxProducts,
        start: randomVector(6, n),
      });
      expect(products).toBeLessThanOrEqual(maxProducts);
      expect(pair.value).toBeGreaterThanOrEqual(least * (1 - 1e-12));
      expect(pair.value).toBeLessThanOrEqual(last);
      last = pair.value;
    }
  });
});
