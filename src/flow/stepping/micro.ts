/**
 * What a few pre-activations do within one step while everything else stands still: z' = v − K(f − f_ref) with f_e = c_e·S_e, S_e the slope
 * of the piece that z_e is on, K the Gram matrix of their normals. A piecewise-linear problem, solved event by event and without a
 * gradient. An entry that arrives at a breakpoint has its f driven from one bound towards the other while those that slide follow by
 * −K_SS⁻¹K_Se; it stops where its velocity is 0 (it slides) or at the far bound (it crosses). Sliding entries that meet a bound on the way
 * leave, and enter again if their velocity turns back. The same homotopy settles the start. See docs/math.md, "Stepping over kinks".
 */

import { Basis } from "./basis.js";

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

/** Rates and velocities below these parts of the terms that they are sums of are rounding. */
const RATE_ROUNDING = 1e-9;
const VELOCITY_ROUNDING = 1e-12;
/** Events and pivots, for each entry and in all, after which a simulation has failed. */
const MOST_EVENTS = [40, 200] as const;
const MOST_PIVOTS = [20, 50] as const;

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

const FREE = 0;
/** Slides, its normal in the basis. */
const BASIC = 1;
/** Slides, its normal in the span of the basis: f stays. */
const PINNED = 2;

export function simulate(problem: MicroProblem): MicroResult {
  return new Simulation(problem).run();
}

class Simulation {
  readonly #p: MicroProblem;
  readonly #z: Float64Array;
  readonly #w: Float64Array;
  readonly #f: Float64Array;
  readonly #df: Float64Array;
  readonly #dw: Float64Array;
  /** Sizes of the terms of `w` and `dw`. */
  readonly #scale: Float64Array;
  readonly #terms: Float64Array;
  readonly #sum: Float64Array;
  readonly #piece: Int32Array;
  /** The breakpoint that an entry is on, while it is on one. */
  readonly #on: Int32Array;
  readonly #status: Uint8Array;
  /** Released at this instant. */
  readonly #released: Uint8Array;
  readonly #lowest: Int32Array;
  readonly #highest: Int32Array;
  /** Sliding entries whose normals are independent. */
  readonly #basis: Basis;
  readonly #events: MicroEvent[] = [];
  readonly #margin: Float64Array;
  readonly #missed: Int32Array;
  /** Sign of the velocity on the last stretch. */
  readonly #heading: Int8Array;
  readonly #over = new Map<number, Crossed>();
  #settled = true;

  constructor(problem: MicroProblem) {
    const k = problem.size;
    this.#p = problem;
    this.#z = problem.z.slice(0, k);
    this.#w = problem.velocity.slice(0, k);
    this.#f = new Float64Array(k);
    this.#df = new Float64Array(k);
    this.#dw = new Float64Array(k);
    this.#scale = new Float64Array(k);
    this.#terms = new Float64Array(k);
    this.#sum = new Float64Array(k);
    this.#piece = problem.place.slice(0, k);
    this.#on = new Int32Array(k).fill(-1);
    this.#status = new Uint8Array(k);
    this.#released = new Uint8Array(k);
    this.#lowest = problem.place.slice(0, k);
    this.#highest = problem.place.slice(0, k);
    this.#basis = new Basis(k, problem.gram);
    this.#margin = new Float64Array(k).fill(Infinity);
    this.#missed = new Int32Array(k);
    this.#heading = new Int8Array(k);
  }

