import { describe, expect, test } from "vitest";
import { largestEigenvalue } from "../../src/linalg/lanczos.js";

const SIZE = 60;
const diagonal = (values: ArrayLike<number>) => (v: Float64Array, out: Float64Array) => {
  for (let i = 0; i < v.length; i++) out[i] = values[i]! * v[i]!;
};
const ones = new Float64Array(SIZE).fill(1);

describe("largestEigenvalue", () => {
  const spectrum = Array.from({ length: SIZE }, (_, i) => i / 10 - 2);

  test("exact once the space is exhausted, with the smallest beside it", async () => {
    const found = await largestEigenvalue(diagonal(spectrum), ones, 1e-12, 1000);
    expect(found.value).toBeCloseTo(3.9, 10);
    expect(found.smallest).toBeCloseTo(-2, 6);
    expect(Math.abs(found.vector[SIZE - 1]!)).toBeCloseTo(1, 5);
  });

  test("never above the truth, and an eigenvalue within the residual, at every budget", async () => {
    for (let budget = 1; budget < 20; budget++) {
      const { value, residual, products } = await largestEigenvalue(diagonal(spectrum), ones, 1e-9, budget);
      expect(products).toBe(budget);
      // Rounding of sums of 60 terms.
      expect(value).toBeLessThanOrEqual(3.9 + 1e-12);
      expect(Math.min(...spectrum.map((lambda) => Math.abs(lambda - value)))).toBeLessThanOrEqual(
        residual + 1e-12,
      );
    }
  });

  test("goes on from a neighbour's vectors in few products", async () => {
    const before = await largestEigenvalue(diagonal(spectrum), ones, 0.01, 1000);
    const changed = spectrum.map((value, i) => (i === SIZE - 1 ? 5 : value));
    const after = await largestEigenvalue(diagonal(changed), before.vector, 0.05, 1000);
    expect(after.products).toBeLessThanOrEqual(5);
    // The residual bounds the distance to some eigenvalue; 5 % of 5.
    expect(Math.abs(after.value - 5)).toBeLessThan(0.25);
  });

  test("one dimension, a zero matrix, and bad starts", async () => {
    expect((await largestEigenvalue(diagonal([-3]), Float64Array.of(2), 0.1, 9)).value).toBeCloseTo(-3, 14);
    expect((await largestEigenvalue(diagonal(new Float64Array(SIZE)), ones, 0.1, 9)).value).toBe(0);
    await expect(largestEigenvalue(diagonal(ones), new Float64Array(SIZE), 0.1, 9)).rejects.toThrow("zero");
    const broken = await largestEigenvalue((_v, out) => void out.fill(NaN), ones, 0.1, 9);
    expect(broken.value).toBeNaN();
  });
});
