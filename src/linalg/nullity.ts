/** How singular a matrix of integers is, proved: vectors that it maps to zero in exact arithmetic. */

/** Below 2²⁶, so that products of residues are exact in float64. */
const PRIME = 2 ** 26 - 5;
/** Denominators that a vector's entries may have in common, and entries that it may have then: sums of n of them stay exact. */
const MOST_DENOMINATOR = 64;
const MOST_ENTRY = 2 ** 20;

/**
 * Independent vectors of integers with Av = 0, A [n, n] of small integers, row-major; most often all that there are, never more. Eliminates
 * over the integers modulo a prime, reads the vectors of its null space as fractions, and keeps those that A maps to zero without the modulus.
 */
export function integerNullVectors(matrix: Float64Array, n: number): Float64Array[] {
  const { rows, pivots } = reduce(matrix, n);
  const isPivot = new Set(pivots);
  const found: Float64Array[] = [];
  for (let free = 0; free < n; free++) {
    if (isPivot.has(free)) continue;
    const residues = new Float64Array(n);
    residues[free] = 1;
    pivots.forEach((column, i) => {
      residues[column] = modulo(-rows[i * n + free]!);
    });
    const vector = fractionsOf(residues);
    if (vector !== null && isInKernel(matrix, n, vector)) found.push(vector);
  }
  return found;
}

/** The reduced echelon form modulo the prime, and the column of each row's leading one. */
function reduce(matrix: Float64Array, n: number): { rows: Float64Array; pivots: number[] } {
  const rows = matrix.map(modulo);
  const pivots: number[] = [];
  for (let column = 0; column < n && pivots.length < n; column++) {
    const top = pivots.length;
    let pivot = top;
    while (pivot < n && rows[pivot * n + column] === 0) pivot++;
    if (pivot === n) continue;
    const inverse = invert(rows[pivot * n + column]!);
    const leading = rows.slice(pivot * n, pivot * n + n).map((entry) => (entry * inverse) % PRIME);
    rows.copyWithin(pivot * n, top * n, top * n + n);
    rows.set(leading, top * n);
    for (let i = 0; i < n; i++) {
      const factor = rows[i * n + column]!;
      if (i === top || factor === 0) continue;
      for (let j = column; j < n; j++)
        rows[i * n + j] = modulo(rows[i * n + j]! - ((factor * leading[j]!) % PRIME));
    }
    pivots.push(column);
  }
  return { rows, pivots };
}

/** The integers that the residues are when multiplied by one small denominator; null where there is none. */
function fractionsOf(residues: Float64Array): Float64Array | null {
  for (let denominator = 1; denominator <= MOST_DENOMINATOR; denominator++) {
    const scaled = residues.map((residue) => {
      const product = (residue * denominator) % PRIME;
      return product > PRIME / 2 ? product - PRIME : product;
    });
    if (scaled.every((entry) => Math.abs(entry) <= MOST_ENTRY)) return scaled;
  }
  return null;
}

function isInKernel(matrix: Float64Array, n: number, vector: Float64Array): boolean {
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += matrix[i * n + j]! * vector[j]!;
    if (sum !== 0) return false;
  }
  return true;
}

const modulo = (value: number): number => ((value % PRIME) + PRIME) % PRIME;

/** By Fermat: a^{p−2}. */
function invert(value: number): number {
  let [result, power] = [1, value];
  for (let exponent = PRIME - 2; exponent > 0; exponent = Math.floor(exponent / 2)) {
    if (exponent % 2 === 1) result = (result * power) % PRIME;
    power = (power * power) % PRIME;
  }
  return result;
}
