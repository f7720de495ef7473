import { expect, test } from "vitest";
import { factorise } from "../../src/linalg/cholesky.js";
import { createRandom } from "../../src/random.js";

/** JJᵀ of n random rows in rank + 3 dimensions, the last row copied from the first if asked. */
function gram(seed: number, n: number, copies: boolean, stride: number) {
  const random = createRandom(seed);
  const rows = Array.from({ length: n }, () => Array.from({ length: n + 3 }, () => random.normal()));
  if (copies) rows[n - 1] = rows[0]!.slice();
  const matrix = new Float64Array(n * stride).fill(Number.NaN);
  rows.forEach((p, i) => {
    rows.forEach((q, j) => {
      matrix[i * stride + j] = p.reduce((sum, value, k) => sum + value * q[k]!, 0);
    });
  });
  return matrix;
}
const product = (matrix: Float64Array, x: Float64Array, stride: number): Float64Array =>
  x.map((_, i) => x.reduce((sum, value, j) => sum + matrix[i * stride + j]! * value, 0));

test.each([
  { name: "regular", copies: false },
  { name: "with a row twice", copies: true },
])("solves consistent systems: $name", ({ copies }) => {
  for (let n = 2; n <= 7; n++) {
    const stride = n + 2;
    const matrix = gram(n, n, copies, stride);
    const random = createRandom(50 + n);
    const b = product(
      matrix,
      Float64Array.from({ length: n }, () => random.normal()),
      stride,
    );
    const factor = factorise(matrix, n, stride);
    expect(factor.dependent).toEqual(copies ? [n - 1] : []);
    const x = b.slice();
    factor.solve(x);
    if (copies) expect(x[n - 1]).toBe(0);
    // Condition numbers are below 1e4, right sides of size 10.
    product(matrix, x, stride).forEach((value, i) => {
      expect(Math.abs(value - b[i]!)).toBeLessThan(1e-11);
    });
  }
});

test("a zero row is dependent and gets zero", () => {
  const factor = factorise(Float64Array.of(0, 0, 0, 4), 2);
  const x = Float64Array.of(0, 8);
  factor.solve(x);
  expect(factor.dependent).toEqual([0]);
  expect([...x]).toEqual([0, 2]);
});
