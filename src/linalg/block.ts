/** The rows and columns of a row-major matrix that belong to `members`, in their order. */
export function blockOf(matrix: Float64Array, stride: number, members: ArrayLike<number>): Float64Array {
  const m = members.length;
  const block = new Float64Array(m * m);
  for (let a = 0; a < m; a++)
    for (let b = 0; b < m; b++) block[a * m + b] = matrix[members[a]! * stride + members[b]!]!;
  return block;
}
