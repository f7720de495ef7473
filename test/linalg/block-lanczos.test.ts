/** Block Lanczos against spectra that are known, multiplicities included, at all scales, and its warm start along a path of operators. */
import { describe, expect, test } from "vitest";
import { blockLanczos } from "../../src/linalg/block-lanczos.js";
import { symmetricEigen } from "../../src/linalg/eigen.js";
import type { Operator } from "../../src/linalg/operator.js";
import { dot } from "../../src/linalg/vectors.js";
import { createRandom } from "../../src/random.js";

const n = 80;

/** QΛQᵀ with Q a product of random reflections. */
function symmetric(values: readonly number[], seed: number): Float64Array {
  const size = values.length;
  const random = createRandom(seed);
  const a = new Float64Array(size * size);
  values.forEach((value, i) => {
    a[i * size + i] = value;
  });
  for (let round = 0; round < 3; round++) {
    const v = Float64Array.from({ length: size }, () => random.normal());
    const square = dot(v, v);
    // HAH with H = I − 2vvᵀ/‖v‖².
    for (const byRows of [true, false])
      for (let i = 0; i < size; i++) {
        const at = (j: number) => (byRows ? i * size + j : j * size + i);
        let sum = 0;
        for (let j = 0; j < size; j++) sum += a[at(j)]! * v[j]!;
        for (let j = 0; j < size; j++) a[at(j)]! -= (2 * sum * v[j]!) / square;
      }
  }
  return a;
}

function operatorOf(a: Float64Array, size = n): Operator {
  return {
    size,
    async apply(v, out) {
      for (let i = 0; i < size; i++) out[i] = dot(a, v, i * size, 0, size);
      return dot(v, out);
    },
  };
}

const normal = (seed: number) => {
  const random = createRandom(seed);
  return () => random.normal();
};

/** Three equal at the top, two below, a pair at the bottom. */
const multiple = [
  5,
  5,
  5,
  4,
  4,
  ...Array.from({ length: n - 8 }, (_, k) => 3 - (4 * k) / (n - 8)),
  -2,
  -3,
  -3,
];

describe.each([1, 1e-9, 1e9])("at scale %g", (scale) => {
  const a = symmetric(
    multiple.map((value) => value * scale),
    3,
  );
  test.each([30, 0])(
    "finds equal eigenvalues as often as they are, at both ends, capacity %d",
    async (capacity) => {
      const found = await blockLanczos({
        operator: operatorOf(a),
        ...{
          start: [],
          largest: 5,
          smallest: 3,
          tolerance: 1e-8,
          maxProducts: 2000,
          normal: normal(1),
          capacity,
        },
      });
      expect(found.converged).toBe(true);
      expect(found.products).toBeLessThan(2000);
      const { values } = symmetricEigen(a, n);
      // An eigenvalue is off by the square of the residual over the gap, here by rounding alone.
      found.largest.forEach(({ value }, k) => {
        expect(Math.abs(value - values[n - 1 - k]!)).toBeLessThan(1e-12 * 5 * scale);
        expect(Math.abs(value / scale - multiple[k]!)).toBeLessThan(1e-12 * 5);
      });
      found.smallest.forEach(({ value }, k) => {
        expect(Math.abs(value / scale - multiple[n - 1 - k]!)).toBeLessThan(1e-12 * 5);
      });
      const vectors = found.largest.map(({ vector }) => vector);
      for (const [i, u] of vectors.entries())
        for (const [j, v] of vectors.entries()) expect(dot(u, v)).toBeCloseTo(i === j ? 1 : 0, 12);
      for (const { vector, value, residual } of [...found.largest, ...found.smallest]) {
        const product = new Float64Array(n);
        await operatorOf(a).apply(vector, product);
        const off = Math.hypot(...product.map((entry, i) => entry - value * vector[i]!));
        expect(off).toBeLessThanOrEqual(residual);
        expect(residual).toBeLessThanOrEqual(1.1e-8 * 5 * scale);
      }
    },
  );
});

test("along a path of operators it goes on from the last vectors at a fraction of the products", async () => {
  const values = [6, 5, 4.5, ...Array.from({ length: n - 3 }, (_, k) => 3 - (3 * k) / n)];
  const [from, to] = [symmetric(values, 5), symmetric(values, 6)];
  const at = (s: number) => from.map((value, i) => value + s * (to[i]! - value));
  const search = { largest: 3, smallest: 0, tolerance: 1e-3, maxProducts: 500, normal: normal(2) };
  let start: Float64Array[] = [];
  let [cold, warm] = [0, 0];
  for (let k = 0; k <= 20; k++) {
    const { apply } = operatorOf(at(k / 400));
    const operator = {
      size: n,
      applyAll: (vectors: readonly Float64Array[]) =>
        Promise.all(
          vectors.map(async (v) => {
            const out = new Float64Array(n);
            await apply(v, out);
            return out;
          }),
        ),
    };
    const found = await blockLanczos({ operator, start, ...search });
    start = found.largest.map(({ vector }) => vector);
    if (k > 0) warm += found.products;
    if (k > 0) cold += (await blockLanczos({ operator, start: [], ...search })).products;
    const { values: exact } = symmetricEigen(at(k / 400), n);
    found.largest.forEach(({ value }, i) => {
      // residual²/gap with a gap of 0.4 and more.
      expect(Math.abs(value - exact[n - 1 - i]!)).toBeLessThan(6e-3 ** 2 / 0.4);
    });
  }
  expect(warm).toBeLessThan(0.5 * cold);
});

test.each([1, 2, 3])("spaces of dimension %d, dependent and zero starts", async (size) => {
  const values = [3, 3, 1].slice(0, size);
  const operator = operatorOf(symmetric(values, 1), size);
  const same = Float64Array.from({ length: size }, () => 1e-200);
  const { largest, converged } = await blockLanczos({
    operator,
    ...{ start: [same, same, new Float64Array(size)], largest: 5, smallest: 5 },
    ...{ tolerance: 1e-10, maxProducts: 50, normal: normal(3) },
  });
  expect(converged).toBe(true);
  expect(largest.map(({ value }) => value)).toEqual(values.map((value) => expect.closeTo(value, 12)));
});

test("within a budget it returns what it has, and says so; what is not finite is refused", async () => {
  const operator = operatorOf(symmetric(multiple, 3));
  const search = { start: [], largest: 2, smallest: 0, tolerance: 1e-12, maxProducts: 6, normal: normal(4) };
  const { products, converged, largest } = await blockLanczos({ operator, ...search });
  expect(products).toBeLessThanOrEqual(6);
  expect(converged).toBe(false);
  expect(largest[0]!.value).toBeLessThan(5);
  const broken = { size: 4, apply: async (_: Float64Array, out: Float64Array) => out.fill(Number.NaN)[0]! };
  await expect(blockLanczos({ operator: broken, ...search })).rejects.toThrow(/not finite/);
});
