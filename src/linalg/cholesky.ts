/** Cholesky factorisation of small symmetric positive semidefinite matrices, in place, without allocation in the hot path. */

/** Pivots below this part of their diagonal entry are rounding: the row is linearly dependent on the earlier ones. */
const DEPENDENT = 1e-13;

/** A = LLᵀ with dependent rows left out; `solve` gives them zero, the basic solution of a consistent system. */
export interface Factor {
  readonly size: number;
  /** Indices of rows found dependent. */
  readonly dependent: readonly number[];
  /** Floating-point operations that it took; what is zero in L is passed over. */
  readonly operations: number;
  /** Overwrites `b` with a solution of Ax = b. */
  solve(b: Float64Array): void;
  /** Overwrites `b` with L⁻¹b, so that bᵀA⁻¹b′ = (L⁻¹b)·(L⁻¹b′), and returns it. */
  reduce(b: Float64Array): Float64Array;
}

/**
 * Factors the leading n × n block of a row-major matrix.
 * @param stride distance between rows of `matrix`
 * @param least part of its diagonal entry below which a pivot marks its row as dependent
 */
export function factorise(matrix: Float64Array, n: number, stride = n, least = DEPENDENT): Factor {
  const l = new Float64Array(n * n);
  const dependent: number[] = [];
  let operations = 0;
  /** Columns before the diagonal in which the row has a number: normals of different units are often orthogonal. */
  const columns = new Int32Array(n);
  for (let j = 0; j < n; j++) {
    const row = j * n;
    let pivot = matrix[j * stride + j] as number;
    const floor = least * pivot;
    let filled = 0;
    for (let k = 0; k < j; k++) {
      const value = l[row + k] as number;
      if (value === 0) continue;
      pivot -= value * value;
      columns[filled++] = k;
    }
    if (!(pivot > floor)) {
      dependent.push(j);
      continue;
    }
    const root = Math.sqrt(pivot);
    l[row + j] = root;
    for (let i = j + 1; i < n; i++) {
      let sum = matrix[i * stride + j] as number;
      for (let c = 0; c < filled; c++) {
        const k = columns[c] as number;
        sum -= (l[i * n + k] as number) * (l[row + k] as number);
      }
      l[i * n + j] = sum / root;
    }
    operations += 2 * (n - j) * (filled + 1);
  }
  const reduce = (b: Float64Array): Float64Array => {
    for (let i = 0; i < n; i++) {
      let sum = b[i] as number;
      for (let k = 0; k < i; k++) sum -= (l[i * n + k] as number) * (b[k] as number);
      const diagonal = l[i * n + i] as number;
      b[i] = diagonal === 0 ? 0 : sum / diagonal;
    }
    return b;
  };
  return {
    size: n,
    dependent,
    operations,
    reduce,
    solve(b) {
      reduce(b);
      for (let i = n - 1; i >= 0; i--) {
        let sum = b[i] as number;
        for (let k = i + 1; k < n; k++) sum -= (l[k * n + i] as number) * (b[k] as number);
        const diagonal = l[i * n + i] as number;
        b[i] = diagonal === 0 ? 0 : sum / diagonal;
      }
    },
  };
}
