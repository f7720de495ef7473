/** Kinks replaced by polynomial blends: an approximation of the network, again piecewise polynomial, with a continuous σ'. */
import { type ActivationSpec, type PieceTable, pieceTable } from "./activation.js";

/**
 * Replaces σ on [b − ε, b + ε] around every breakpoint by the cubic that matches values and slopes at both ends (for leaky
 * ReLU it is the quadratic αz + (1 − α)(z + ε)²/4ε). Null if the activation has no fixed table (PReLU) or the blends overlap.
 */
export function smoothActivation(spec: ActivationSpec, halfWidth: number): ActivationSpec | null {
  const table = pieceTable(spec);
  if (table === null) return spec;
  if (spec.kind === "prelu" || overlaps(table, halfWidth)) return null;
  const breakpoints: number[] = [];
  const coefficients: number[][] = [[...(table.coefficients[0] as readonly number[])]];
  table.breakpoints.forEach((b, k) => {
    const below = table.coefficients[k] as readonly number[];
    const above = table.coefficients[k + 1] as readonly number[];
    breakpoints.push(b - halfWidth, b + halfWidth);
    coefficients.push(blend(below, above, b, halfWidth), [...above]);
  });
  return { kind: "piecewise-polynomial", breakpoints, coefficients };
}

function overlaps({ breakpoints }: PieceTable, halfWidth: number): boolean {
  return breakpoints.some((b, k) => k > 0 && b - (breakpoints[k - 1] as number) <= 2 * halfWidth);
}

const value = (p: readonly number[], z: number): number => p.reduceRight((sum, c) => sum * z + c, 0);
const slope = (p: readonly number[], z: number): number =>
  value(
    p.slice(1).map((c, k) => (k + 1) * c),
    z,
  );

/** Hermite cubic on [b − ε, b + ε], expanded in powers of z. */
function blend(below: readonly number[], above: readonly number[], b: number, e: number): number[] {
  const [y0, y1] = [value(below, b - e), value(above, b + e)];
  const [d0, d1] = [slope(below, b - e), slope(above, b + e)];
  // In u = z − b: even and odd parts from the values and slopes at ±ε.
  const even = (y0 + y1) / 2;
  const odd = (y1 - y0) / (2 * e);
  const c2 = (d1 - d0) / (4 * e);
  const c3 = ((d0 + d1) / 2 - odd) / (2 * e * e);
  const local = [even - c2 * e * e, odd - c3 * e * e, c2, c3];
  const [a0, a1, a2, a3] = local as [number, number, number, number];
  return [a0 - a1 * b + a2 * b * b - a3 * b ** 3, a1 - 2 * a2 * b + 3 * a3 * b * b, a2 - 3 * a3 * b, a3];
}
