/**
 * The side of a breakpoint that an entry has while it is on it. Behind dead units z does not move at all: a tie of max-pool among windows
 * of zeros, a ReLU behind ReLUs without biases. What goes on before such an entry hangs on the side that it will leave to, for the signal
 * passes through it: a unit that slides has one only if the entry behind it is on the side that the unit would push it to. So the side is
 * kept for as long as z stays on the breakpoint, and taken anew where z leaves it.
 */
import type { Kinks } from "../boundaries/kinks.js";

/** Relative to the values of its site, an entry this near its breakpoint is on it. */
const ON_BREAKPOINT = 1e-12;

export class Sides {
  readonly #near: readonly number[];

  /** @param scales sizes of the pre-activations of each site */
  constructor(
    readonly kinks: Kinks,
    scales: readonly number[],
  ) {
    this.#near = scales.map((scale) => ON_BREAKPOINT * scale);
  }

  /** Entries on a breakpoint that do not slide on it. */
  restingAt(z: Float64Array, held: Float64Array): readonly number[] {
    const resting: number[] = [];
    this.#near.forEach((near, site) => {
      const [from, to] = this.kinks.rangeOf(site);
      if (to === from) return;
      const breakpoints = this.kinks.breakpoints(from);
      for (let b = 0; b < breakpoints.length; b++)
        for (let e = from; e < to; e++)
          if (Math.abs(z[e]! - breakpoints[b]!) <= near && held[e]! < 0) resting.push(e);
    });
    return resting;
  }

  /** The piece of an entry, on a breakpoint that of `before`: a piece, or fractional where it slid, which is no side. */
  pieceOf(entry: number, z: number, before: number): number {
    const plain = this.kinks.pieceOf(entry, z);
    if (plain === before || !Number.isInteger(before)) return plain;
    const near = this.#nearOf(entry);
    const breakpoints = this.kinks.breakpoints(entry);
    let piece = 0;
    for (let b = 0; b < breakpoints.length; b++) {
      const beyond = z - breakpoints[b]!;
      if (Math.abs(beyond) <= near ? before > b : beyond > 0) piece++;
    }
    return piece;
  }

  /** The same of all entries. */
  piecesOf(
    z: Float64Array,
    before: Float64Array,
    pieces: Float64Array = new Float64Array(z.length),
  ): Float64Array {
    pieces.set(before);
    this.eachOff(z, z, 1, before, (e) => {
      pieces[e] = this.pieceOf(e, z[e]!, before[e]!);
    });
    return pieces;
  }

  /**
   * Visits the entries that are not within their pieces at z = z₀ + share·(z₁ − z₀), those that slide among them. Nearly all are: asked so, the
   * processor foresees the answer, as it does not foresee on which piece an entry is.
   */
  eachOff(
    z0: Float64Array,
    z1: Float64Array,
    share: number,
    pieces: Float64Array,
    visit: (entry: number, z: number) => void,
  ): void {
    for (let site = 0; site < this.#near.length; site++) {
      const [from, to] = this.kinks.rangeOf(site);
      const bounds = this.kinks.boundsOf(site);
      for (let e = from; e < to; e++) {
        const z = share === 1 ? z1[e]! : (1 - share) * z0[e]! + share * z1[e]!;
        const piece = pieces[e]!;
        const whole = piece | 0;
        if (piece !== whole || !(z > bounds[whole]! && z <= bounds[whole + 1]!)) visit(e, z);
      }
    }
  }

  /** Whether z is on a breakpoint of the entry. */
  isOn(entry: number, z: number): boolean {
    return this.kinks.breakpoints(entry).some((b) => Math.abs(z - b) <= this.#nearOf(entry));
  }

  #nearOf(entry: number): number {
    let site = 0;
    while (entry >= this.kinks.rangeOf(site)[1]) site++;
    return this.#near[site]!;
  }

  /** Gives the resting ones the sides that they have at z; whether any is another than in `pieces`. */
  take(resting: readonly number[], z: Float64Array, pieces: Float64Array): boolean {
    let isNew = false;
    for (const e of resting) {
      const piece = this.pieceOf(e, z[e]!, pieces[e]!);
      isNew ||= piece !== pieces[e];
      pieces[e] = piece;
    }
    return isNew;
  }
}
