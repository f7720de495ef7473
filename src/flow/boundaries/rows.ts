/** What a set of normals ∇z_e, stored or not, has to offer; the rest follows from K. */
import type { Contact } from "./kinks.js";

/** J is s × P, u has length s. */
export interface Rows {
  /** K = JJᵀ, row-major. */
  readonly gram: Float64Array;
  /** J·v */
  along(v: Float64Array): Promise<Float64Array>;
  /** Size of what J·v is summed of, (Σ_i (J_si v_i)²)^½ or an estimate of it: a sum far below is rounding. */
  terms(v: Float64Array): Promise<Float64Array>;
  /** out ← out + Jᵀu */
  add(out: Float64Array, u: Float64Array): Promise<void>;
  /**
   * What the activation of contact j passes on to z_i of a later layer, ∂z_i/∂a_j [s, s], row-major: the pieces of contacts enter
   * each other's normals and signals by these alone. Null where none does.
   */
  transfers(): Promise<Float64Array | null>;
}

export type RowsAt = (
  theta: Float64Array,
  contacts: readonly Contact[],
  pieces: Float64Array,
) => Promise<Rows>;

/** Programs are compiled for the next power of two of the number of contacts. */
export function capacityFor(count: number): number {
  let capacity = 4;
  while (capacity < count) capacity *= 2;
  return capacity;
}
