/** Lanczos as the sharpness uses it: the largest eigenvalue, looked at after every product. */
import { describe, expect, test } from "vitest";
import { lanczos } from "../../src/linalg/krylov.js";
import { dot } from "../../src/linalg/vectors.js";

const SIZE = 60;
const ones = new Float64Array(SIZE).fill(1);

async function largest(values: ArrayLike<number>, start: Float64Array, tolerance: number, budget: number) {
  const found = await lanczos({
    operator: {
      size: values.length,
      async apply(v, out) {
        for (let i = 0; i < v.length; i++) out[i] = values[i]! * v[i]!;
        return dot(v, out);
      },
    },
    start,
    largest: 2,
    smallest: 1,
    required: { largest: 1, smallest: 0 },
    tolerance,
    relativeTo: "norm",
    lookEvery: 1,
    basis: budget,
    maxProducts: budget,
  });
  return { ...found.largest[0]!, smallest: found.smallest[0]!.value, products: found.products };
}

describe("the largest eigenvalue", () => {
  const spectrum = Array.from({ length: SIZE }, (_, i) => i / 10 - 2);

  test("exact once the space is exhausted, with the smallest beside it", async () => {
    const found = await largest(spectrum, ones, 1e-12, 1000);
    expect(found.value).toBeCloseTo(3.9, 10);
    expect(found.smallest).toBeCloseTo(-2, 6);
    expect(Math.abs(found.vector[SIZE - 1]!)).toBeCloseTo(1, 5);
  });

  test("never above the truth, and an eigenvalue within the residual, at every budget", async () => {
    for (let budget = 1; budget < 20; budget++) {
      const { value, residual, products } = await largest(spectrum, ones, 1e-9, budget);
      expect(products).toBe(budget);
      // Rounding of sums of 60 terms.
      expect(value).toBeLessThanOrEqual(3.9 + 1e-12);
      expect(Math.min(...spectrum.map((lambda) => Math.abs(lambda - value)))).toBeLessThanOrEqual(
        residual + 1e-12,
      );
    }
  });

  test.each([1e-9, 1, 1e9])("goes on from a neighbour's vectors in few products, scale %f", async (scale) => {
    const before = await largest(
      spectrum.map((value) => scale * value),
      ones,
      0.01,
      1000,
    );
    const changed = spectrum.map((value, i) => scale * (i === SIZE - 1 ? 5 : value));
    const after = await largest(changed, before.vector, 0.05, 1000);
    expect(after.products).toBeLessThanOrEqual(5);
    // One product would only give back the start.
    expect(after.products).toBeGreaterThan(1);
    // The residual bounds the distance to some eigenvalue; 5 % of 5.
    expect(Math.abs(after.value / scale - 5)).toBeLessThan(0.25);
  });

  test("one dimension, a zero matrix, bad starts and products", async () => {
    expect((await largest([-3], Float64Array.of(2), 0.1, 9)).value).toBeCloseTo(-3, 14);
    expect((await largest(new Float64Array(SIZE), ones, 0.1, 9)).value).toBe(0);
    await expect(largest(ones, new Float64Array(SIZE), 0.1, 9)).rejects.toThrow("zero or not finite");
    await expect(
      largest(
        ones,
        ones.map(() => Number.NaN),
        0.1,
        9,
      ),
    ).rejects.toThrow("zero or not finite");
    await expect(
      largest(
        ones.map(() => Number.NaN),
        ones,
        0.1,
        9,
      ),
    ).rejects.toThrow("not finite");
  });
});
