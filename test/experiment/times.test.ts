import { expect, test } from "vitest";
import { recordTimes } from "../../src/experiment/times.js";

const isIncreasing = (times: readonly number[]) =>
  times.every((t, i) => t > (times[i - 1] ?? 0) && Number.isFinite(t));

test("logarithmic and linear times of ordinary spans are the ones asked for", () => {
  const log = recordTimes({ at: "log", points: 5, from: 1e-3 }, 10)!;
  log.forEach((t, i) => {
    // Rounding of a logarithm and an exponential.
    expect(Math.abs(t / 10 ** (i - 3) - 1)).toBeLessThan(1e-14);
  });
  expect(recordTimes({ at: "linear", points: 4 }, 2)).toEqual([0.5, 1, 1.5, 2]);
  expect(recordTimes({ at: "log", points: 1 }, 2)).toEqual([2]);
  expect(recordTimes({ at: "steps" }, 2)).toBeNull();
});

test.each([
  ["from at the end but for one rounding", { at: "log", points: 200, from: 0.3 - 2 ** -54 }, 0.3, 1],
  ["from a few roundings before it", { at: "log", points: 200, from: 0.3 - 2 ** -50 }, 0.3, 2],
  ["from a denormal number", { at: "log", points: 200, from: 1e-320 }, 0.3, 200],
  ["the same to a far end", { at: "log", points: 200, from: 1e-320 }, 1e15, 200],
  ["an end whose ten-thousandth is nothing", { at: "log", points: 20 }, 1e-323, 1],
  ["more times than there are numbers", { at: "linear", points: 50 }, 2e-323, 2],
] as const)("%s: no time twice, the end always", (_, times, tEnd, least) => {
  const found = recordTimes(times, tEnd)!;
  expect(isIncreasing(found)).toBe(true);
  expect(found.at(-1)).toBe(tEnd);
  expect(found.length).toBeGreaterThanOrEqual(least);
  expect(found.length).toBeLessThanOrEqual(times.points);
});
