/**
 * Cubic Hermite polynomial of one component over a step, and where it leaves an interval: the cheap forecast that finds a
 * component going out and back inside a step, and that starts the root finder close to its root.
 */

/** A cubic on [0, 1] by its values and derivatives (with respect to x) at both ends. */
export interface Cubic {
  readonly z0: number;
  readonly z1: number;
  readonly d0: number;
  readonly d1: number;
}

/** Where the cubic first leaves an interval and where it is farthest out, as fractions of the step. */
export interface Excursion {
  readonly crossing: number;
  readonly peak: number;
}

function value({ z0, z1, d0, d1 }: Cubic, x: number): number {
  const w = 1 - x;
  return z0 + x * (z1 - z0 + w * (d0 * w - d1 * x + (z1 - z0) * (x - w)));
}

/** Whether the cubic can leave [low, high] at all: it lies in the hull of its four Bézier points. */
export function mayLeave(z0: number, z1: number, d0: number, d1: number, low: number, high: number): boolean {
  const b1 = z0 + d0 / 3;
  const b2 = z1 - d1 / 3;
  return z1 > high || z1 < low || b1 > high || b1 < low || b2 > high || b2 < low || z0 > high || z0 < low;
}

/** The first excursion of the cubic out of [low, high] on (0, 1], or null; it starts inside or at the border. */
export function firstExcursion(cubic: Cubic, low: number, high: number): Excursion | null {
  const { z0, z1, d0, d1 } = cubic;
  // p'(x) = a x² + b x + d0.
  const a = 6 * (z0 - z1) + 3 * (d0 + d1);
  const b = 6 * (z1 - z0) - 4 * d0 - 2 * d1;
  const turns = quadraticRoots(a, b, d0).filter((x) => x > 0 && x < 1);
  let before = 0;
  for (const x of [...turns, 1]) {
    const z = value(cubic, x);
    if (z > high || z < low) {
      const level = z > high ? high : low;
      return { crossing: bisect(cubic, level, before, x), peak: x };
    }
    before = x;
  }
  return null;
}

/** Real roots of a x² + b x + c in increasing order, without cancellation. */
function quadraticRoots(a: number, b: number, c: number): number[] {
  const discriminant = b * b - 4 * a * c;
  if (!(discriminant >= 0)) return [];
  const q = -(b + (b < 0 ? -1 : 1) * Math.sqrt(discriminant)) / 2;
  return [q / a, c / q].filter(Number.isFinite).sort((x, y) => x - y);
}

/** When z + d·s + q·s² first leaves [low, high], in which it begins; ∞ if it does not. */
export function exitTime(z: number, d: number, q: number, low: number, high: number): number {
  if (q !== 0) return Math.min(firstRoot(q, d, z - low), firstRoot(q, d, z - high));
  // Nearly all that is ever asked: of every entry, several times a step.
  const after = ((d > 0 ? high : low) - z) / d;
  return after > 0 ? after : Infinity;
}

function firstRoot(a: number, b: number, c: number): number {
  return Number.isFinite(c) ? (quadraticRoots(a, b, c).find((s) => s > 0) ?? Infinity) : Infinity;
}

/** Bisections suffice: a forecast need not be better than the cubic is. 30 halvings are 1e-9 of the step. */
const BISECTIONS = 30;

/** The root of p = level in a monotone piece. */
function bisect(cubic: Cubic, level: number, from: number, to: number): number {
  const rising = value(cubic, to) > level;
  let [low, high] = [from, to];
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (value(cubic, middle) > level === rising) high = middle;
    else low = middle;
  }
  return (low + high) / 2;
}
