/** The slope of a power law and its interval against SciPy. */
import { expect, test } from "vitest";
import { fitPower, meanInterval } from "../../src/figure/power-fit.js";

const pairs = [
  [1, 3],
  [2, 2.2],
  [4, 1.4],
  [8, 1.1],
  [8, 0.9],
] as const;

// scipy.stats.linregress of the logarithms, and t.ppf(0.975, 3)
const SLOPE = -0.5416543291908998;
const INTERVAL = [-0.6977393476093896, -0.3855693107724101];

test.each([1, 1e-9, 1e9])("is SciPy's, x and y at scale %g", (scale) => {
  const fit = fitPower(pairs.map(([x, y]) => [x * scale, y / scale]))!;
  // Rounding of ln 1e9 ≈ 21 in sums of five.
  expect(fit.slope).toBeCloseTo(SLOPE, 13);
  // The table of quantiles has six digits.
  expect(fit.interval![0]).toBeCloseTo(INTERVAL[0]!, 5);
  expect(fit.interval![1]).toBeCloseTo(INTERVAL[1]!, 5);
  expect((fit.factor * scale ** fit.slope * scale) / 3.060264707586751).toBeCloseTo(1, 12);
});

test("of many points the interval is that of Student's t", () => {
  // Residuals ±δ in turn, uncorrelated with x: s² = nδ²/(n − 2), and t.ppf(0.975, 10) = 2.2281388520.
  const delta = 0.01;
  const xs = [-5, -5, -3, -3, -1, -1, 1, 1, 3, 3, 5, 5];
  const fit = fitPower(xs.map((x, k) => [Math.exp(x), Math.exp(2 * x + delta * (-1) ** k)]))!;
  const width = 2.228138852 * Math.sqrt((12 * delta ** 2) / 10 / 140);
  expect(fit.slope).toBeCloseTo(2, 12);
  // The expansion of the quantile errs by less than 1e-3.
  expect((fit.interval![1] - fit.slope) / width).toBeCloseTo(1, 3);
});

test("two points have no interval, one x and what has no logarithm no fit", () => {
  expect(
    fitPower([
      [1, 1],
      [10, 100],
    ]),
  ).toMatchObject({ slope: expect.closeTo(2, 14), interval: null });
  expect(
    fitPower([
      [3e9, 1],
      [3e9, 2],
      [3e9, 5],
    ]),
  ).toBeNull();
  expect(
    fitPower([
      [0, 1],
      [1, 0],
      [2, Number.POSITIVE_INFINITY],
      [4, 1],
    ]),
  ).toBeNull();
});

test("the mean of few values has Student's interval", () => {
  // t.ppf(0.975, 2) = 4.30265273: mean 2, standard deviation 1.
  const { mean, interval } = meanInterval([1, 2, 3]);
  expect(mean).toBeCloseTo(2, 14);
  // The table of quantiles has five digits.
  expect((interval![1] - 2) * Math.sqrt(3)).toBeCloseTo(4.3027, 4);
  expect(2 - interval![0]).toBeCloseTo(interval![1] - 2, 14);
  expect(meanInterval([5])).toEqual({ mean: 5, interval: null });
});