  run(): MicroResult {
    const { size: k, duration, breakpoints } = this.#p;
    this.#begin();
    const [z, w, status, piece] = [this.#z, this.#w, this.#status, this.#piece];
    let time = 0;
    for (let events = 0; ; events++) {
      let rest = duration - time;
      let lead = -1;
      let target = -1;
      if (events > MOST_EVENTS[0] * k + MOST_EVENTS[1]) this.#settled = false;
      for (let e = 0; e < k && this.#settled; e++) {
        const speed = w[e]!;
        if (status[e] !== FREE || Math.abs(speed) < VELOCITY_ROUNDING * this.#scale[e]!) continue;
        const next = speed > 0 ? piece[e]! : piece[e]! - 1;
        const position = breakpoints[e]![next];
        if (position === undefined || speed === 0) continue;
        const arrival = Math.max((position - z[e]!) / speed, 0);
        if (arrival < rest) {
          rest = arrival;
          lead = e;
          target = next;
        }
      }
      this.#pass(rest);
      time += rest;
      if (lead < 0) break;
      this.#arrive(lead, target, time);
    }
    return this.#result();
  }

  /** (σ'₊ − σ'₋)·c: positive where the boundary attracts. */
  #gain(e: number, b: number): number {
    const slopes = this.#p.slopes[e]!;
    return (slopes[b + 1]! - slopes[b]!) * this.#p.signal[e]!;
  }

  #bound(e: number, isUpper: boolean): number {
    return this.#p.signal[e]! * this.#p.slopes[e]![this.#on[e]! + (isUpper ? 1 : 0)]!;
  }

