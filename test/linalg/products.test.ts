import { describe, expect, test } from "vitest";
import { solveBoxQp } from "../../src/linalg/box-qp.js";
import { solveBoxQpByProducts } from "../../src/linalg/box-qp-products.js";
import { conjugateGradients } from "../../src/linalg/conjugate-gradients.js";
import { solveSquare } from "../../src/linalg/square-system.js";
import { randomVector } from "../support/networks.js";

/** K = AAᵀ of an n × rank matrix, and its product. */
function semidefinite(n: number, rank: number, seed: number) {
  const a = randomVector(seed, n * rank);
  const matrix = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      for (let k = 0; k < rank; k++) matrix[i * n + j]! += a[i * rank + k]! * a[j * rank + k]!;
  const product = async (x: Float64Array) =>
    x.map((_, i) => x.reduce((sum, value, j) => sum + matrix[i * n + j]! * value, 0));
  return { matrix, product };
}

describe("systems known by their products", () => {
  test.each([
    { n: 8, rank: 8 },
    { n: 12, rank: 5 },
  ])("conjugate gradients: n = $n, rank $rank", async ({ n, rank }) => {
    const { product } = semidefinite(n, rank, n);
    const b = await product(randomVector(3, n));
    const guess = randomVector(4, n);
    for (const start of [undefined, guess]) {
      const { x, products } = await conjugateGradients(product, b, { tolerance: 1e-12, guess: start });
      const image = await product(x);
      // Ten times the tolerance asked for, for what rounding makes of the recurrence.
      expect(Math.hypot(...image.map((value, i) => value - b[i]!))).toBeLessThan(1e-11 * Math.hypot(...b));
      expect(products).toBeLessThanOrEqual(4 * n + 20);
    }
  });

  test.each([1, 2, 3, 4, 5, 6])("the box problem by products is the one by the matrix: %i", async (seed) => {
    const n = 15;
    const { matrix, product } = semidefinite(n, 20, seed);
    const q = randomVector(seed + 100, n).map((value) => 5 * value);
    const lower = randomVector(seed + 200, n).map((value) => -Math.abs(value) / 4);
    const upper = randomVector(seed + 300, n).map((value) => Math.abs(value) / 4);
    lower[3] = upper[3] = 0;
    const byMatrix = solveBoxQp(matrix, n, q, lower, upper);
    const byProducts = await solveBoxQpByProducts(product, q, lower, upper);
    expect(byProducts.converged).toBe(true);
    // Both solve the free part to rounding; K's condition here is below 1e4.
    byProducts.x.forEach((value, i) => {
      expect(Math.abs(value - byMatrix.x[i]!)).toBeLessThan(1e-9);
    });
  });

  test("a singular square system gets its least solution", () => {
    const x = solveSquare(Float64Array.of(1, 1, 1, 1), Float64Array.of(2, 2));
    expect(x[0]).toBeCloseTo(1, 12);
    expect(x[1]).toBeCloseTo(1, 12);
  });
});
