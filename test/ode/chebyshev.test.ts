import { describe, expect, test } from "vitest";
import {
  type ChebyshevCoefficients,
  rkc2Coefficients,
  rkc2Reach,
  rkc2Stages,
  tsrkc3Coefficients,
  tsrkc3Reach,
  tsrkc3Stages,
} from "../../src/ode/chebyshev.js";

const STAGES = [3, 4, 7, 20, 100, 500];
const RATIOS = [0.5, 1, 2, 10];

/** Y_s on y' = λy at z = hλ from y = 1, through the recurrence that the stepper uses; `kick` is added at stage `at`. */
function lastStage(c: ChebyshevCoefficients, z: number, kick = 0, at = -1): number {
  let before = 1;
  let now = 1 + c.muTilde[1]! * z + (at === 1 ? kick : 0);
  for (let j = 2; j <= c.stages; j++) {
    const next =
      1 - c.mu[j]! - c.nu[j]! + c.mu[j]! * now + c.nu[j]! * before + c.muTilde[j]! * z * (now - c.a[j - 1]!);
    before = now;
    now = next + (at === j ? kick : 0);
  }
  return now;
}

/** One step of y' = λy from the exact past. */
const step = (c: ChebyshevCoefficients, z: number, q: number) =>
  1 - c.share - c.history + c.share * lastStage(c, z) + c.history * Math.exp(-q * z);

/** Largest root of the method's characteristic polynomial ζ² − (1 − B − g + B·R(z))ζ − g. */
function amplification(c: ChebyshevCoefficients, z: number): number {
  const p = 1 - c.share - c.history + c.share * lastStage(c, z);
  const discriminant = p ** 2 / 4 + c.history;
  return discriminant < 0 ? Math.sqrt(-c.history) : Math.abs(p) / 2 + Math.sqrt(discriminant);
}

/** Relative to z^{p+1}: the error of a step must shrink with that power; halving z multiplies it by 2^{−(p+1)} up to the next term. */
function observedPower(error: (z: number) => number): number {
  return Math.log2(Math.abs(error(-0.08) / error(-0.04)));
}

describe.each(STAGES)("s = %i", (s) => {
  test("rkc2: second order, and its last stage ends the step", () => {
    const c = rkc2Coefficients(s);
    // The error is C z³(1 + O(z)) with |z| ≤ 0.08.
    expect(observedPower((z) => step(c, z, 1) - Math.exp(z))).toBeCloseTo(3, 0);
    expect(Math.abs(observedPower((z) => step(c, z, 1) - Math.exp(z)) - 3)).toBeLessThan(0.1);
    // Rounding of s² terms of the recurrence.
    expect(Math.abs(c.c[s]! - 1)).toBeLessThan(1e-12 * s);
  });

  test.each(RATIOS)("tsrkc3: third order at the step ratio %d", (q) => {
    const c = tsrkc3Coefficients(s, q);
    expect(Math.abs(observedPower((z) => step(c, z, q) - Math.exp(z)) - 4)).toBeLessThan(0.15);
    // Order conditions of a quadrature: y' = t^k from exact values, k ≤ 1, seen through c_s: g·(−q) + B·c_s = 1.
    expect(Math.abs(-q * c.history + c.share * c.c[s]! - 1)).toBeLessThan(1e-10);
  });

  test("rkc2 is damped on its whole stated interval, and unstable soon after", () => {
    const c = rkc2Coefficients(s);
    const reach = rkc2Reach(s);
    expect(rkc2Stages(reach)).toBe(s);
    let worst = 0;
    for (let i = 20; i <= 4000; i++) worst = Math.max(worst, Math.abs(lastStage(c, (-reach * i) / 4000)));
    expect(worst).toBeLessThan(1);
    // The interval is about 0.653(s² − 1) long; the rule uses all of it but a few per cent (more for few stages).
    expect(Math.abs(lastStage(c, -0.8 * (s ** 2 - 1)))).toBeGreaterThan(1);
  });

  test.each(RATIOS)("tsrkc3 is damped on its whole stated interval, q = %d", (q) => {
    const c = tsrkc3Coefficients(s, q);
    const reach = tsrkc3Reach(s, q);
    expect(tsrkc3Stages(reach, q)).toBe(s);
    let worst = 0;
    for (let i = 20; i <= 4000; i++) worst = Math.max(worst, amplification(c, (-reach * i) / 4000));
    expect(worst).toBeLessThan(1);
    // Beyond any bound, perhaps ∞/∞, but not stable.
    expect(amplification(c, -0.75 * s ** 2) <= 1).toBe(false);
  });

  test("internal stability: an error at any stage grows at most like s²", () => {
    for (const c of [rkc2Coefficients(s), tsrkc3Coefficients(s, 1)]) {
      const reach = c.share === 1 ? rkc2Reach(s) : tsrkc3Reach(s, 1);
      let worst = 0;
      for (let i = 0; i <= 40; i++) {
        const z = (-reach * i) / 40;
        const clean = lastStage(c, z);
        for (let at = 1; at <= s; at += Math.max(1, Math.floor(s / 25)))
          worst = Math.max(worst, Math.abs(lastStage(c, z, 1, at) - clean));
      }
      // Verwer, Hundsdorfer, Sommeijer 1990: each error is amplified by at most about j(1 + …) ≤ 2s, so all by a few s².
      expect(worst).toBeLessThan(3 * s);
    }
  });
});
