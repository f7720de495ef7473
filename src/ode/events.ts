/**
 * Event location for piecewise fields: many components z(t, y), each within a piece between two breakpoints; finds the first
 * time in an accepted step at which any of them leaves its piece, on the dense output. Knows steps, not what z means.
 */

import { ConfigError } from "../errors.js";
import { Memory } from "../memory.js";
import { requirePositive } from "./arguments.js";
import type { Step } from "./contracts.js";
import { exitTime, firstExcursion, mayLeave } from "./hermite-excursion.js";
import { type Breakpoints, PieceRanges, type ZTolerance } from "./piece-ranges.js";
import { nextTrial } from "./root.js";
import type { VectorSpace } from "./vector-space.js";

/** Tolerance on z where none is given: a component has left its piece when it is this far outside. */
const Z_TOLERANCE = 1e-12;
/** Tolerance on event times relative to the step, beside a few units in the last place of t. */
const TIME_TOLERANCE = 1e-12;
/** The same relative to the way from the step's start to the event: where a step is much longer than that, time alone would not resolve z. */
const WAY_TOLERANCE = 1e-9;
/** Chandrupatla's method needs about ten trials; a bracket of doubles is exhausted by bisection in this many at worst. */
const MAX_TRIALS = 120;

/** The event function: z(t, y) with many components, and where each has its breakpoints. */
export interface EventFunction<V> {
  readonly components: number;
  /** out ← z(t, y). */
  evaluate(t: number, y: V, out: Float64Array): Promise<void> | void;
  /** out ← dz/dt along y' = `derivative`: forecasts excursions inside a step and where they cross. */
  derivative(t: number, y: V, derivative: V, out: Float64Array): Promise<void> | void;
  readonly breakpoints?: Breakpoints;
}

/** One component that leaves piece `from` for the neighbouring piece `to`. */
export interface Crossing {
  readonly component: number;
  readonly from: number;
  readonly to: number;
}

/** What the slopes at the start of a step foretell. */
export interface Forecast {
  readonly component: number;
  /** Time until it leaves its piece. */
  readonly after: number;
  /** Whether to the piece above. */
  readonly isUp: boolean;
}

/** out ← dz/dt at the end of a step, from z and its slopes at the start and z at the end. */
export type EndSlopes = (
  start: Float64Array,
  startSlope: Float64Array,
  end: Float64Array,
  out: Float64Array,
) => void;

/** The first event of a step. */
export interface Event<V> {
  /** In [t0, t1] of the step; z is on the new side at t, or within the tolerance of the breakpoint. */
  readonly t: number;
  /** State at t and z there; buffers of the locator, valid until its next call. */
  readonly y: V;
  readonly z: Float64Array;
  /** All components that cross at t within tolerance, by increasing component. */
  readonly crossings: readonly Crossing[];
}

export interface EventLocatorOptions<V> {
  readonly space: VectorSpace<V>;
  readonly events: EventFunction<V>;
  /** Tolerance on z in its own units, of all components or of each, read at each step; default 1e-12. Set it above the rounding of z. */
  readonly zTolerance?: ZTolerance;
  /** Where the locator keeps its state, for a continuation from a checkpoint. Default nowhere. */
  readonly memory?: Memory;
}

interface Point {
  t: number;
  z: Float64Array;
}

interface LocatorState {
  evaluations: number;
  readonly ranges: PieceRanges["state"];
  start: Point;
  startSlope: Float64Array;
}

/** Follows the pieces of all components along the steps of one solver. */
export class EventLocator<V> {
  readonly #events: EventFunction<V>;
  readonly #y: V;
  readonly #state: LocatorState;
  readonly #ranges: PieceRanges;
  readonly #free: Float64Array[] = [];
  #endSlope: Float64Array;

