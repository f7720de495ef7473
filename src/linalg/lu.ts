/** Solving with a shifted dense matrix, by ml-matrix's LU factorisation with partial pivoting. */
import { LuDecomposition, Matrix } from "ml-matrix";

export interface Factorisation {
  /** Overwrites `b` with the solution. */
  solve(b: Float64Array): void;
}

/** Factors shift·I − A for a row-major n × n matrix A. A singular matrix solves to values that are not finite. */
export function factoriseLu(a: Float64Array, n: number, shift: number): Factorisation {
  const matrix = Matrix.zeros(n, n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) matrix.set(i, j, (i === j ? shift : 0) - a[i * n + j]!);
  const lu = new LuDecomposition(matrix);
  const singular = lu.isSingular();
  return {
    solve(b) {
      if (singular) b.fill(Number.NaN);
      else b.set(lu.solve(Matrix.columnVector(b)).to1DArray());
    },
  };
}
