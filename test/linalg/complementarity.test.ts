/** 0 ⪯ X ⟂ A + B[X] ⪰ 0: the closed form of k = 1, solutions that are built in, and the conditions themselves at random, at all scales. */
import { describe, expect, test } from "vitest";
import {
  gramOperator,
  pack,
  packedSize,
  solveComplementarity,
  unpack,
} from "../../src/linalg/complementarity.js";
import { symmetricEigen } from "../../src/linalg/eigen.js";
import { length } from "../../src/linalg/norm.js";
import { dot } from "../../src/linalg/vectors.js";
import { createRandom, type Random } from "../../src/random.js";

const draw = (random: Random, count: number) => Float64Array.from({ length: count }, () => random.normal());

function symmetric(random: Random, k: number): Float64Array {
  return unpack(draw(random, packedSize(k)), k);
}

const applied = (b: Float64Array, x: Float64Array, k: number): Float64Array => {
  const p = packedSize(k);
  const packed = pack(x, k);
  return unpack(
    packed.map((_, i) => dot(b, packed, i * p, 0, p)),
    k,
  );
};

test.each([
  [-3, 2, 1.5],
  [3, 2, 0],
  [0, 2, 0],
  [-3e-9, 2e9, 1.5e-18],
  [-3e9, 2e-9, 1.5e18],
])("k = 1: A = %d, B = %d gives X = max(0, −A/B) = %d", (a, b, x) => {
  const found = solveComplementarity(Float64Array.of(a), Float64Array.of(b), 1);
  expect(found.converged).toBe(true);
  // A division and its rounding.
  expect(Math.abs(found.x[0]! - x)).toBeLessThanOrEqual(1e-14 * x);
  expect(found.iterations).toBeLessThanOrEqual(2);
});

test("⟨D_ij, D_kl⟩ acts on X as the sum over all pairs", () => {
  const random = createRandom(7);
  const k = 3;
  const d = Array.from({ length: packedSize(k) }, () => draw(random, 9));
  const x = symmetric(random, k);
  const at = (i: number, j: number) => {
    const [p, q] = [Math.min(i, j), Math.max(i, j)];
    return d[p * k - (p * (p - 1)) / 2 + q - p]!;
  };
  const result = applied(gramOperator(d, k), x, k);
  for (let i = 0; i < k; i++)
    for (let j = 0; j < k; j++) {
      let sum = 0;
      for (let m = 0; m < k; m++) for (let l = 0; l < k; l++) sum += dot(at(i, j), at(m, l)) * x[m * k + l]!;
      expect(result[i * k + j]!).toBeCloseTo(sum, 11);
    }
});

const scales = [
  [1, 1],
  [1e-9, 1e9],
  [1e9, 1e-9],
  [1e-9, 1e-9],
] as const;

describe.each([1, 2, 3, 5, 10])("k = %d", (k) => {
  const random = createRandom(k).split("complementarity");
  /** D_ij in some hundred dimensions, as derivatives of a network's Hessian are. */
  const d = Array.from({ length: packedSize(k) }, () => draw(random, 100));
  const a = symmetric(random, k);
  /** Commuting X and S with ranks that add up to k. */
  const { vectors } = symmetricEigen(symmetric(random, k), k);
  const rank = Math.ceil(k / 2);
  const spectral = (from: number, to: number) => {
    const out = new Float64Array(k * k);
    for (let e = from; e < to; e++)
      for (let i = 0; i < k; i++)
        for (let j = 0; j < k; j++) out[i * k + j]! += (1 + e) * vectors[e * k + i]! * vectors[e * k + j]!;
    return out;
  };

  test.each(scales)("the conditions hold, relative to the scales %g of A and %g of B", (ofA, ofB) => {
    const scaledA = a.map((value) => value * ofA);
    const b = gramOperator(d, k).map((value) => value * ofB);
    const { x, slack, converged, iterations } = solveComplementarity(scaledA, b, k);
    expect(converged).toBe(true);
    expect(iterations).toBeLessThan(200);
    const size = { a: length(scaledA), x: length(x) };
    const expected = applied(b, x, k);
    slack.forEach((value, i) => {
      expect(Math.abs(value - scaledA[i]! - expected[i]!)).toBeLessThan(1e-13 * size.a);
    });
    // The residual asked for, 1e-11, and what a condition of B of some tens makes of it.
    expect(symmetricEigen(x, k).values[0]!).toBeGreaterThanOrEqual(-1e-14 * size.x);
    expect(symmetricEigen(slack, k).values[0]!).toBeGreaterThanOrEqual(-1e-9 * size.a);
    expect(Math.abs(dot(x, slack))).toBeLessThanOrEqual(1e-9 * size.x * size.a);
  });

  test.each(scales)("a solution that was built in is found, scales %g and %g", (ofA, ofB) => {
    const unit = ofA / ofB;
    const x = spectral(0, rank).map((value) => value * unit);
    const slack = spectral(rank, k).map((value) => value * ofA);
    const b = gramOperator(d, k).map((value) => value * ofB);
    const made = slack.map((value, i) => value - applied(b, x, k)[i]!);
    const found = solveComplementarity(made, b, k);
    const off = length(found.x.map((value, i) => value - x[i]!));
    expect(off).toBeLessThan(1e-8 * length(x));
    // From there it stays there.
    const again = solveComplementarity(made, b, k, found.x);
    expect(again.iterations).toBeLessThanOrEqual(3);
  });
});

test("where B is zero along a direction in which A is negative there is no solution, and it says so", () => {
  // B sees only X₁₁; A wants X₂₂ to grow.
  const b = new Float64Array(9);
  b[0] = 1;
  const found = solveComplementarity(Float64Array.of(1, 0, 0, -1), b, 2);
  expect(found.converged).toBe(false);
  expect(solveComplementarity(Float64Array.of(-1), Float64Array.of(0), 1).converged).toBe(false);
});
