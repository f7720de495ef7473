/** What a micro-simulation is given, what it finds, and its state on the way: arrays that serve one block after the other. */

/** k entries. Buffers may be longer. */
export interface MicroProblem {
  readonly size: number;
  /** K [k, k] */
  readonly gram: Float64Array;
  /** z at the start; the breakpoint itself for those that slide. */
  readonly z: Float64Array;
  readonly velocity: Float64Array;
  /** c */
  readonly signal: Float64Array;
  /** f_ref */
  readonly reference: Float64Array;
  /** Piece at the start; the breakpoint for those that slide. */
  readonly place: Int32Array;
  readonly slides: Uint8Array;
  /** S at the start. */
  readonly slope: Float64Array;
  /** Of each entry, ascending. */
  readonly breakpoints: readonly (readonly number[])[];
  /** Slopes S of its pieces, up to a constant. */
  readonly slopes: readonly Float64Array[];
  readonly duration: number;
}

export interface MicroEvent {
  /** Since the start of the step. */
  readonly time: number;
  /** Place in the problem's lists. */
  readonly entry: number;
  readonly kind: "crossing" | "entersSliding" | "leavesSliding";
  readonly breakpoint: number;
  /** Where a crossing or leaving entry goes to; where an entering one comes from. */
  readonly isAbove: boolean;
}

/** Buffers may be longer than k, and hold until the next simulation. */
export interface MicroResult {
  /** Time average of S. */
  readonly mean: Float64Array;
  /** At the end: piece, or breakpoint of those that slide. */
  readonly place: Int32Array;
  readonly slides: Uint8Array;
  /** S at the end. */
  readonly slope: Float64Array;
  /** Lowest and highest piece that had a part in the mean. */
  readonly lowest: Int32Array;
  readonly highest: Int32Array;
  readonly events: readonly MicroEvent[];
  /**
   * By how much z missed the other way at a breakpoint that repels: how near it came before others turned it back, or how far beyond it
   * would have gone, had its own crossing not driven it on. ∞ where nothing came near.
   */
  readonly margin: Float64Array;
  /** The breakpoint that `margin` is about. */
  readonly missed: Int32Array;
  /** False where the events did not come to an end. */
  readonly settled: boolean;
}

export const FREE = 0;
/** Slides, its normal in the basis. */
export const BASIC = 1;
/** Slides, its normal in the span of the basis: f stays. */
export const PINNED = 2;

/** Of the problem at hand, each with room for `capacity` entries. */
export class MicroState {
  problem!: MicroProblem;
  readonly z: Float64Array;
  readonly w: Float64Array;
  readonly f: Float64Array;
  /** Size of the terms of `w`. */
  readonly scale: Float64Array;
  readonly piece: Int32Array;
  /** Of its piece: the breakpoints below and above, NaN where there is none, and S. */
  readonly below: Float64Array;
  readonly above: Float64Array;
  readonly slope: Float64Array;
  /** The breakpoint that an entry is on, while it is on one. */
  readonly on: Int32Array;
  readonly status: Uint8Array;
  /** Released at this instant. */
  readonly released: Uint8Array;

  constructor(readonly capacity: number) {
    this.z = new Float64Array(capacity);
    this.w = new Float64Array(capacity);
    this.f = new Float64Array(capacity);
    this.scale = new Float64Array(capacity);
    this.piece = new Int32Array(capacity);
    this.below = new Float64Array(capacity);
    this.above = new Float64Array(capacity);
    this.slope = new Float64Array(capacity);
    this.on = new Int32Array(capacity);
    this.status = new Uint8Array(capacity);
    this.released = new Uint8Array(capacity);
  }

  /** All entries free and where the problem says, with velocities under its slopes. */
  take(problem: MicroProblem): void {
    this.problem = problem;
    const { size: k, gram, signal, reference, slope, place, velocity } = problem;
    const { z, w, f, scale } = this;
    for (let e = 0; e < k; e++) {
      z[e] = problem.z[e]!;
      w[e] = velocity[e]!;
      scale[e] = Math.abs(velocity[e]!);
      f[e] = signal[e]! * slope[e]!;
      this.put(e, place[e]!);
      this.on[e] = -1;
      this.status[e] = FREE;
      this.released[e] = 0;
    }
    for (let e = 0; e < k; e++) {
      const d = f[e]! - reference[e]!;
      const size = Math.abs(f[e]!) + Math.abs(reference[e]!);
      for (let j = 0, at = e * k; j < k; j++, at++) {
        if (d !== 0) w[j]! -= gram[at]! * d;
        scale[j]! += Math.abs(gram[at]!) * size;
      }
    }
  }

  /** On a piece. */
  put(e: number, piece: number): void {
    const breakpoints = this.problem.breakpoints[e]!;
    this.piece[e] = piece;
    this.below[e] = piece > 0 ? breakpoints[piece - 1]! : Number.NaN;
    this.above[e] = piece < breakpoints.length ? breakpoints[piece]! : Number.NaN;
    this.slope[e] = this.problem.slopes[e]![piece]!;
  }

  /** (σ'₊ − σ'₋)·c: positive where the boundary attracts. */
  gain(e: number, b: number): number {
    const slopes = this.problem.slopes[e]!;
    return (slopes[b + 1]! - slopes[b]!) * this.problem.signal[e]!;
  }

  /** f of the piece above or below the breakpoint that e is on. */
  bound(e: number, isUpper: boolean): number {
    return this.problem.signal[e]! * this.problem.slopes[e]![this.on[e]! + (isUpper ? 1 : 0)]!;
  }

  change(e: number, f: number): void {
    const { size: k, gram } = this.problem;
    const d = f - this.f[e]!;
    this.f[e] = f;
    if (d !== 0) for (let j = 0, at = e * k; j < k; j++, at++) this.w[j]! -= gram[at]! * d;
  }

  /** Off the breakpoint that it is on. */
  leave(e: number, isAbove: boolean): void {
    this.status[e] = FREE;
    this.put(e, this.on[e]! + (isAbove ? 1 : 0));
    this.z[e] = this.problem.breakpoints[e]![this.on[e]!]!;
  }
}
