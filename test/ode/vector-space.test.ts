import { describe, expect, test } from "vitest";
import { float64Space } from "../../src/ode/index.js";

const DIMENSION = 37; // odd, so that the unrolled loops have a remainder
const space = float64Space(DIMENSION);
const vectors = Array.from({ length: 20 }, (_, j) =>
  Float64Array.from({ length: DIMENSION }, (_, i) => Math.sin(1 + i + 3 * j)),
);
const coefficients = vectors.map((_, j) => ((j * 7) % 5) - 2.5);

function plainSum(c: readonly number[], v: readonly Float64Array[]): Float64Array {
  return Float64Array.from({ length: DIMENSION }, (_, i) => v.reduce((s, x, j) => s + c[j]! * x[i]!, 0));
}

/** The order of summation may differ from the plain sum: 20 terms of size 3 round to about 1e-14. */
const ROUNDING = 1e-13;

function expectClose(a: Float64Array, b: Float64Array): void {
  for (const [i, x] of a.entries()) expect(Math.abs(x - b[i]!)).toBeLessThan(ROUNDING);
}

describe("combine", () => {
  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16, 20])("%i vectors", (m) => {
    const out = space.create().fill(NaN);
    space.combine(out, coefficients.slice(0, m), vectors.slice(0, m));
    expectClose(out, plainSum(coefficients.slice(0, m), vectors.slice(0, m)));
  });

  test.each([
    [2, 0],
    [3, 2],
    [8, 7],
    [9, 0],
    [9, 8],
    [12, 8],
    [20, 3],
    [20, 17],
  ])("%i vectors, out being number %i", (m, place) => {
    const copies = vectors.slice(0, m).map((v) => v.slice());
    const expected = plainSum(coefficients.slice(0, m), copies);
    space.combine(copies[place]!, coefficients.slice(0, m), copies);
    expectClose(copies[place]!, expected);
  });

  test("out may occur several times, also with coefficients that cancel", () => {
    const many = vectors.slice(0, 12).map((v) => v.slice());
    many[2] = many[10] = many[5]!;
    const expected = plainSum(coefficients.slice(0, 12), many);
    space.combine(many[5]!, coefficients.slice(0, 12), many);
    expectClose(many[5]!, expected);
    const v = vectors[0]!.slice();
    space.combine(v, [2, -2, 1], [v, v, vectors[1]!]);
    expect(v).toEqual(vectors[1]);
  });

  test("a vector with coefficient zero is not read", () => {
    const out = space.create();
    space.combine(out, [0, 2], [space.create().fill(NaN), vectors[0]!]);
    expect(out[3]).toBe(2 * vectors[0]![3]!);
  });
});

test("errorNorm is the RMS of e/(atol + rtol·max(|a|, |b|))", () => {
  const [e, a, b] = vectors as [Float64Array, Float64Array, Float64Array];
  const sum = e.reduce(
    (s, x, i) => s + (x / (0.1 + 0.5 * Math.max(Math.abs(a[i]!), Math.abs(b[i]!)))) ** 2,
    0,
  );
  expect(space.errorNorm(e, a, b, 0.5, 0.1)).toBeCloseTo(Math.sqrt(sum / DIMENSION), 12);
});

test("dot and isFinite", () => {
  const [a, b] = vectors as [Float64Array, Float64Array];
  expect(space.dot(a, b)).toBeCloseTo(
    a.reduce((s, x, i) => s + x * b[i]!, 0),
    12,
  );
  expect(space.isFinite(a)).toBe(true);
  for (const bad of [NaN, Infinity, -Infinity]) {
    for (const place of [0, 5, DIMENSION - 1]) {
      const v = a.slice();
      v[place] = bad;
      expect(space.isFinite(v)).toBe(false);
    }
  }
});

test("the dimension must be a positive integer", () => {
  expect(() => float64Space(0)).toThrow("float64Space: dimension must be a positive integer, got 0.");
});