  #change(e: number, f: number): void {
    const { size: k, gram } = this.#p;
    const d = f - this.#f[e]!;
    this.#f[e] = f;
    if (d !== 0) for (let j = 0, at = e * k; j < k; j++, at++) this.#w[j]! -= gram[at]! * d;
  }

  #begin(): void {
    const { size: k, gram, signal, reference, slope, slides, place, breakpoints, velocity } = this.#p;
    const [w, f, scale, status] = [this.#w, this.#f, this.#scale, this.#status];
    for (let e = 0; e < k; e++) scale[e] = Math.abs(velocity[e]!);
    for (let e = 0; e < k; e++) {
      f[e] = signal[e]! * slope[e]!;
      const d = f[e]! - reference[e]!;
      const size = Math.abs(f[e]!) + Math.abs(reference[e]!);
      for (let j = 0, at = e * k; j < k; j++, at++) {
        if (d !== 0) w[j]! -= gram[at]! * d;
        scale[j]! += Math.abs(gram[at]!) * size;
      }
    }
    for (let e = 0; e < k; e++) {
      if (slides[e] === 0) continue;
      const b = place[e]!;
      this.#on[e] = b;
      this.#z[e] = breakpoints[e]![b]!;
      this.#highest[e] = b + 1;
      if (this.#gain(e, b) > 0) {
        this.#change(e, Math.min(Math.max(f[e]!, this.#bound(e, false)), this.#bound(e, true)));
        status[e] = BASIC;
      } else {
        // A boundary that repels by now holds nobody.
        this.#leave(e, w[e]! > 0);
        this.#change(e, this.#bound(e, w[e]! > 0));
        this.#released[e] = 1;
      }
    }
    for (let e = 0; e < k; e++) if (status[e] === BASIC) this.#hold(e);
    const open = new Float64Array(k);
    for (const e of this.#basis.members) {
      open[e] = w[e]!;
      w[e] = 0;
    }
    for (let e = 0; e < k; e++) if (status[e] === PINNED) w[e] = 0;
    if (this.#basis.members.length > 0) this.#drive(-1, 1, open);
    this.#settle(0);
  }

  #pass(duration: number): void {
    const { size: k, signal, slopes, slope } = this.#p;
    for (const [e, over] of this.#over) {
      over.beyond += duration * over.direction * (this.#w[e]! - over.gained);
      over.farthest = Math.max(over.farthest, over.beyond);
    }
    for (let e = 0; e < k; e++) {
      this.#see(e);
      if (this.#status[e] === FREE) {
        this.#sum[e]! += duration * slopes[e]![this.#piece[e]!]!;
        this.#z[e]! += duration * this.#w[e]!;
      } else this.#sum[e]! += duration * (signal[e] !== 0 ? this.#f[e]! / signal[e]! : slope[e]!);
    }
  }

  /** Whether others have turned e back before a breakpoint that repels. */
  #see(e: number): void {
    const sign = this.#status[e] === FREE ? Math.sign(this.#w[e]!) : 0;
    const heading = this.#heading[e]!;
    this.#heading[e] = sign;
    if (sign * heading >= 0) return;
    const b = heading > 0 ? this.#piece[e]! : this.#piece[e]! - 1;
    const position = this.#p.breakpoints[e]![b];
    if (position === undefined || this.#gain(e, b) >= 0) return;
    this.#miss(e, b, Math.abs(position - this.#z[e]!));
  }

  #miss(e: number, b: number, margin: number): void {
    if (!(margin < this.#margin[e]!)) return;
    this.#margin[e] = margin;
    this.#missed[e] = b;
  }

  /** An entry on the breakpoint b: crosses, or slides. */
  #arrive(e: number, b: number, time: number): void {
    const isUp = this.#w[e]! > 0;
    this.#on[e] = b;
    this.#z[e] = this.#p.breakpoints[e]![b]!;
    const goal = this.#bound(e, isUp);
    const before = this.#w[e]!;
    const holds = this.#drive(e, goal, null);
    this.#lowest[e] = Math.min(this.#lowest[e]!, b);
    this.#highest[e] = Math.max(this.#highest[e]!, b + 1);
    if (holds) this.#note(time, e, "entersSliding", !isUp);
    else {
      this.#f[e] = goal;
      this.#piece[e] = isUp ? b + 1 : b;
      if (this.#gain(e, b) < 0) {
        // What slides follows, and takes its part of the push.
        const gained = this.#w[e]! - before;
        this.#over.set(e, { breakpoint: b, direction: isUp ? 1 : -1, gained, beyond: 0, farthest: 0 });
        this.#heading[e] = 0;
      }
      this.#note(time, e, "crossing", isUp);
    }
    this.#settle(time);
  }

  #note(time: number, entry: number, kind: MicroEvent["kind"], isAbove: boolean): void {
    this.#events.push({ time, entry, kind, breakpoint: this.#on[entry]!, isAbove });
  }

  /** Those released at this instant have left. */
  #settle(time: number): void {
    const { size: k } = this.#p;
    for (let e = 0; e < k; e++) {
      if (this.#released[e] === 0) continue;
      this.#released[e] = 0;
      if (this.#status[e] === FREE) this.#note(time, e, "leavesSliding", this.#piece[e] === this.#on[e]! + 1);
    }
  }

  #leave(e: number, isAbove: boolean): void {
    this.#status[e] = FREE;
    this.#piece[e] = this.#on[e]! + (isAbove ? 1 : 0);
    this.#z[e] = this.#p.breakpoints[e]![this.#on[e]!]!;
  }

  /**
   * Moves f of `lead` to `goal`; with lead −1 the velocities `open` of the basis back in. The basis follows; its members leave and enter.
   * Whether the lead has come to slide.
   */
  #drive(lead: number, goal: number, open: Float64Array | null): boolean {
    const { size: k } = this.#p;
    const [w, f, df, dw, status] = [this.#w, this.#f, this.#df, this.#dw, this.#status];
    const direction = lead < 0 ? 0 : Math.sign(goal - f[lead]!);
    let rest = lead < 0 ? 1 : Math.abs(goal - f[lead]!);
    for (let pivots = 0; ; pivots++) {
      if (pivots > MOST_PIVOTS[0] * k + MOST_PIVOTS[1]) {
        this.#settled = false;
        return false;
      }
      this.#directions(lead, direction, open);
      let best = rest;
      let what: "goal" | "holds" | "leaves" | "enters" = "goal";
      let who = -1;
      if (lead >= 0 && this.#gain(lead, this.#on[lead]!) > 0 && w[lead]! * dw[lead]! < 0) {
        const t = -w[lead]! / dw[lead]!;
        if (t < best) [best, what, who] = [t, "holds", lead];
      }
      for (const e of this.#basis.members) {
        if (df[e] === 0) continue;
        const t = Math.max((this.#bound(e, df[e]! > 0) - f[e]!) / df[e]!, 0);
        if (t < best) [best, what, who] = [t, "leaves", e];
      }
      for (let e = 0; e < k; e++) {
        if (this.#released[e] === 0 || status[e] !== FREE || e === lead) continue;
        const sign = this.#piece[e] === this.#on[e]! + 1 ? 1 : -1;
        if (sign * dw[e]! >= 0 || this.#gain(e, this.#on[e]!) <= 0) continue;
        const t = Math.max((sign * w[e]!) / -(sign * dw[e]!), 0);
        if (t < best) [best, what, who] = [t, "enters", e];
      }
      for (let e = 0; e < k; e++) {
        f[e]! += best * df[e]!;
        w[e]! += best * dw[e]!;
      }
      rest -= best;
      if (what === "goal") return false;
      if (what === "leaves") {
        const isAbove = df[who]! > 0;
        this.#basis.drop(who);
        this.#leave(who, isAbove);
        f[who] = this.#bound(who, isAbove);
        w[who] = 0;
        this.#released[who] = 1;
        for (let e = 0; e < k; e++) {
          if (status[e] !== PINNED || !this.#basis.extend(e)) continue;
          status[e] = BASIC;
          w[e] = 0;
          if (open !== null) open[e] = 0;
        }
        continue;
      }
      this.#hold(who);
      w[who] = 0;
      if (what === "holds") return true;
      this.#released[who] = 0;
    }
  }

  /** `df` and `dw` for a unit of the drive. */
  #directions(lead: number, direction: number, open: Float64Array | null): void {
    const { size: k, gram } = this.#p;
    const [df, dw, terms, status] = [this.#df, this.#dw, this.#terms, this.#status];
    const { members: basis, inverse } = this.#basis;
    const m = basis.length;
    df.fill(0);
    if (lead >= 0) df[lead] = direction;
    for (let i = 0; i < m; i++) {
      let sum = 0;
      for (let j = 0; j < m; j++) {
        const b = basis[j]!;
        sum += inverse[i * k + j]! * (lead < 0 ? open![b]! : gram[lead * k + b]!);
      }
      df[basis[i]!] = lead < 0 ? sum : -sum * direction;
    }
    for (let j = 0; j < k; j++) {
      dw[j] = open === null ? 0 : open[j]!;
      terms[j] = Math.abs(dw[j]!);
    }
    const add = (e: number): void => {
      const d = df[e]!;
      if (d === 0) return;
      const size = Math.abs(d);
      for (let j = 0, at = e * k; j < k; j++, at++) {
        dw[j]! -= gram[at]! * d;
        terms[j]! += Math.abs(gram[at]!) * size;
      }
    };
    if (lead >= 0) add(lead);
    for (const e of basis) add(e);
    for (const e of basis) dw[e] = 0;
    for (let j = 0; j < k; j++)
      if (status[j] === PINNED || Math.abs(dw[j]!) < RATE_ROUNDING * terms[j]!) dw[j] = 0;
  }

  #hold(e: number): void {
    this.#status[e] = this.#basis.extend(e) ? BASIC : PINNED;
  }

  #result(): MicroResult {
    const { size: k, signal, slopes, slope: start, duration } = this.#p;
    const slides = this.#status.map((status) => (status === FREE ? 0 : 1));
    const place = this.#piece.slice();
    const slope = new Float64Array(k);
    for (let e = 0; e < k; e++) {
      if (slides[e] === 0) slope[e] = slopes[e]![place[e]!]!;
      else {
        place[e] = this.#on[e]!;
        slope[e] = signal[e] !== 0 ? this.#f[e]! / signal[e]! : start[e]!;
      }
    }
    for (const [e, { breakpoint, beyond, farthest }] of this.#over)
      if (beyond < farthest) this.#miss(e, breakpoint, farthest);
    return {
      mean: this.#sum.map((sum) => sum / duration),
      place,
      slides,
      slope,
      lowest: this.#lowest,
      highest: this.#highest,
      events: this.#events,
      margin: this.#margin,
      missed: this.#missed,
      settled: this.#settled,
    };
  }
}
