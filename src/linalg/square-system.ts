/** Small square systems without structure. */
import { Matrix, solve } from "ml-matrix";

/** x with Ax = b, A n × n row-major; the least-squares solution of least norm where A is singular. */
export function solveSquare(a: Float64Array, b: Float64Array): Float64Array {
  const n = b.length;
  const rows = Array.from({ length: n }, (_, i) => Array.from(a.subarray(i * n, (i + 1) * n)));
  return Float64Array.from(solve(new Matrix(rows), Matrix.columnVector(Array.from(b)), true).to1DArray());
}
