/** Least squares of ln y = a + s·ln x over the runs of a curve: the slope s with its 95 % interval, for points that scatter independently with one variance. */

export interface PowerFit {
  readonly slope: number;
  /** Ends of the 95 % interval of the slope; null of two points, which leave nothing to tell the scatter by. */
  readonly interval: readonly [low: number, high: number] | null;
  /** y = factor·x^slope */
  readonly factor: number;
  readonly points: number;
}

/** Null with fewer than two different x > 0 that have a y > 0. */
export function fitPower(pairs: readonly (readonly [x: number, y: number])[]): PowerFit | null {
  const logs = pairs
    .filter(([x, y]) => x > 0 && y > 0 && Number.isFinite(x) && Number.isFinite(y))
    .map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const count = logs.length;
  const mean = (k: 0 | 1) => logs.reduce((sum, pair) => sum + pair[k] / count, 0);
  const [u, v] = [mean(0), mean(1)];
  const spread = logs.reduce((sum, [x]) => sum + (x - u) ** 2, 0);
  // Equal x differ by the rounding of their mean.
  if (count < 2 || !(spread > count * (Number.EPSILON * (1 + Math.abs(u))) ** 2)) return null;
  const slope = logs.reduce((sum, [x, y]) => sum + (x - u) * (y - v), 0) / spread;
  const rest = logs.reduce((sum, [x, y]) => sum + (y - v - slope * (x - u)) ** 2, 0);
  const half = count > 2 ? quantile(count - 2) * Math.sqrt(rest / (count - 2) / spread) : null;
  return {
    slope,
    interval: half === null ? null : [slope - half, slope + half],
    factor: Math.exp(v - slope * u),
    points: count,
  };
}

/** The mean of independent values, as slopes of runs are, with its 95 % interval; no interval of a single one. */
export function meanInterval(values: readonly number[]): {
  readonly mean: number;
  readonly interval: readonly [low: number, high: number] | null;
} {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value / count, 0);
  if (count < 2) return { mean, interval: null };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const half = quantile(count - 1) * Math.sqrt(variance / count);
  return { mean, interval: [mean - half, mean + half] };
}

/** Of Student's t at 97.5 %, by degrees of freedom 1 to 8; beyond, its expansion in their reciprocal (Abramowitz and Stegun 26.7.5) errs by less than 1e-3. */
const FEW = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306];

function quantile(degrees: number): number {
  const few = FEW[degrees - 1];
  if (few !== undefined) return few;
  const z = 1.959964;
  return (
    z +
    (z ** 3 + z) / (4 * degrees) +
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * degrees ** 3)
  );
}
