import { describe, expect, test } from "vitest";
import { collectResolved, fitDecay, type Observation } from "../../src/flow/index.js";
import { makeCase } from "../support/networks.js";
import { logTimes, observeFlow, problemOf } from "./runs.js";

const FACTOR = 0.05;

/** What an observer would record of ‖r‖² = residual(t), with the λ_eff that belongs to `rate`. */
function observe(
  times: readonly number[],
  squared: (t: number) => number,
  rate: (t: number) => number,
): Observation[] {
  return times.map((t) => ({
    t,
    canonicalTime: 2 * FACTOR * t,
    loss: FACTOR * squared(t),
    residualNorm: Math.sqrt(squared(t)),
    gradientNorm: 0,
    lambdaEff: rate(t) / (4 * FACTOR),
    energyDefect: null,
    stepSize: null,
    gradientEvaluations: 0,
    acceptedSteps: 0,
    parameterDistance: 0,
    sharpness: null,
    sharpnessTime: null,
  }));
}

test("R² is never above 1, where the loss falls by its rounding alone too", () => {
  // A plateau that falls by an ulp a row, as a thin network's at a saddle does; the moments alone give 1.027.
  const rows = Array.from({ length: 51 }, (_, k) => ({
    t: 10 + k / 5,
    loss: 33.55580583484357 + 2 ** -47 * (50 - k),
    lambdaEff: 0,
  }));
  expect(fitDecay(rows, FACTOR, [10, 20])!.rSquared).toBe(1);
});

describe("an exact exponential", () => {
  test.each([
    ["equally spaced", Array.from({ length: 21 }, (_, i) => i / 2)],
    ["logarithmically spaced", [0, ...logTimes(0.001, 10, 40)]],
    ["three times", [1, 4, 9]],
  ])("gives its rate and R² = 1, %s", (_, times) => {
    const rate = 0.7;
    const fit = fitDecay(
      observe(
        times,
        (t) => 12 * Math.exp(-rate * t),
        () => rate,
      ),
      FACTOR,
      [0, 10],
    )!;
    expect(Math.abs(fit.rate - rate)).toBeLessThan(1e-13);
    expect(Math.abs(fit.rSquared - 1)).toBeLessThan(1e-13);
    expect(Math.abs(fit.meanRateFromLambdaEff - rate)).toBeLessThan(1e-13);
    expect(fit.window).toEqual([times[0], times[times.length - 1]]);
  });

  test("over 300 powers of ten", () => {
    const times = Array.from({ length: 50 }, (_, i) => i);
    const fit = fitDecay(
      observe(
        times,
        (t) => Math.exp(-14 * t),
        () => 14,
      ),
      FACTOR,
      [0, 50],
    )!;
    expect(Math.abs(fit.rate - 14)).toBeLessThan(1e-11);
  });
});

test("only the window counts", () => {
  const squared = (t: number) => (t < 5 ? Math.exp(-3 * t) : Math.exp(-15 - 0.5 * (t - 5)));
  const rows = observe(
    Array.from({ length: 41 }, (_, i) => i / 4),
    squared,
    (t) => (t < 5 ? 3 : 0.5),
  );
  expect(fitDecay(rows, FACTOR, [5, 10])!.rate).toBeCloseTo(0.5, 12);
  expect(fitDecay(rows, FACTOR, [0, 4.9])!.rate).toBeCloseTo(3, 12);
  const whole = fitDecay(rows, FACTOR, [0, 10])!;
  expect(whole.rSquared).toBeLessThan(0.95);
});

test("crowded early times do not outweigh the rest: a trapezoid, not a count", () => {
  // ln‖r‖² is a parabola, whose regression slope over [0, 10] is minus its mean slope, 10, however it is sampled.
  const fitAt = (times: readonly number[]) =>
    fitDecay(
      observe(
        times,
        (t) => Math.exp(-(t ** 2)),
        (t) => 2 * t,
      ),
      FACTOR,
      [0, 10],
    )!;
  const even = fitAt(Array.from({ length: 1001 }, (_, i) => i / 100));
  const crowded = fitAt([0, ...logTimes(1e-4, 10, 4000)]);
  for (const { rate, meanRateFromLambdaEff } of [even, crowded]) {
    expect(Math.abs(rate - 10)).toBeLessThan(1e-3);
    expect(Math.abs(meanRateFromLambdaEff - 10)).toBeLessThan(1e-3);
  }
});

test("too few usable times give no fit", () => {
  const rows = observe(
    [0, 1, 2, 3],
    (t) => Math.exp(-t),
    () => 1,
  );
  expect(fitDecay(rows, FACTOR, [0.5, 2.5])).toBeNull();
  expect(fitDecay([], FACTOR, [0, 1])).toBeNull();
  const vanished = observe(
    [0, 1, 2, 3],
    (t) => (t > 1 ? 0 : 1),
    () => 1,
  );
  expect(fitDecay(vanished, FACTOR, [0, 3])).toBeNull();
});

