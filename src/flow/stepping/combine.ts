/** a·x + b·y, as a new vector unless `out` is given. */
export function combine(
  a: number,
  x: Float64Array,
  b: number,
  y: Float64Array,
  out: Float64Array = new Float64Array(x.length),
): Float64Array {
  for (let i = 0; i < x.length; i++) out[i] = a * x[i]! + b * y[i]!;
  return out;
}
