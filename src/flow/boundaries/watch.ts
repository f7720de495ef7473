/**
 * Finds out whether a step left its pattern: entries that crossed a breakpoint, also out and back within the step, and
 * sliding entries whose weight left [0, 1]. Works on the ends of an accepted step and a cubic between them.
 */
import type { Kinks } from "./kinks.js";
import type { Pattern } from "./locked-field.js";

/** z and ż of all entries at one end of a step. */
export interface End {
  readonly t: number;
  readonly z: Float64Array;
  readonly zDot: Float64Array;
}

/** How far z lies outside the piece it is locked to; negative inside. */
export function excess(kinks: Kinks, pattern: Pattern, z: Float64Array, entry: number): number {
  const { breakpoints } = kinks.table;
  const piece = pattern.pieces[entry] as number;
  const below =
    piece > 0 ? (breakpoints[piece - 1] as number) - (z[entry] as number) : Number.NEGATIVE_INFINITY;
  const above =
    piece < breakpoints.length
      ? (z[entry] as number) - (breakpoints[piece] as number)
      : Number.NEGATIVE_INFINITY;
  return Math.max(below, above);
}

export interface Suspect {
  readonly entry: number;
  /** When it leaves its piece by the cubic through both ends, and a time when it is outside. */
  readonly time: number;
  readonly outside: number;
}

/**
 * Entries that leave their piece in (t0, t1], by the ends and by the cubic Hermite interpolant between them.
 * @param slack excess that counts as still inside, per entry: an entry that starts on its breakpoint must not fire at once
 */
export function suspects(
  kinks: Kinks,
  pattern: Pattern,
  start: End,
  end: End,
  slack: Float64Array,
): Suspect[] {
  const h = end.t - start.t;
  const sliding = new Set(pattern.sliding.map(({ entry }) => entry));
  const found: Suspect[] = [];
  const probe = new Float64Array(1);
  for (let e = 0; e < kinks.entries; e++) {
    if (sliding.has(e)) continue;
    const limit = slack[e] as number;
    const z0 = start.z[e] as number;
    const z1 = end.z[e] as number;
    const d0 = h * (start.zDot[e] as number);
    const d1 = h * (end.zDot[e] as number);
    const cubic = (s: number): number =>
      z0 + s * (d0 + s * (3 * (z1 - z0) - 2 * d0 - d1 + s * (2 * (z0 - z1) + d0 + d1)));
    const outside = (s: number): boolean => {
      probe[0] = cubic(s);
      return excess(kinks, { pieces: pattern.pieces.subarray(e, e + 1), sliding: [] }, probe, 0) > limit;
    };
    let last: number | null = null;
    if (excess(kinks, pattern, end.z, e) > limit) last = 1;
    for (const s of extrema(z1 - z0, d0, d1)) if ((last === null || s < last) && outside(s)) last = s;
    if (last === null) continue;
    let inside = 0;
    let beyond = last;
    for (let k = 0; k < 50 && beyond - inside > 1e-15; k++) {
      const middle = (inside + beyond) / 2;
      if (outside(middle)) beyond = middle;
      else inside = middle;
    }
    found.push({ entry: e, time: start.t + beyond * h, outside: start.t + last * h });
  }
  return found.sort((p, q) => p.time - q.time);
}

/** Interior extrema of the cubic with the given rise and end slopes on [0, 1]. */
function extrema(rise: number, d0: number, d1: number): number[] {
  const a = 3 * (d0 + d1 - 2 * rise);
  const b = 2 * (3 * rise - 2 * d0 - d1);
  const c = d0;
  if (a === 0) return b === 0 ? [] : [-c / b].filter((s) => s > 0 && s < 1);
  const discriminant = b * b - 4 * a * c;
  if (discriminant <= 0) return [];
  const root = -0.5 * (b + Math.sign(b || 1) * Math.sqrt(discriminant));
  return [root / a, c / root].filter((s) => s > 0 && s < 1);
}

/**
 * The right end of a bracket around a sign change of g, g(a) ≤ 0 < g(b), by the Illinois method with bisection when it
 * stalls (Dahlquist & Björck 1974). Ends once g(right) ≤ `small` or the bracket is down to rounding.
 */
export async function locate(
  g: (t: number) => Promise<number>,
  a: number,
  ga: number,
  b: number,
  gb: number,
  small: number,
): Promise<number> {
  let [left, gLeft, right, gRight] = [a, ga, b, gb];
  let repeated = 0;
  for (let k = 0; k < 100; k++) {
    if (gRight <= small || right - left <= 4 * Number.EPSILON * Math.max(Math.abs(right), Math.abs(left)))
      break;
    const width = right - left;
    let t = k % 8 === 7 ? left + width / 2 : right - (gRight * width) / (gRight - gLeft);
    if (!(t > left && t < right)) t = left + width / 2;
    const value = await g(t);
    if (value > 0) {
      right = t;
      gRight = value;
      if (repeated === 1) gLeft /= 2;
      repeated = 1;
    } else {
      left = t;
      gLeft = value;
      if (repeated === -1) gRight /= 2;
      repeated = -1;
      if (value === 0) gLeft = -small / 2;
    }
  }
  return right;
}
