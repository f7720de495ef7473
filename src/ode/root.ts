/**
 * One trial of Chandrupatla's bracketing root finder: inverse quadratic interpolation where three values vouch for it, else
 * bisection. T. R. Chandrupatla, A new hybrid quadratic/bisection algorithm for finding the zero of a nonlinear function
 * without using derivatives, Adv. Eng. Software 28 (1997). Works on values alone, so a caller may watch many functions.
 */

/**
 * Where to look next in the bracket between x1 (newest) and x2, whose values differ in sign; x3 is the point given up last, or
 * null at the start. Keeps `tolerance` away from both ends, so that the bracket closes from both sides.
 */
export function nextTrial(
  [x1, f1]: readonly [number, number],
  [x2, f2]: readonly [number, number],
  third: readonly [number, number] | null,
  tolerance: number,
): number {
  const width = x2 - x1;
  let fraction = 0.5;
  if (third === null) {
    if (Number.isFinite(f1) && Number.isFinite(f2) && f1 !== f2) fraction = f1 / (f1 - f2);
  } else {
    const [x3, f3] = third;
    const xi = (x1 - x2) / (x3 - x2);
    const phi = (f1 - f2) / (f3 - f2);
    if (phi ** 2 < xi && (1 - phi) ** 2 < 1 - xi) {
      fraction =
        ((f1 / (f2 - f1)) * f3) / (f2 - f3) + (((((x3 - x1) / width) * f1) / (f3 - f1)) * f2) / (f3 - f2);
    }
  }
  const margin = Math.min(0.5, tolerance / Math.abs(width));
  return x1 + Math.min(1 - margin, Math.max(margin, fraction)) * width;
}