test("on a real flow the fitted rate is near the mean of 4cλ_eff", async () => {
  const c = makeCase({ activation: { kind: "tanh" }, seed: 3 });
  const { observations } = await observeFlow({
    problem: await problemOf(c),
    theta0: c.theta,
    method: "dopri5",
    rtol: 1e-8,
    tEnd: 20,
    times: logTimes(0.002, 20, 300),
  });
  const fit = fitDecay(observations, c.family.factor!, [15, 20])!;
  // Over a window in which the rate itself hardly changes.
  expect(fit.rSquared).toBeGreaterThan(0.99);
  expect(Math.abs(fit.rate / fit.meanRateFromLambdaEff - 1)).toBeLessThan(0.02);
});

test("rows below what a step's error makes of ‖r‖ are not resolved, on any scale", () => {
  // ‖r‖² = e^{−t} down to a floor of 1e-8; λ_eff falls from 9 to ¼, so ‖J‖ = 3 and steps that err by 1e-4/3 make ‖r‖ = 1e-4.
  const times = Array.from({ length: 41 }, (_, k) => k);
  for (const scale of [1e-9, 1, 1e9]) {
    const { add, result } = collectResolved(FACTOR, (1e-4 / 3) * scale, () => 0);
    for (const t of times) {
      const squared = Math.max(Math.exp(-t), 3e-10 * (1 + (t % 2))) * scale ** 2;
      add({ t, loss: FACTOR * squared, lambdaEff: t === 0 ? 9 : 0.25 });
    }
    // e^{−18} = 1.5e-8, e^{−19} = 5.6e-9.
    expect(result()).toBe(18);
  }
  const { add, result } = collectResolved(FACTOR, 0, (loss) => Math.max(loss / 2, 1e-12));
  for (const t of times) add({ t, loss: Math.exp(-t), lambdaEff: 1 });
  // Rounding by itself: e^{−27} = 1.9e-12, e^{−28} = 6.9e-13.
  expect(result()).toBe(27);
});

describe("the law of the decay, by closed forms", () => {
  const even = Array.from({ length: 201 }, (_, i) => i / 200);
  const log = [0, ...logTimes(1e-4, 1, 400)];
  const FORMS: [string, (s: number) => number, string, [number, number]?][] = [
    ["e^−5s, a fall by 12 over half the time", (s) => Math.exp(-5 * s), "exponential"],
    ["e^−200s", (s) => Math.exp(-200 * s), "exponential"],
    ["e^−0.05s, a fall by 2.5 %", (s) => Math.exp(-0.05 * s), "exponential"],
    ["a slow mode that has taken over", (s) => Math.exp(-40 * s) + 0.1 * Math.exp(-4 * s), "exponential"],
    [
      "a slow mode that takes over in the window",
      (s) => Math.exp(-20 * s) + 1e-6 * Math.exp(-2 * s),
      "varying",
    ],
    ["two modes with a large fall", (s) => Math.exp(-60 * s) + 1e-10 * Math.exp(-30 * s), "varying"],
    ["1/t", (s) => 1 / (1 + 1e4 * s), "varying"],
    ["1/t²", (s) => (1 + 1e4 * s) ** -2, "varying"],
    ["1/t⁴", (s) => (1 + 1e4 * s) ** -4, "varying"],
    ["1/t over a tenth of the time: no fall to tell it by", (s) => 1 / (1 + 1e4 * s), "untold", [0.9, 1]],
    ["a plateau, approached", (s) => 1 + Math.exp(-10 * s), "varying"],
    ["a rate that rises and falls again", (s) => Math.exp(-Math.tanh(20 * (s - 0.75))), "varying"],
    ["no fall at all", () => 1, "varying"],
    ["a rise", (s) => Math.exp(s), "varying"],
  ];
  const SCALES = [1e-9, 1, 1e9];
  test.each(FORMS)("%s", (_, form, law, window = [0.5, 1]) => {
    for (const scale of SCALES)
      for (const size of SCALES)
        for (const times of [even, log]) {
          const rows = observe(
            times.map((s) => s * scale),
            (t) => size * form(t / scale),
            () => 0,
          );
          const fit = fitDecay(rows, FACTOR, [window[0] * scale, window[1] * scale])!;
          expect([scale, size, fit.law]).toEqual([scale, size, law]);
        }
  });

  test("R² of an exact 1/t² looks like that of an exponential", () => {
    const rows = observe(
      even,
      (s) => (1 + 1e4 * s) ** -2,
      () => 0,
    );
    const fit = fitDecay(rows, FACTOR, [0.5, 1])!;
    expect(fit.rSquared).toBeCloseTo(0.992, 3);
    // ∫ 2/t over each third of [1/2, 1], by its length; 1 in 1 + 10⁴s and a border beside its row shift them by 1 %.
    const exact = [4 / 3, 5 / 4, 6 / 5].map((ratio) => 12 * Math.log(ratio));
    for (const [k, rate] of fit.rates.entries()) expect(rate / exact[k]!).toBeCloseTo(1, 1);
    expect(fit.logFall / Math.log(4)).toBeCloseTo(1, 3);
  });

  test("too few rows for three thirds leave it untold", () => {
    const rows = observe(
      [0, 0.4, 1],
      (s) => Math.exp(-5 * s),
      () => 5,
    );
    expect(fitDecay(rows, FACTOR, [0, 1])!.law).toBe("untold");
  });
});
