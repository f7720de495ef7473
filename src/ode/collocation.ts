/**
 * ∫ g(p') over an interval, for a vector polynomial p known by its values: its derivative by the Chebyshev differentiation matrix (Trefethen,
 * Spectral Methods in MATLAB, 6), the integral by Clenshaw and Curtis over the same nodes.
 */

/** Exact derivatives up to degree 20. */
const N = 20;

/** cos(jπ/N) as fractions of [0, 1], from 1 to 0. */
const nodes = Float64Array.from({ length: N + 1 }, (_, j) => (1 + Math.cos((j * Math.PI) / N)) / 2);

/** d/dx at the nodes, row by row. */
const differentiation: readonly Float64Array[] = Array.from(nodes, (x, i) => {
  const scale = (j: number) => (j % 2 === 0 ? 1 : -1) * (j === 0 || j === N ? 2 : 1);
  const row = Float64Array.from(nodes, (other, j) => (i === j ? 0 : scale(i) / scale(j) / (x - other)));
  row[i] = -row.reduce((sum, entry) => sum + entry, 0);
  return row;
});

/** Of Clenshaw and Curtis on [0, 1], N even. */
const weights = Float64Array.from(nodes, (_, j) => {
  const isEnd = j === 0 || j === N;
  let sum = 1;
  for (let k = 1; k <= N / 2; k++)
    sum -= ((k === N / 2 ? 1 : 2) * Math.cos((2 * k * j * Math.PI) / N)) / (4 * k * k - 1);
  return ((isEnd ? 1 : 2) * sum) / (2 * N);
});

/** @param read out ← p(x) for x in [0, 1], of degree 20 at most; the integral is over x. */
export function integrateSlopes(
  dimension: number,
  read: (x: number, out: Float64Array) => void,
  functional: (slope: Float64Array, node: number) => number,
): number {
  const values = Array.from(nodes, (x) => {
    const out = new Float64Array(dimension);
    read(x, out);
    return out;
  });
  // Differences to one value: the constant part, which may be large, has no slope and would only leave its rounding.
  const base = values[N]!.slice();
  for (const value of values) for (let i = 0; i < dimension; i++) value[i]! -= base[i]!;
  const slope = new Float64Array(dimension);
  let sum = 0;
  for (const [node, row] of differentiation.entries()) {
    slope.fill(0);
    for (const [j, value] of values.entries())
      for (let i = 0; i < dimension; i++) slope[i]! += row[j]! * value[i]!;
    sum += weights[node]! * functional(slope, node);
  }
  return sum;
}
