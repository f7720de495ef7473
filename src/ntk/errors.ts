/**
 * How far a computed kernel is from that of exact arithmetic at the same θ: bounds by running error analysis (autodiff/rounding.ts). Through
 * many layers those grow far beyond the errors; then, where that is a matter of seconds, the same is computed in double-double and the bound
 * is what float64 is off from that, and the running bound of double-double's own errors, which has 45 binary digits more to grow in.
 */
import {
  DOUBLE_DOUBLE_ROUNDOFF,
  evaluateInDoubleDouble,
  type Program,
  type Tensors,
} from "../engine/index.js";
import { type Graph, workOf } from "../graph/index.js";
import { factorise } from "../linalg/cholesky.js";
import { singularValues } from "../linalg/svd.js";
import { dot, squaredNorm } from "../linalg/vectors.js";
import type { Family } from "../model/index.js";
import { capacityOf } from "./chunks.js";
import type { Compile } from "./products.js";
import { fillInputs, type KernelState } from "./scalars.js";

/** Errors of the entries of J, as norms, and what the held entries make of them. */
export interface EntryErrors {
  /** ‖computed − exact‖ in the Frobenius norm. */
  readonly rows: number;
  /** The same of the independent held entries, their number and the range of their singular values. */
  readonly held: {
    readonly rows: number;
    readonly count: number;
    readonly least: number;
    readonly most: number;
  } | null;
}

export interface KernelErrors {
  /** How far the rows are from exact ones. Infinity where no bound can be had. */
  entryErrors(state: KernelState): Promise<EntryErrors>;
  /** Bound on how far ‖ΠJᵀv‖ is from `length`, the square root of what the operator returns for `v`, of length 1. */
  lengthError(state: KernelState, v: Float64Array, length: number): Promise<number>;
}

/** Rows of the independent held entries [count, P], and their Gram matrix. */
export interface HeldRows {
  readonly rows: Float64Array;
  readonly gram: Float64Array;
  readonly count: number;
  readonly entries: readonly number[];
}

/** Scalars that one call bounds; a few numbers a unit and scalar are in use at once. */
const CAPACITY = 4096;
/** Rows that one call looks at in double-double, where every number of the graph is kept. */
const FINE_ROWS = 4;
/** Bounds are looked at again where they leave open more than this part of what they are of. */
const COARSE = 1e-10;
/** Work, as graph/work.ts counts it, that double-double may take at one time: some seconds. */
const FINE_WORK = 4e8;

