/** Entries that may change their pieces within a step: those that slide, and what is added. They stay for all passes. */
import type { Sides } from "./sides.js";

export class Candidates {
  readonly #sides: Sides;
  readonly #held: Float64Array;
  readonly #is: Uint8Array;

  /** @param sites how many there are */
  constructor(
    sides: Sides,
    private readonly sites: number,
    held: Float64Array,
  ) {
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

  /** Those that have another piece at z₀ + share·(z₁ − z₀), for any of `shares`, than in `pieces`. */
  addMoved(z0: Float64Array, z1: Float64Array, shares: readonly number[], pieces: Float64Array): void {
    const { kinks } = this.#sides;
    for (let site = 0; site < this.sites; site++) {
      const [from, to] = kinks.rangeOf(site);
      const breakpoints = to > from ? kinks.breakpoints(from) : [];
      for (let e = from; e < to; e++) {
        const before = pieces[e]!;
        for (let k = 0; k < shares.length; k++) {
          const share = shares[k]!;
          const z = share === 1 ? z1[e]! : (1 - share) * z0[e]! + share * z1[e]!;
          let piece = 0;
          for (let b = 0; b < breakpoints.length; b++) if (z > breakpoints[b]!) piece++;
          if (piece !== before) this.#compare(e, this.#sides.pieceOf(e, z, before), before);
        }
      }
    }
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
