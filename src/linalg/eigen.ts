/** Eigenpairs of small dense symmetric matrices. */
import { EigenvalueDecomposition, Matrix } from "ml-matrix";

export interface Eigen {
  /** Ascending. */
  readonly values: Float64Array;
  /** Orthonormal, vector k at k·size. */
  readonly vectors: Float64Array;
}

/** Of the leading block. */
export function decompose(matrix: Matrix, size: number): Eigen {
  const block = matrix.subMatrix(0, size - 1, 0, size - 1);
  const evd = new EigenvalueDecomposition(block, { assumeSymmetric: true });
  const order = evd.realEigenvalues
    .map((_, k) => k)
    .sort((p, q) => evd.realEigenvalues[p]! - evd.realEigenvalues[q]!);
  const vectors = new Float64Array(size * size);
  order.forEach((from, to) => {
    for (let i = 0; i < size; i++) vectors[to * size + i] = evd.eigenvectorMatrix.get(i, from);
  });
  return { values: Float64Array.from(order, (k) => evd.realEigenvalues[k] as number), vectors };
}

/** @param a [size × size], row-major, of any scale: squares of its entries need not be numbers */
export function symmetricEigen(a: Float64Array, size: number): Eigen {
  let scale = 0;
  for (const value of a) scale = Math.max(scale, Math.abs(value));
  if (!(scale > 0 && scale < Number.POSITIVE_INFINITY)) scale = 1;
  const { values, vectors } = decompose(
    Matrix.from1DArray(
      size,
      size,
      a.map((value) => value / scale),
    ),
    size,
  );
  return { values: values.map((value) => value * scale), vectors };
}
