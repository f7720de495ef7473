/**
 * The linear complementarity problem on the cone of positive semidefinite matrices: 0 ⪯ X ⟂ A + B[X] ⪰ 0 with B symmetric and positive
 * semidefinite, which is min ½⟨X, B[X]⟩ + ⟨A, X⟩ over X ⪰ 0. By accelerated projected gradients with restarts (Nesterov 1983; O'Donoghue & Candès
 * 2015). Matrices are [k × k], row-major; B is told by its rows on packed ones.
 */
import { symmetricEigen } from "./eigen.js";
import { length } from "./norm.js";
import { dot } from "./vectors.js";

export interface Complementarity {
  /** X */
  readonly x: Float64Array;
  /** S = A + B[X] */
  readonly slack: Float64Array;
  /** ‖X − (X − S/λ_max(B))₊‖, relative to ‖X‖ or, where that is less, to ‖A‖/λ_max(B): 0 exactly at a solution. */
  readonly residual: number;
  readonly iterations: number;
  readonly converged: boolean;
}

/** k(k + 1)/2: entries (i, j), i ≤ j, in the order (0, 0), (0, 1), …, (1, 1), … */
export const packedSize = (k: number): number => (k * (k + 1)) / 2;

/** Off-diagonal entries count twice in ⟨X, Y⟩. */
const WEIGHT = Math.SQRT2;

/** The packed form of a symmetric matrix in which ⟨X, Y⟩ is the scalar product. */
export function pack(matrix: Float64Array, k: number): Float64Array {
  const out = new Float64Array(packedSize(k));
  for (let i = 0, at = 0; i < k; i++)
    for (let j = i; j < k; j++)
      out[at++] = i === j ? matrix[i * k + i]! : (WEIGHT / 2) * (matrix[i * k + j]! + matrix[j * k + i]!);
  return out;
}

export function unpack(packed: Float64Array, k: number): Float64Array {
  const out = new Float64Array(k * k);
  for (let i = 0, at = 0; i < k; i++)
    for (let j = i; j < k; j++) {
      const value = packed[at++]! / (i === j ? 1 : WEIGHT);
      out[i * k + j] = value;
      out[j * k + i] = value;
    }
  return out;
}

/** B where B_ijkl = ⟨D_ij, D_kl⟩, as a matrix on packed X. @param d D_ij for i ≤ j, in packed order */
export function gramOperator(d: readonly Float64Array[], k: number): Float64Array {
  const p = packedSize(k);
  const weights: number[] = [];
  for (let i = 0; i < k; i++) for (let j = i; j < k; j++) weights.push(i === j ? 1 : WEIGHT);
  const out = new Float64Array(p * p);
  for (let a = 0; a < p; a++)
    for (let b = a; b < p; b++) {
      const value = weights[a]! * weights[b]! * dot(d[a]!, d[b]!);
      out[a * p + b] = value;
      out[b * p + a] = value;
    }
  return out;
}

const MOST_ITERATIONS = 20_000;
/** Of the residual: what the projection's eigenvectors leave of X. */
const TOLERANCE = 1e-11;
/** An X of this many times ‖A‖/λ_max(B) runs away along a direction in which B is zero and A negative: there is no solution. */
const RUNAWAY = 1e9;

/**
 * @param b B on packed matrices, [p × p]
 * @param start X to begin with, as a rule the last one; any matrix
 * @returns the best there was; not converged where there is no solution
 */
export function solveComplementarity(
  a: Float64Array,
  b: Float64Array,
  k: number,
  start?: Float64Array,
): Complementarity {
  const p = packedSize(k);
  const packedA = pack(a, k);
  const sizeA = length(packedA);
  const top = symmetricEigen(b, p).values[p - 1]!;
  const none = { x: new Float64Array(k * k), slack: a.slice(), residual: 0, iterations: 0 };
  if (symmetricEigen(a, k).values[0]! >= 0) return { ...none, converged: true };
  if (!(top > 0)) return { ...none, residual: Number.POSITIVE_INFINITY, converged: false };
  // In units in which ‖A‖ = λ_max(B) = 1: X is y·‖A‖/λ_max.
  const unit = sizeA / top;
  const alpha = packedA.map((value) => value / sizeA);
  const beta = b.map((value) => value / top);
  const slackAt = (y: Float64Array): Float64Array =>
    alpha.map((value, i) => value + dot(beta, y, i * p, 0, p));
  const stepFrom = (y: Float64Array, slack: Float64Array): Float64Array =>
    project(
      y.map((value, i) => value - slack[i]!),
      k,
    );
  const residualOf = (y: Float64Array, slack: Float64Array): number => {
    const moved = stepFrom(y, slack);
    return length(moved.map((value, i) => value - y[i]!)) / Math.max(1, length(y));
  };
  let y = project(start === undefined ? new Float64Array(p) : pack(start, k).map((v) => v / unit), k);
  let momentum = y.slice();
  let t = 1;
  let residual = Number.POSITIVE_INFINITY;
  let iterations = 0;
  while (iterations < MOST_ITERATIONS) {
    const slack = slackAt(momentum);
    const next = stepFrom(momentum, slack);
    iterations++;
    // The step goes against the last move: momentum has overshot.
    let against = 0;
    for (let i = 0; i < p; i++) against += (momentum[i]! - next[i]!) * (next[i]! - y[i]!);
    const restarts = against > 0;
    const faster = restarts ? 1 : (1 + Math.sqrt(1 + 4 * t * t)) / 2;
    const factor = restarts ? 0 : (t - 1) / faster;
    const last = y;
    y = next;
    momentum = y.map((value, i) => value + factor * (value - last[i]!));
    t = faster;
    residual = residualOf(y, slackAt(y));
    if (residual <= TOLERANCE || !(length(y) < RUNAWAY)) break;
  }
  const slack = slackAt(y);
  return {
    x: unpack(
      y.map((value) => value * unit),
      k,
    ),
    slack: unpack(
      slack.map((value) => value * sizeA),
      k,
    ),
    ...{ residual, iterations, converged: residual <= TOLERANCE },
  };
}

/** The nearest positive semidefinite matrix. */
function project(packed: Float64Array, k: number): Float64Array {
  if (k === 1) return Float64Array.of(Math.max(0, packed[0]!));
  const { values, vectors } = symmetricEigen(unpack(packed, k), k);
  if (values[0]! >= 0) return packed;
  const out = new Float64Array(k * k);
  for (let e = 0; e < k; e++) {
    const value = values[e]!;
    if (value <= 0) continue;
    for (let i = 0; i < k; i++)
      for (let j = 0; j < k; j++) out[i * k + j]! += value * vectors[e * k + i]! * vectors[e * k + j]!;
  }
  return pack(out, k);
}
