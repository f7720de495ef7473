/** Rows of row-major arrays: some of them, and some drawn from a seed. */
import type { Random } from "../random.js";

export function takeRows(data: Float64Array, rows: readonly number[], width: number): Float64Array {
  const out = new Float64Array(rows.length * width);
  for (const [to, from] of rows.entries())
    out.set(data.subarray(from * width, (from + 1) * width), to * width);
  return out;
}

/** `count` ≤ rows.length of them, ascending. Fisher and Yates, as far as it is needed. */
export function drawRows(rows: readonly number[], count: number, random: Random): number[] {
  const order = [...rows];
  for (let i = 0; i < count; i++) {
    const j = i + random.integer(order.length - i);
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  return order.slice(0, count).sort((a, b) => a - b);
}
