/** The points of a line between those that it has. */
import type { Point } from "./curves.js";

export interface Interpolated {
  readonly points: readonly Point[];
  /** A descent that diverged: infinite from its last point on. */
  readonly diverged?: boolean;
}

/** The point at t between two others, on a log scale where asked; none outside of them, but infinity after divergence. */
export function interpolate({ points, diverged }: Interpolated, t: number, log: boolean): Point[] {
  const after = firstFrom(points, t);
  if (after === points.length) return diverged ? [{ t, value: Number.POSITIVE_INFINITY }] : [];
  const right = points[after]!;
  if (right.t === t) return [right];
  const left = points[after - 1];
  if (left === undefined) return [];
  const share = (t - left.t) / (right.t - left.t);
  const [a, b] = [left.value, right.value];
  const joined = [left, right].every(
    ({ value, atMost }) => Number.isFinite(value) && (value > 0 || !log) && !atMost,
  );
  // Nothing lies between a number and one that the scale does not have: the nearer counts.
  if (!joined) return [share < 0.5 ? left : right];
  return [{ t, value: log ? a * (b / a) ** share : a + share * (b - a) }];
}

/** Index of the first point at t or later, by bisection: a sweep may have thousands of lines. */
function firstFrom(points: readonly Point[], t: number): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]!.t >= t) high = middle;
    else low = middle + 1;
  }
  return low;
}
