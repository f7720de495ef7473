/** Triangular reduction and singular values on matrices made with known ones. */
import { describe, expect, test } from "vitest";
import { singularValues } from "../../src/linalg/svd.js";
import { reduceToTriangle } from "../../src/linalg/triangle.js";
import { matrixWith } from "../support/matrices.js";
import { randomVector } from "../support/networks.js";

const n = 40;
/** σ from 1 to 1e-10, so that σ² spans twenty decades. */
const graded = Array.from({ length: n }, (_, k) => 10 ** ((-10 * k) / (n - 1)));
/** Both algorithms are backward stable: errors of a few ε·σ_max, here with room for n = 40. */
const ABSOLUTE = 30 * Number.EPSILON;

const norm = (v: ArrayLike<number>): number => Math.hypot(...Array.from(v));

describe("singular values", () => {
  test("are found to a few ε·σ_max over ten decades, so that their squares are over twenty", () => {
    const { values } = singularValues(matrixWith(graded, n), n);
    values.forEach((value, k) => {
      expect(Math.abs(value - graded[k]!)).toBeLessThan(ABSOLUTE);
    });
    expect(Math.abs(values[n - 1]! ** 2 / 1e-20 - 1)).toBeLessThan(1e-3);
  });

  test.each([
    ["clusters", [3, 3, 3, 1, 1, 1 - 1e-14, 0.5, 0.5]],
    ["exact zeros", [2, 1, 1e-3, 0, 0, 0]],
    ["one number", [7]],
    ["all zero", [0, 0, 0]],
  ])("of %s", (_, wanted) => {
    const { values } = singularValues(matrixWith(wanted, wanted.length), wanted.length);
    values.forEach((value, k) => {
      expect(Math.abs(value - wanted[k]!)).toBeLessThan(ABSOLUTE * Math.max(wanted[0]!, 1e-300));
    });
  });

  test("of diagonal and bidiagonal matrices with zeros on the diagonal", () => {
    const a = Float64Array.of(0, 1, 0, 0, 0, 2, 0, 0, 0); // [[0,1,0],[0,0,2],[0,0,0]]
    expect(Array.from(singularValues(a, 3).values, (value) => Number(value.toFixed(14)))).toEqual([2, 1, 0]);
  });

  test("vectors are orthonormal, diagonalise AAᵀ, and what is carried is in their basis", () => {
    const a = matrixWith(graded, n, 7);
    const b = randomVector(5, n);
    const { values, vectors, carried } = singularValues(a.slice(), n, { carry: [b], vectors: true });
    for (let i = 0; i < n; i++) {
      const u = vectors!.subarray(i * n, (i + 1) * n);
      const image = Float64Array.from({ length: n }, (_, j) =>
        u.reduce((sum, value, k) => sum + value * a[k * n + j]!, 0),
      );
      expect(Math.abs(norm(image) - values[i]!)).toBeLessThan(ABSOLUTE);
      expect(Math.abs(u.reduce((sum, value, k) => sum + value * b[k]!, 0) - carried[0]![i]!)).toBeLessThan(
        ABSOLUTE * norm(b),
      );
      for (let j = 0; j <= i; j++) {
        const product = u.reduce((sum, value, k) => sum + value * vectors![j * n + k]!, 0);
        expect(Math.abs(product - (i === j ? 1 : 0))).toBeLessThan(ABSOLUTE);
      }
    }
  });

  test("a matrix that is not finite is refused", () => {
    expect(() => singularValues(Float64Array.of(1, 2, Number.NaN, 4), 2)).toThrow(/not finite/);
    expect(() => singularValues(Float64Array.of(1e200, 1e200, 1e200, -1e200), 2)).not.toThrow();
  });
});

describe("A = LQ", () => {
  test("keeps the singular values, over several blocks of reflections", async () => {
    const wide = Array.from({ length: 70 }, (_, k) => 10 ** ((-10 * k) / 69));
    const a = matrixWith(wide, 90, 3);
    await reduceToTriangle(a, 90, 70);
    const square = new Float64Array(70 * 70);
    for (let i = 0; i < 70; i++) {
      for (let j = i + 1; j < 90; j++) expect(a[i * 90 + j]).toBe(0);
      square.set(a.subarray(i * 90, i * 90 + 70), i * 70);
    }
    singularValues(square, 70).values.forEach((value, k) => {
      expect(Math.abs(value - wide[k]!)).toBeLessThan(ABSOLUTE);
    });
  });

  test("rows carried along keep their products with the leading ones", async () => {
    const a = matrixWith([3, 2, 1, 0.5, 0.25], 8, 11);
    const before = gram(a, 8);
    await reduceToTriangle(a, 8, 3);
    gram(a, 8).forEach((value, k) => {
      expect(Math.abs(value - before[k]!)).toBeLessThan(ABSOLUTE * 9);
    });
  });

  test("more leading rows than columns are refused", async () => {
    await expect(reduceToTriangle(new Float64Array(6), 2, 3)).rejects.toThrow(/transposed/);
  });
});

function gram(a: Float64Array, width: number): number[] {
  const rows = a.length / width;
  return Array.from({ length: rows * rows }, (_, k) => {
    let sum = 0;
    for (let j = 0; j < width; j++) sum += a[Math.floor(k / rows) * width + j]! * a[(k % rows) * width + j]!;
    return sum;
  });
}