  constructor(options: EventLocatorOptions<V>) {
    const { events, zTolerance = Z_TOLERANCE } = options;
    const n = events.components;
    if (typeof zTolerance === "number") requirePositive("events", "zTolerance", zTolerance);
    this.#events = events;
    this.#y = options.space.create();
    this.#ranges = new PieceRanges(n, events.breakpoints, zTolerance);
    this.#endSlope = new Float64Array(n);
    this.#state = (options.memory ?? new Memory()).keep("locator", {
      evaluations: 0,
      ranges: this.#ranges.state,
      start: { t: Number.NaN, z: new Float64Array(n) },
      startSlope: new Float64Array(n),
    });
  }

  /** The current piece of each component; changed through `setPiece`. */
  get pieces(): Int32Array {
    return this.#ranges.state.pieces;
  }

  /** Evaluations of z and of its derivative so far. */
  get evaluations(): number {
    return this.#state.evaluations;
  }

  /** Puts a component into a piece. */
  setPiece(component: number, piece: number): void {
    this.#ranges.put(component, piece);
  }

  /** Lets a component go where it likes, as one that is held on its breakpoint, until the next `setPiece`. */
  ignore(component: number): void {
    this.#ranges.free(component);
  }

  /** Looks at the first `count` components alone, until it is told otherwise. */
  watch(count: number): void {
    this.#ranges.state.count = count;
  }

  /** Slope of a component at the start of the next step, where more is known of it since. */
  bend(component: number, slope: number): void {
    this.#state.startSlope[component] = slope;
  }

  /** Begins anew at (t, y) with the pieces as they are, as after an event; `z` saves an evaluation where it is known. */
  async begin(t: number, y: V, derivative: V, z: Float64Array | null = null): Promise<void> {
    const { start, startSlope } = this.#state;
    start.t = t;
    if (z === null) await this.#evaluate(t, y, start.z);
    else start.z.set(z);
    await this.#slope(t, y, derivative, startSlope);
    this.#ranges.arm(this.#state.start.z);
  }

  /**
   * The first event of an accepted step that begins where the last one ended (or `begin` was called), or null. After an event
   * the pieces are unchanged: the caller sets them, restarts the solver and calls `begin`.
   * @param endSlopes in place of the derivative there, for a step after which `begin` is called in any case
   */
  async locate(step: Step<V>, endSlopes: EndSlopes | null = null): Promise<Event<V> | null> {
    if (step.t0 !== this.#state.start.t) {
      throw new ConfigError(
        `events: the step begins at ${step.t0}, but z is known at ${this.#state.start.t}; call begin.`,
      );
    }
    if (this.#ranges.anyOutside(this.#state.start.z))
      return this.#event(step, this.#state.start, this.#state.start);
    const end = await this.#point(step, step.t1);
    const { start, startSlope } = this.#state;
    if (endSlopes !== null) endSlopes(start.z, startSlope, end.z, this.#endSlope);
    else await this.#slope(step.t1, step.y1, step.derivative1, this.#endSlope);
    const found = await this.#firstIn(step, this.#state.start, end);
    if (found !== null) return found;
    // No event: the end of this step is the start of the next.
    this.#free.push(this.#state.start.z);
    this.#state.start = end;
    [this.#state.startSlope, this.#endSlope] = [this.#endSlope, this.#state.startSlope];
    this.#ranges.arm(this.#state.start.z);
    return null;
  }

  /**
   * The first event within `room` after where the locator is, if its slopes stay; of components whose value at a later time is known (it is
   * not NaN, nor beyond the end of `z`), if theirs bend as that tells.
   */
  ahead(room: number, later?: { readonly after: number; readonly z: Float64Array }): Forecast | null {
    let soonest = { component: -1, after: Infinity, bend: 0 };
    for (let e = 0; e < this.#ranges.state.count; e++) {
      const then = later?.z[e] ?? Number.NaN;
      const bend = Number.isNaN(then) ? 0 : this.#bendTo(e, then, later!.after);
      const after = this.#exit(e, bend);
      if (after <= room && after < soonest.after) soonest = { component: e, after, bend };
    }
    const { component, after } = soonest;
    return component < 0 ? null : { component, after, isUp: this.#isUp(soonest) };
  }

  /** Of the first `count` components, those that leave their pieces within `room` if their slopes stay. */
  within(room: number, count: number): number[] {
    const found: number[] = [];
    for (let e = 0; e < count; e++) if (this.#exit(e) <= room) found.push(e);
    return found;
  }

  /** When component e, on the parabola of this bend, leaves its piece; ∞ if it does not. */
  #exit(e: number, bend = 0): number {
    const { start, startSlope, ranges } = this.#state;
    const slack = ranges.threshold[e]!;
    return exitTime(start.z[e]!, startSlope[e]!, bend, ranges.low[e]! - slack, ranges.high[e]! + slack);
  }

  /** Half the second derivative of component e, if its value is `then` some time after. */
  #bendTo(e: number, then: number, after: number): number {
    const { start, startSlope } = this.#state;
    return (then - start.z[e]! - startSlope[e]! * after) / after ** 2;
  }

  /** Whether a component that leaves its piece goes to the one above. */
  #isUp({ component: e, after, bend }: { component: number; after: number; bend: number }): boolean {
    const { start, startSlope, ranges } = this.#state;
    const z = start.z[e]! + (startSlope[e]! + bend * after) * after;
    return ranges.high[e]! - z < z - ranges.low[e]!;
  }

  /** The first event in (left.t, right.t], the whole step; nothing has left its piece at `left`. Frees `right` where there is one. */
  async #firstIn(step: Step<V>, left: Point, right: Point): Promise<Event<V> | null> {
    const isOutside = this.#ranges.anyOutside(right.z);
    const forecasts = this.#forecast(step, right);
    const guess =
      forecasts.find(({ component }) => this.#ranges.excess(component, right.z) > 0)?.crossing ?? null;
    for (const { crossing, peak } of forecasts) {
      if (peak >= right.t || crossing >= (guess ?? right.t)) continue;
      const top = await this.#point(step, peak);
      if (this.#ranges.anyOutside(top.z)) {
        const event = await this.#narrow(step, left, top, crossing);
        this.#free.push(right.z);
        return event;
      }
      this.#free.push(top.z);
    }
    return isOutside ? this.#narrow(step, left, right, guess) : null;
  }

  /** Excursions that the cubics through both ends of the step foretell, by increasing time of crossing. */
  #forecast(step: Step<V>, end: Point): { component: number; crossing: number; peak: number }[] {
    const found: { component: number; crossing: number; peak: number }[] = [];
    const { h, t0 } = step;
    const { count, low: lows, high: highs, threshold } = this.#ranges.state;
    const [start, startSlope, ending, endSlope] = [
      this.#state.start.z,
      this.#state.startSlope,
      end.z,
      this.#endSlope,
    ];
    for (let e = 0; e < count; e++) {
      const low = lows[e]! - threshold[e]!;
      const high = highs[e]! + threshold[e]!;
      const z0 = start[e]!;
      const z1 = ending[e]!;
      const d0 = h * startSlope[e]!;
      const d1 = h * endSlope[e]!;
      if (!mayLeave(z0, z1, d0, d1, low, high)) continue;
      const excursion = firstExcursion({ z0, z1, d0, d1 }, low, high);
      if (excursion === null) continue;
      const crossing = t0 + h * excursion.crossing;
      const peak = excursion.peak === 1 ? step.t1 : t0 + h * excursion.peak;
      if (crossing < step.t1 && peak > t0) found.push({ component: e, crossing, peak });
    }
    return found.sort((a, b) => a.crossing - b.crossing);
  }

  /** Closes the bracket between `left`, where all is inside, and `right`, where something is outside. Frees `right`. */
  async #narrow(step: Step<V>, left: Point, right: Point, guess: number | null): Promise<Event<V>> {
    const ulp = Number.EPSILON * Math.max(Math.abs(step.t0), Math.abs(step.t1));
    const toleranceAt = (t: number): number =>
      Math.max(4 * ulp, Math.min(TIME_TOLERANCE * step.h, WAY_TOLERANCE * (t - step.t0)));
    const first = left;
    let [newest, other] = [right, left];
    let third: Point | null = null;
    let [low, high] = [left, right];
    let trial = guess;
    for (let i = 0; i < MAX_TRIALS && high.t - low.t > toleranceAt(high.t); i++) {
      if (this.#ranges.isBarelyOutside(high.z)) break;
      const tolerance = toleranceAt(high.t);
      const leader = this.#ranges.leader(low.z, high.z);
      const upper = this.#ranges.isAbove(leader, high.z);
      const at = (point: Point): [number, number] => [point.t, this.#ranges.excess(leader, point.z, upper)];
      let t = nextTrial(at(newest), at(other), third && at(third), tolerance / 2);
      // A forecast is worth one trial, a hair to the right of it so that it becomes the upper end.
      if (trial !== null && trial > low.t && trial + toleranceAt(trial) < high.t)
        t = trial + toleranceAt(trial);
      trial = null;
      if (!(t > low.t && t < high.t)) break;
      const point = await this.#point(step, t);
      const outside = this.#ranges.anyOutside(point.z);
      const dropped: Point | null = third;
      if (outside === (newest === high)) third = newest;
      else {
        third = other;
        other = newest;
      }
      newest = point;
      if (outside) high = point;
      else low = point;
      if (dropped !== null && dropped !== first) this.#free.push(dropped.z);
    }
    const event = await this.#event(step, first, high);
    for (const point of new Set([newest, other, third])) {
      if (point !== null && point !== first && point !== this.#state.start) this.#free.push(point.z);
    }
    return event;
  }

  /** Collects everything that crosses at `point`, seen from `before`. */
  async #event(step: Step<V>, before: Point, point: Point): Promise<Event<V>> {
    const pending = step.interpolate(point.t, this.#y);
    if (pending) await pending;
    const crossings: Crossing[] = [];
    const { count, low, high, threshold } = this.#ranges.state;
    const z = point.z.slice(0, count);
    for (let e = 0; e < count; e++) {
      const tolerance = this.#ranges.toleranceOf(e);
      const above = z[e]! - high[e]!;
      const below = low[e]! - z[e]!;
      const up = above >= below;
      const outside = Math.max(above, below);
      if (outside <= -tolerance) continue;
      const from = this.pieces[e]!;
      const earlier = up ? before.z[e]! - high[e]! : low[e]! - before.z[e]!;
      // Outside, or at the breakpoint within tolerance and on its way out.
      const isOutside = outside > threshold[e]!;
      const arrives = outside > earlier + tolerance;
      if (isOutside || arrives) crossings.push({ component: e, from, to: up ? from + 1 : from - 1 });
    }
    return { t: point.t, y: this.#y, z, crossings };
  }

  async #point(step: Step<V>, t: number): Promise<Point> {
    const z = this.#free.pop() ?? new Float64Array(this.pieces.length);
    if (t === step.t1) {
      await this.#evaluate(t, step.y1, z);
      return { t, z };
    }
    const pending = step.interpolate(t, this.#y);
    if (pending) await pending;
    await this.#evaluate(t, this.#y, z);
    return { t, z };
  }

  async #evaluate(t: number, y: V, out: Float64Array): Promise<void> {
    this.#state.evaluations++;
    const pending = this.#events.evaluate(t, y, out);
    if (pending) await pending;
  }

  async #slope(t: number, y: V, derivative: V, out: Float64Array): Promise<void> {
    this.#state.evaluations++;
    const pending = this.#events.derivative(t, y, derivative, out);
    if (pending) await pending;
  }
}
