import { describe, expect, test } from "vitest";
import { conjugateGradients } from "../../src/linalg/conjugate-gradients.js";
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
});
