/** Entries that may change their pieces within a step: those that slide, and what is added. They stay for all passes. */
import type { Sides } from "./sides.js";

export class Candidates {
  readonly #sides: Sides;
  readonly #held: Float64Array;
  readonly #is: Uint8Array;

  constructor(sides: Sides, held: Float64Array) {
    this.#sides = sides;
    this.#held = held;
    this.#is = new Uint8Array(held.length);
    for (let e = 0; e < held.length; e++) if (held[e]! >= 0) this.#is[e] = 1;
  }

  /** Those whose pieces in two lists differ. */
  addDifferent(a: Float64Array, b: Float64Array): void {
    for (let e = 0; e < a.length; e++) this.#compare(e, a[e]!, b[e]!);
  }

  addDifferentAmong(entries: readonly number[], a: Float64Array, b: Float64Array): void {
    for (const e of entries) this.#compare(e, a[e]!, b[e]!);
  }

  /** Those that have another piece at z₀ + share·(z₁ − z₀) than in `pieces`. What z₁ has come to rest on is not gone beyond. */
  addMoved(z0: Float64Array, z1: Float64Array, share: number, pieces: Float64Array): void {
    const sides = this.#sides;
    sides.eachOff(z0, z1, share, pieces, (e, z) => {
      if (this.#is[e] === 1) return;
      const end = sides.isOn(e, z1[e]!) ? z1[e]! : z;
      this.#compare(e, sides.pieceOf(e, end, pieces[e]!), pieces[e]!);
    });
  }

  list(): number[] {
    const entries: number[] = [];
    for (let e = 0; e < this.#is.length; e++) if (this.#is[e] === 1) entries.push(e);
    return entries;
  }

  #compare(e: number, a: number, b: number): void {
    if (a !== b && !(this.#held[e]! >= 0)) this.#is[e] = 1;
  }
}
