/** Cholesky factorisation of small symmetric positive semidefinite matrices, in place, without allocation in the hot path. */

/** Pivots below this part of their diagonal entry mark a row as linearly dependent on the earlier ones. */
const DEPENDENT = 1e-13;

/** A = LLᵀ with dependent rows left out; `solve` gives them zero, the basic solution of a consistent system. */
export interface Factor {
  readonly size: number;
  /** Indices of rows found dependent. */
  readonly dependent: readonly number[];
  /** Overwrites `b` with a solution of Ax = b. */
  solve(b: Float64Array): void;
  /** Overwrites `b` with L⁻¹b, so that bᵀA⁻¹b′ = (L⁻¹b)·(L⁻¹b′), and returns it. */
  reduce(b: Float64Array): Float64Array;
}

/**
 * Factors the leading n × n block of a row-major matrix.
 * @param stride distance between rows of `matrix`
 */
export function factorise(matrix: Float64Array, n: number, stride = n): Factor {
  const l = new Float64Array(n * n);
  const dependent: number[] = [];
  for (let j = 0; j < n; j++) {
    let pivot = matrix[j * stride + j] as number;
    const floor = DEPENDENT * pivot;
    for (let k = 0; k < j; k++) pivot -= (l[j * n + k] as number) ** 2;
    if (!(pivot > floor)) {
      dependent.push(j);
      continue;
    }
    const root = Math.sqrt(pivot);
    l[j * n + j] = root;
    for (let i = j + 1; i < n; i++) {
      let sum = matrix[i * stride + j] as number;
      for (let k = 0; k < j; k++) sum -= (l[i * n + k] as number) * (l[j * n + k] as number);
      l[i * n + j] = sum / root;
    }
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
