/**
 * The piece that each of many components is in, between two of its breakpoints, and how far outside it a value lies. What a located event
 * leaves a little outside has to go further to count again.
 */

import { ConfigError } from "../errors.js";

/** A component may start this many tolerances outside its piece (what a located event leaves) and is not an event by that. */
const START_SLACK = 100;

const atZero: readonly number[] = [0];

/** Breakpoints in increasing order, of all components or by component; default one at 0. Piece p ends at number p. */
export type Breakpoints = readonly number[] | ((component: number) => readonly number[]);

/** How far outside its piece a component counts as outside: of all, or by component. */
export type ZTolerance = number | ((component: number) => number);

export class PieceRanges {
  /** All that is mutable, plain: for a checkpoint. */
  readonly state: {
    /** Components beyond this many are not looked at. */
    count: number;
    /** −1 of those that go where they like. */
    readonly pieces: Int32Array;
    /** Ends of the present piece of each component. */
    readonly low: Float64Array;
    readonly high: Float64Array;
    /** How far outside its piece a component has to be in this step. */
    readonly threshold: Float64Array;
  };
  readonly #of: (component: number) => readonly number[];
  readonly toleranceOf: (component: number) => number;

  constructor(components: number, breakpoints: Breakpoints | undefined, tolerance: ZTolerance) {
    this.#of = typeof breakpoints === "function" ? breakpoints : () => breakpoints ?? atZero;
    this.toleranceOf = typeof tolerance === "function" ? tolerance : () => tolerance;
    this.state = {
      count: components,
      pieces: new Int32Array(components).fill(-1),
      low: new Float64Array(components).fill(-Infinity),
      high: new Float64Array(components).fill(Infinity),
      threshold: new Float64Array(components),
    };
  }

  /** Puts a component into a piece. */
  put(component: number, piece: number): void {
    if (this.state.pieces[component] === piece) return;
    const breakpoints = this.#of(component);
    if (!(piece >= 0 && piece <= breakpoints.length)) {
      throw new ConfigError(
        `events: piece of component ${component} must lie in 0..${breakpoints.length}, got ${piece}.`,
      );
    }
    const { pieces, low, high } = this.state;
    pieces[component] = piece;
    low[component] = breakpoints[piece - 1] ?? -Infinity;
    high[component] = breakpoints[piece] ?? Infinity;
  }

  /** Lets a component go where it likes until the next `put`. */
  free(component: number): void {
    this.state.pieces[component] = -1;
    this.state.low[component] = -Infinity;
    this.state.high[component] = Infinity;
  }

  /** Thresholds of the step that starts at z: a component that starts a little outside has to go further to count. */
  arm(z: Float64Array): void {
    const { count, low, high, threshold } = this.state;
    for (let e = 0; e < count; e++) {
      const tolerance = this.toleranceOf(e);
      const outside = Math.max(z[e]! - high[e]!, low[e]! - z[e]!);
      const isSlight = outside > 0 && outside <= START_SLACK * tolerance;
      threshold[e] = tolerance + (isSlight ? outside : 0);
    }
  }

  /** Distance outside the piece beyond the threshold; `upper` picks the side, else the nearer one counts. */
  excess(e: number, z: Float64Array, upper?: boolean): number {
    const { low, high, threshold } = this.state;
    const above = z[e]! - high[e]!;
    const below = low[e]! - z[e]!;
    const outside = upper === undefined ? Math.max(above, below) : upper ? above : below;
    return outside - threshold[e]!;
  }

  /** Whether the component has left its piece at the upper end. */
  isAbove(e: number, z: Float64Array): boolean {
    return z[e]! > this.state.high[e]!;
  }

  anyOutside(z: Float64Array): boolean {
    const { count, low, high, threshold } = this.state;
    for (let e = 0; e < count; e++) {
      if (z[e]! - high[e]! > threshold[e]! || low[e]! - z[e]! > threshold[e]!) return true;
    }
    return false;
  }

  /** Whether no component is farther outside than one tolerance more than counts: it is on its breakpoint as far as the tolerance tells. */
  isBarelyOutside(z: Float64Array): boolean {
    for (let e = 0; e < this.state.count; e++) if (this.excess(e, z) > this.toleranceOf(e)) return false;
    return true;
  }

  /** Of the components outside at `after` and inside at `before`, the one whose chord crosses first. */
  leader(before: Float64Array, after: Float64Array): number {
    const { count, low, high, threshold } = this.state;
    let leader = -1;
    let earliest = Infinity;
    for (let e = 0; e < count; e++) {
      const above = Math.max(after[e]! - high[e]!, low[e]! - after[e]!) - threshold[e]!;
      if (above <= 0) continue;
      const below = this.excess(e, before, after[e]! > high[e]!);
      const fraction = below / (below - above);
      if (leader < 0 || fraction < earliest) {
        earliest = fraction;
        leader = e;
      }
    }
    return leader;
  }
}
