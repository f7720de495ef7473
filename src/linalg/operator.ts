/** Symmetric matrices known by their products only. */

export interface Operator {
  readonly size: number;
  /** out ← A·v; returns vᵀAv as accurately as the operator knows it (‖Jᵀv‖² where A = JJᵀ). May not keep either array. */
  apply(v: Float64Array, out: Float64Array): Promise<number>;
}

/** The same for several vectors at once. */
export interface BlockOperator {
  readonly size: number;
  /** A·v of each; the arrays are the caller's. */
  applyAll(vectors: readonly Float64Array[]): Promise<readonly Float64Array[]>;
}

/** An approximate eigenpair. Some eigenvalue lies within `residual` of `value`; λ_min ≤ value ≤ λ_max holds always. */
export interface RitzPair {
  readonly value: number;
  /** Of length 1. */
  readonly vector: Float64Array;
  /** ‖Av − value·v‖ */
  readonly residual: number;
}

/** Looks at one product: value vᵀAv, residual ‖Av − value·v‖. `v` must have length 1. */
export async function measurePair(operator: Operator, v: Float64Array): Promise<RitzPair> {
  const out = new Float64Array(v.length);
  const value = await operator.apply(v, out);
  let sum = 0;
  for (let i = 0; i < v.length; i++) sum += ((out[i] as number) - value * (v[i] as number)) ** 2;
  return { value, vector: v, residual: Math.sqrt(sum) };
}
