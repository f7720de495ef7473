/** Null spaces of integer matrices, counted in exact arithmetic. */
import { expect, test } from "vitest";
import { integerNullVectors } from "../../src/linalg/nullity.js";
import { createRandom } from "../../src/random.js";

const count = (rows: number[][]) => integerNullVectors(Float64Array.from(rows.flat()), rows.length).length;

test("of matrices whose rank is known", () => {
  expect(count([[0]])).toBe(1);
  expect(count([[7]])).toBe(0);
  expect(
    count([
      [0, 1],
      [0, 0],
    ]),
  ).toBe(1);
  expect(
    count([
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ]),
  ).toBe(1);
  // A null vector of fractions, (−3/7, 1).
  expect(
    count([
      [7, 3],
      [14, 6],
    ]),
  ).toBe(1);
  // Singular modulo the prime alone: the determinant is 2²⁶ − 5.
  expect(
    count([
      [2 ** 26 - 5, 0],
      [0, 1],
    ]),
  ).toBe(0);
});

test("of random products of thin matrices: the rank is their width", () => {
  const random = createRandom(3);
  for (const [n, rank] of [
    [6, 2],
    [10, 9],
    [12, 12],
    [9, 0],
  ] as const) {
    const draw = (size: number) => Array.from({ length: size }, () => (random.uniform() < 0.5 ? 0 : 1));
    // [I | B]ᵀ[I | C] has rank r, and null vectors of small integers.
    const left = Array.from({ length: n }, (_, i) =>
      i < rank ? draw(rank).map((_, j) => Number(i === j)) : draw(rank),
    );
    const right = Array.from({ length: n }, (_, i) =>
      i < rank ? draw(rank).map((_, j) => Number(i === j)) : draw(rank),
    );
    const product = left.map((p) => right.map((q) => p.reduce((sum, entry, k) => sum + entry * q[k]!, 0)));
    expect(count(product), `${n}, ${rank}`).toBe(n - rank);
  }
});