export function createKernelErrors(kernel: {
  readonly family: Family;
  readonly data: Tensors;
  /** What the graphs of rows need where samples couple: `x` and the matrices of relations. */
  readonly coupledData: Tensors;
  /** Compiles once a key. */
  readonly compile: (key: string, build: () => Promise<Program>) => Promise<Program>;
  readonly graph: Compile;
  readonly scalars: readonly number[];
  readonly kind: "outputs" | "preactivations";
  heldRows(state: KernelState): Promise<HeldRows>;
  /** Rows of `scalars`, to the last bit those that the kernel is made of. */
  rows(state: KernelState): Promise<Float64Array>;
  /** A vector of the kernel's size among all scalars of its kind. */
  scatter(v: Float64Array): Float64Array;
  /** After work on so many scalars. */
  onWork(count: number): void;
}): KernelErrors {
  const { family, data, scalars, kind } = kernel;
  const { network, layout } = family;
  const P = layout.size;
  const program = (key: string, graph: () => Graph, bound: Tensors): Promise<Program> =>
    kernel.compile(key, () => kernel.graph(graph(), bound));

  /** Pieces of all entries, and where rounding leaves them open: nowhere where the state gives them. */
  const piecesOf = async ({ theta, pieces }: KernelState): Promise<Record<string, Float64Array>> => {
    if (family.entries === 0) return {};
    if (pieces !== null) return { pieces, pieceErrors: new Float64Array(pieces.length) };
    const found = await (await program("piece-errors", () => family.pieceErrors(), data)).run({ theta });
    return { pieces: found["pieces"]!.slice(), pieceErrors: found["errors"]!.slice() };
  };

  /** ‖computed − exact‖ of the rows of `which`, in the Frobenius norm. */
  const errorsOf = async (state: KernelState, which: readonly number[]): Promise<number> => {
    const { error } = await runningErrors(state, which, await piecesOf(state));
    return error;
  };

  /** The bound, and ‖rows‖ where a network has no layer products. */
  const runningErrors = async (
    state: KernelState,
    which: readonly number[],
    entries: Readonly<Record<string, Float64Array>>,
  ): Promise<{ readonly error: number; readonly norm: number | null }> => {
    const perRow = 4 * (P + 4 * family.entries);
    const capacity = network.hasLayerProducts
      ? Math.min(which.length, CAPACITY)
      : capacityOf(perRow, which.length);
    const bounds = await program(
      `errors:${capacity}`,
      () => family.scalarErrors(capacity),
      kernel.coupledData,
    );
    let [squares, norm] = [0, 0];
    for (let from = 0; from < which.length; from += capacity) {
      const part = which.slice(from, from + capacity);
      const found = await bounds.run({
        ...fillInputs(family, data, part, capacity, entries),
        theta: state.theta,
      });
      kernel.onWork(part.length);
      squares += squaredNorm(found["errors"]!.subarray(0, part.length));
      for (const square of found["squares"]?.subarray(0, part.length) ?? []) norm += square;
    }
    return {
      error: orInfinity(Math.sqrt(squares)),
      norm: network.hasLayerProducts ? null : Math.sqrt(norm),
    };
  };

  /** The same of the kernel's own scalars, held against double-double where the running bound is coarse. */
  const ownErrors = async (state: KernelState): Promise<number> => {
    const entries = await piecesOf(state);
    const { error, norm } = await runningErrors(state, scalars, entries);
    if (norm === null || error <= COARSE * norm) return error;
    const capacity = Math.min(FINE_ROWS, scalars.length);
    const graph = family.scalarRowErrors(capacity, DOUBLE_DOUBLE_ROUNDOFF);
    if (workOf(graph) * (scalars.length / capacity) > FINE_WORK) return error;
    const computed = await kernel.rows(state);
    let squares = 0;
    for (let from = 0; from < scalars.length; from += capacity) {
      const part = scalars.slice(from, from + capacity);
      const inputs = fillInputs(family, data, part, capacity, entries);
      const { rows, errors } = evaluateInDoubleDouble(graph, {
        ...kernel.coupledData,
        ...inputs,
        theta: state.theta,
      });
      for (let k = 0; k < part.length; k++) {
        const own = computed.subarray((from + k) * P, (from + k + 1) * P);
        squares += (distanceFrom(rows!, k * P, own) + errors!.high[k]!) ** 2;
      }
    }
    return Math.min(error, orInfinity(Math.sqrt(squares)));
  };

  /** How far ‖Jᵀv‖ is from `computed`. */
  const fineLengthError = (mode: "free" | "locked", inputs: Tensors, computed: number): number => {
    const graph = family.pullbackError(mode, kind, DOUBLE_DOUBLE_ROUNDOFF);
    if (workOf(graph) > FINE_WORK) return Number.POSITIVE_INFINITY;
    const { direction, error } = evaluateInDoubleDouble(graph, { ...data, ...inputs });
    // A float64 norm of the float64 halves: its own rounding, and what the lower halves add.
    const length = Math.sqrt(squaredNorm(direction!.high));
    const lower = Math.sqrt(squaredNorm(direction!.low)) + (P / 2 + 2) * Number.EPSILON * length;
    return Math.abs(length - computed) + lower + error!.high[0]!;
  };

  return {
    async entryErrors(state) {
      const rows = await ownErrors(state);
      const { gram, count, entries } =
        state.held.length === 0
          ? { gram: new Float64Array(0), count: 0, entries: [] }
          : await kernel.heldRows(state);
      if (count === 0) return { rows, held: null };
      const { values } = singularValues(gram, count);
      const largest = values[0] as number;
      // An eigenvalue of a Gram matrix of sums over P is good to about this.
      const error = 4 * Number.EPSILON * (Math.sqrt(count) + Math.sqrt(P)) * largest;
      const least = Math.sqrt(Math.max(0, (values[count - 1] as number) - error));
      return {
        rows,
        held: { rows: await errorsOf(state, entries), count, least, most: Math.sqrt(largest + error) },
      };
    },
    async lengthError(state, v, computed) {
      const isLocked = family.entries > 0 && state.pieces !== null;
      const mode = isLocked ? "locked" : "free";
      const pull = await program(`pullback-error:${mode}`, () => family.pullbackError(mode, kind), data);
      const inputs = {
        theta: state.theta,
        cotangents: kernel.scatter(v),
        ...(isLocked && { pieces: state.pieces as Float64Array }),
      };
      const { direction, error } = await pull.run(inputs);
      const length = Math.sqrt(squaredNorm(direction!));
      // The last term is that of the sum of squares.
      let bound = (error?.[0] as number) + (P / 4 + 1) * Number.EPSILON * length;
      if (state.held.length === 0 && !(bound <= COARSE * length))
        bound = Math.min(bound, orInfinity(fineLengthError(mode, inputs, computed)));
      if (state.held.length > 0) {
        // Whatever c, ‖Jᵀv − Jₛᵀc‖ is no smaller than ‖ΠJᵀv‖: only how it is computed counts, not how well c is.
        const { rows, gram, count, entries } = await kernel.heldRows(state);
        const c = Float64Array.from({ length: count }, (_, k) => dot(rows, direction!, k * P, 0, P));
        factorise(gram, count).solve(c);
        let moved = length;
        for (let k = 0; k < count; k++)
          moved += Math.abs(c[k] as number) * Math.sqrt(squaredNorm(rows.subarray(k * P, (k + 1) * P)));
        const fromRows = (await errorsOf(state, entries)) * Math.sqrt(squaredNorm(c));
        bound += fromRows + (count + 2) * Number.EPSILON * moved;
      }
      return orInfinity(bound);
    },
  };
}

/** What a bound that is no number is worth. */
function orInfinity(bound: number): number {
  return Number.isFinite(bound) ? bound : Number.POSITIVE_INFINITY;
}

/** ‖high + low − values‖ of the entries from `from` on, and what rounding may hide of it. */
function distanceFrom(
  { high, low }: { readonly high: Float64Array; readonly low: Float64Array },
  from: number,
  values: Float64Array,
): number {
  let sum = 0;
  values.forEach((value, i) => {
    sum += (Math.abs((high[from + i] as number) - value) + Math.abs(low[from + i] as number)) ** 2;
  });
  return Math.sqrt(sum) * (1 + values.length * Number.EPSILON);
}
