/**
 * By how much entries missed the other way at breakpoints that repel: how near they came before others turned them back, or how far beyond
 * they would have gone, had their own crossing not driven them on.
 */
import { FREE, type MicroState } from "./micro-state.js";

/** An entry that went over a breakpoint that repels. */
interface Crossed {
  readonly breakpoint: number;
  readonly direction: number;
  /** What the crossing gave to its velocity. */
  readonly gained: number;
  /** z − b without that, and the largest it was, along `direction`. */
  beyond: number;
  farthest: number;
}

export class Misses {
  /** The least, ∞ where nothing came near, and the breakpoint that it is about. */
  readonly margin: Float64Array;
  readonly missed: Int32Array;
  readonly #s: MicroState;
  /** Sign of the velocity on the last stretch. */
  readonly #heading: Int8Array;
  readonly #over = new Map<number, Crossed>();

  constructor(state: MicroState) {
    this.#s = state;
    this.margin = new Float64Array(state.capacity);
    this.missed = new Int32Array(state.capacity);
    this.#heading = new Int8Array(state.capacity);
  }

  reset(count: number): void {
    this.margin.fill(Infinity, 0, count);
    this.missed.fill(0, 0, count);
    this.#heading.fill(0, 0, count);
    this.#over.clear();
  }

  /** Before a stretch at velocities w. */
  pass(duration: number): void {
    const { w, status, piece, below, above, z, problem } = this.#s;
    for (const [e, over] of this.#over) {
      over.beyond += duration * over.direction * (w[e]! - over.gained);
      over.farthest = Math.max(over.farthest, over.beyond);
    }
    const heading = this.#heading;
    for (let e = 0; e < problem.size; e++) {
      const sign = status[e] !== FREE || w[e] === 0 ? 0 : w[e]! > 0 ? 1 : -1;
      const before = heading[e]!;
      heading[e] = sign;
      if (sign * before >= 0) continue;
      // Others have turned it back.
      const b = before > 0 ? piece[e]! : piece[e]! - 1;
      const position = before > 0 ? above[e]! : below[e]!;
      if (!Number.isNaN(position) && this.#s.gain(e, b) < 0) this.#miss(e, b, Math.abs(position - z[e]!));
    }
  }

  /** It has gone over `breakpoint`; what slides has followed, and taken its part of what that `gained`. */
  crossed(e: number, breakpoint: number, direction: number, gained: number): void {
    this.#over.set(e, { breakpoint, direction, gained, beyond: 0, farthest: 0 });
    this.#heading[e] = 0;
  }

  end(): void {
    for (const [e, { breakpoint, beyond, farthest }] of this.#over)
      if (beyond < farthest) this.#miss(e, breakpoint, farthest);
  }

  #miss(e: number, breakpoint: number, margin: number): void {
    if (!(margin < this.margin[e]!)) return;
    this.margin[e] = margin;
    this.missed[e] = breakpoint;
  }
}
