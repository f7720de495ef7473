/** By how much outputs and derivatives of gradflow and of ONNX Runtime differ, in units that say what rounding explains. */
import type { FloatType } from "../onnx/index.js";
import type { Random } from "../random.js";

/** Outputs [n, M], row-major, of parameters [P] and inputs [n, …]. */
export type Evaluate = (theta: Float64Array, x: Float64Array) => Promise<Float64Array>;

/**
 * What rounding may come to, in roundoffs of the outputs or of their sensitivity to rounded parameters and inputs, whichever is larger. Sums of
 * thousands of terms, and the runtime's approximations of exp, erf and tanh in float32, come to about a hundred.
 */
export const ROUNDINGS = 1000;
export const ROUNDOFF: { readonly [K in FloatType]: number } = { float32: 2 ** -24, float64: 2 ** -53 };
/** Of difference quotients: the smaller, the less likely a kink lies within one, and the more of it is rounding. */
const STEPS = [2 ** -9, 2 ** -14, 2 ** -19, 2 ** -24] as const;
/** Relative error of a derivative that is one. */
export const DERIVATIVE = 1e-5;

/**
 * The largest difference of an output, over the largest output or over how far roundoffs of parameters and inputs move one, a roundoff taken
 * for one, whichever is larger. NaN where theirs are not finite; infinite where ours alone are not.
 */
export async function differenceAt(
  ours: Evaluate,
  theirs: Evaluate,
  theta: Float64Array,
  x: Float64Array,
  precision: FloatType,
  random: Random,
): Promise<number> {
  // The very numbers that the runtime gets.
  const given = precision === "float32" ? theta.map(Math.fround) : theta;
  const [mine, other] = [await ours(given, x), await theirs(given, x)];
  const unit = ROUNDOFF.float32;
  const jitter = (value: number): number => value * (1 + (random.uniform() < 0.5 ? -unit : unit));
  const near = given.slice();
  for (let i = 0; i < near.length; i++) near[i] = jitter(near[i]!);
  const rounded = await ours(
    near,
    x.map((value) => (Number.isInteger(value) ? value : jitter(value))),
  );
  const largest = (values: Float64Array): number =>
    values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const between = (values: Float64Array): number => largest(values.map((value, i) => value - mine[i]!));
  if (mine.length !== other.length) return Number.POSITIVE_INFINITY;
  if (!other.every(Number.isFinite)) return Number.NaN;
  if (!mine.every(Number.isFinite)) return Number.POSITIVE_INFINITY;
  const difference = between(other);
  return difference === 0 ? 0 : difference / Math.max(largest(mine), between(rounded) / unit);
}

/**
 * |g·v − dL/dv| over √Σ(g_i v_i)², the derivative by difference quotients of second order, extrapolated. Null where they do not settle: kinks or
 * rounding in all of them. A difference that rounding of the loss explains is none: where all is saturated, the loss is constant to rounding.
 */
export async function derivativeError(
  loss: (theta: Float64Array) => Promise<number>,
  theta: Float64Array,
  direction: Float64Array,
  gradient: Float64Array,
): Promise<number | null> {
  const terms = gradient.slice();
  let expected = 0;
  for (let i = 0; i < terms.length; i++) expected += terms[i]! *= direction[i]!;
  const scale = rms(terms) * Math.sqrt(terms.length);
  let size = 0;
  const quotient = async (h: number): Promise<number> => {
    const [up, down] = [await loss(add(theta, h, direction)), await loss(add(theta, -h, direction))];
    size = Math.max(size, up, down);
    return (up - down) / (2 * h);
  };
  // Over the scale at the end alone: a gradient of zeros beside a loss that moves is an error, not rounding.
  let best: { apart: number; spread: number } | null = null;
  for (const h of STEPS) {
    const [wide, narrow] = [await quotient(h), await quotient(h / 2)];
    const apart = Math.abs((4 * narrow - wide) / 3 - expected);
    const spread = Math.abs(wide - narrow);
    const rounding = (ROUNDINGS * 2 * ROUNDOFF.float64 * size) / h;
    if (rounding >= DERIVATIVE * scale && apart <= rounding) continue;
    if (best === null || Math.max(apart, spread) < Math.max(best.apart, best.spread))
      best = { apart, spread };
    if (apart < (DERIVATIVE / 10) * scale) return apart / scale;
  }
  if (best === null) return null;
  const { apart, spread } = best;
  return apart <= DERIVATIVE * scale || apart > 10 * spread ? apart / scale : null;
}

// Loops: a network may have millions of parameters.
export function add(theta: Float64Array, factor: number, direction: Float64Array): Float64Array {
  const out = theta.slice();
  for (let i = 0; i < out.length; i++) out[i]! += factor * direction[i]!;
  return out;
}

export function rms(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum / values.length);
}
