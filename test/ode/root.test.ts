import { describe, expect, test } from "vitest";
import { firstExcursion, mayLeave } from "../../src/ode/hermite-excursion.js";
import { nextTrial } from "../../src/ode/root.js";

/** The scalar loop around `nextTrial`: the root, and how many evaluations it took. */
function solve(f: (x: number) => number, a: number, b: number, tolerance: number) {
  type Point = [number, number];
  let newest: Point = [b, f(b)];
  let other: Point = [a, f(a)];
  let third: Point | null = null;
  let evaluations = 2;
  while (Math.abs(newest[0] - other[0]) > tolerance && evaluations < 200) {
    const x = nextTrial(newest, other, third, tolerance / 2);
    const point: Point = [x, f(x)];
    evaluations++;
    if (Math.sign(point[1]) === Math.sign(newest[1])) third = newest;
    else {
      third = other;
      other = newest;
    }
    newest = point;
  }
  return { root: newest[0], evaluations };
}

describe("nextTrial", () => {
  test.each<[string, (x: number) => number, number, number, number, number]>([
    ["a line", (x) => 3 * x - 1, 0, 1, 1 / 3, 6],
    ["exp", (x) => Math.exp(x) - 2, 0, 2, Math.LN2, 12],
    ["cosine", (x) => Math.cos(x) - x, 0, 1, 0.7390851332151607, 10],
    ["a flat root", (x) => (x - 0.3) ** 3, 0, 1, 0.3, 60],
    ["a jump", (x) => (x < 0.7 ? -1 : 1), 0, 1, 0.7, 50],
    ["far from linear", (x) => x ** 9 - 1e-3, 0, 2, 1e-3 ** (1 / 9), 20],
  ])("%s", (_name, f, a, b, root, most) => {
    const found = solve(f, a, b, 1e-12);
    // The bracket closes to 1e-12; a flat root is a root to 1e-4 of its cube root in floating point, but exact here.
    expect(Math.abs(found.root - root)).toBeLessThan(2e-12);
    expect(found.evaluations).toBeLessThanOrEqual(most);
  });
});

describe("firstExcursion", () => {
  /** The Hermite data of p(x) on [0, 1]. */
  const cubicOf = (p: (x: number) => number, d: (x: number) => number) => ({
    z0: p(0),
    z1: p(1),
    d0: d(0),
    d1: d(1),
  });
  const parabola = cubicOf(
    (x) => 4 * x * (1 - x) - 0.75,
    (x) => 4 - 8 * x,
  );

  test("out and back: crosses where the parabola does", () => {
    expect(mayLeave(parabola.z0, parabola.z1, parabola.d0, parabola.d1, -1, 0)).toBe(true);
    const excursion = firstExcursion(parabola, -1, 0)!;
    // 4x(1−x) = 3/4 at x = 1/4, found by 30 bisections of half the step.
    expect(excursion.crossing).toBeCloseTo(0.25, 9);
    expect(excursion.peak).toBeCloseTo(0.5, 12);
  });

  test("inside: null", () => {
    expect(firstExcursion(parabola, -1, 0.26)).toBeNull();
    expect(mayLeave(0, 0.1, 0.1, 0.1, -1, 1)).toBe(false);
  });

  test("crosses for good, downwards", () => {
    const cubic = cubicOf(
      (x) => 1 - 8 * x ** 3,
      (x) => -24 * x ** 2,
    );
    expect(firstExcursion(cubic, 0, 2)!.crossing).toBeCloseTo(0.5, 9);
    expect(firstExcursion(cubic, 0, 2)!.peak).toBe(1);
  });

  test("three turns in one step: the first counts", () => {
    const p = (x: number) => 20 * (x - 0.1) * (x - 0.4) * (x - 0.8);
    const d = (x: number) => 20 * ((x - 0.4) * (x - 0.8) + (x - 0.1) * (x - 0.8) + (x - 0.1) * (x - 0.4));
    expect(firstExcursion(cubicOf(p, d), -Infinity, 0)!.crossing).toBeCloseTo(0.1, 9);
  });
});
