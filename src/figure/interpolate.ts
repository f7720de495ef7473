/** The points of a line between those that it has. */
import type { Point } from "./curves.js";

export interface Interpolated {
  readonly points: readonly Point[];
  /** A descent that diverged: infinite from its last point on. */
  readonly diverged?: boolean;
}

/** The point at t between two others, on a log scale where asked; none outside of them, but infinity after divergence. */
export function interpolate(line: Interpolated, t: number, log: boolean): Point | null {
  return pointAt(line, firstFrom(line.points, t), t, log);
}

/** `interpolate` of one line at ascending t: it passes over the line once, where a sweep has thousands of them. */
export function createReader(line: Interpolated, log: boolean): (t: number) => Point | null {
  let after = 0;
  return (t) => {
    while (after < line.points.length && line.points[after]!.t < t) after++;
    return pointAt(line, after, t, log);
  };
}

const isOnScale = ({ value, atMost }: Point, log: boolean) =>
  Number.isFinite(value) && (value > 0 || !log) && !atMost;

/** @param after index of the first point at t or later */
function pointAt({ points, diverged }: Interpolated, after: number, t: number, log: boolean): Point | null {
  const right = points[after];
  if (right === undefined) return diverged ? { t, value: Number.POSITIVE_INFINITY } : null;
  if (right.t === t) return right;
  const left = points[after - 1];
  if (left === undefined) return null;
  const share = (t - left.t) / (right.t - left.t);
  // Nothing lies between a number and one that the scale does not have: the nearer counts.
  if (!isOnScale(left, log) || !isOnScale(right, log)) return share < 0.5 ? left : right;
  const [a, b] = [left.value, right.value];
  return { t, value: log ? a * (b / a) ** share : a + share * (b - a) };
}

/** Index of the first point at t or later, by bisection. */
function firstFrom(points: readonly Point[], t: number): number {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle]!.t >= t) high = middle;
    else low = middle + 1;
  }
  return low;
}
