/**
 * The homotopy by which an entry on a breakpoint comes to slide or to go over it: its f is driven from one bound towards the other while
 * the sliding ones follow by −K_SS⁻¹K_Se; those of them that meet a bound on the way leave, and enter again if their velocity turns back.
 */
import { Basis } from "./basis.js";
import { BASIC, FREE, type MicroState, PINNED } from "./micro-state.js";

/** A rate below this part of the terms that it is the sum of is rounding. */
const RATE_ROUNDING = 1e-9;
/** Pivots, for each entry and in all, after which a drive has failed. */
const MOST_PIVOTS = [20, 50] as const;

export class Homotopy {
  readonly #s: MicroState;
  readonly #df: Float64Array;
  readonly #dw: Float64Array;
  /** Sizes of the terms of `dw`, in the order of `#free`. */
  readonly #terms: Float64Array;
  /** Those that do not slide. */
  readonly #free: Int32Array;
  readonly #open: Float64Array;
  /** Sliding entries whose normals are independent. */
  readonly #basis = new Basis();
  /** False where a drive did not come to an end. */
  settled = true;

  constructor(state: MicroState) {
    this.#s = state;
    this.#df = new Float64Array(state.capacity);
    this.#dw = new Float64Array(state.capacity);
    this.#terms = new Float64Array(state.capacity);
    this.#free = new Int32Array(state.capacity);
    this.#open = new Float64Array(state.capacity);
  }

  /** What slides at the start, with velocities brought to 0. */
  begin(): void {
    const s = this.#s;
    const { w, f, status } = s;
    const { size: k, gram, slides, place, breakpoints } = s.problem;
    this.settled = true;
    this.#basis.reset(k, gram);
    for (let e = 0; e < k; e++) {
      if (slides[e] === 0) continue;
      const b = place[e]!;
      s.on[e] = b;
      s.z[e] = breakpoints[e]![b]!;
      if (s.gain(e, b) > 0) {
        s.change(e, Math.min(Math.max(f[e]!, s.bound(e, false)), s.bound(e, true)));
        status[e] = BASIC;
      } else {
        // A boundary that repels by now holds nobody.
        s.leave(e, w[e]! > 0);
        s.change(e, s.bound(e, w[e]! > 0));
        s.released[e] = 1;
      }
    }
    for (let e = 0; e < k; e++) if (status[e] === BASIC) this.#hold(e);
    const { members } = this.#basis;
    const open = this.#open;
    open.fill(0, 0, k);
    for (const e of members) {
      open[e] = w[e]!;
      w[e] = 0;
    }
    for (let e = 0; e < k; e++) if (status[e] === PINNED) w[e] = 0;
    if (members.length > 0) this.#drive(-1, 1, open);
  }

  /** Moves f of `lead` to `goal`; whether it has come to slide on the way. */
  drive(lead: number, goal: number): boolean {
    return this.#drive(lead, goal, null);
  }

  /**
   * Moves f of `lead` to `goal`; with lead −1 the velocities `open` of the basis back in. The basis follows; its members leave and enter.
   * Whether the lead has come to slide.
   */
  #drive(lead: number, goal: number, open: Float64Array | null): boolean {
    const s = this.#s;
    const { size: k } = s.problem;
    const { w, f, status, released, piece, on } = s;
    const [df, dw] = [this.#df, this.#dw];
    const direction = lead < 0 ? 0 : Math.sign(goal - f[lead]!);
    let rest = lead < 0 ? 1 : Math.abs(goal - f[lead]!);
    for (let pivots = 0; ; pivots++) {
      if (pivots > MOST_PIVOTS[0] * k + MOST_PIVOTS[1]) {
        this.settled = false;
        return false;
      }
      this.#directions(lead, direction, open);
      let best = rest;
      let what: "goal" | "holds" | "leaves" | "enters" = "goal";
      let who = -1;
      if (lead >= 0 && s.gain(lead, on[lead]!) > 0 && w[lead]! * dw[lead]! < 0) {
        const t = -w[lead]! / dw[lead]!;
        if (t < best) [best, what, who] = [t, "holds", lead];
      }
      for (const e of this.#basis.members) {
        if (df[e] === 0) continue;
        const t = Math.max((s.bound(e, df[e]! > 0) - f[e]!) / df[e]!, 0);
        if (t < best) [best, what, who] = [t, "leaves", e];
      }
      for (let e = 0; e < k; e++) {
        if (released[e] === 0 || status[e] !== FREE || e === lead) continue;
        const sign = piece[e] === on[e]! + 1 ? 1 : -1;
        if (sign * dw[e]! >= 0 || s.gain(e, on[e]!) <= 0) continue;
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
        s.leave(who, isAbove);
        f[who] = s.bound(who, isAbove);
        w[who] = 0;
        released[who] = 1;
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
      released[who] = 0;
    }
  }

  /** `df` and `dw` for a unit of the drive; velocities of what slides stay. */
  #directions(lead: number, direction: number, open: Float64Array | null): void {
    const { status, problem } = this.#s;
    const { size: k, gram } = problem;
    const [df, dw, terms, free] = [this.#df, this.#dw, this.#terms, this.#free];
    const basis = this.#basis.members;
    df.fill(0, 0, k);
    dw.fill(0, 0, k);
    if (lead >= 0) df[lead] = direction;
    const solved = open === null ? this.#basis.project(lead) : this.#basis.solve(open);
    for (let i = 0; i < basis.length; i++)
      df[basis[i]!] = open === null ? -solved[i]! * direction : solved[i]!;
    let count = 0;
    for (let j = 0; j < k; j++) {
      if (status[j] !== FREE) continue;
      // Those that left since the drive began take theirs with them.
      if (open !== null) dw[j] = open[j]!;
      terms[count] = Math.abs(dw[j]!);
      free[count++] = j;
    }
    for (let i = lead < 0 ? 0 : -1; i < basis.length; i++) {
      const e = i < 0 ? lead : basis[i]!;
      const d = df[e]!;
      if (d === 0) continue;
      const size = Math.abs(d);
      for (let n = 0, row = e * k; n < count; n++) {
        const part = gram[row + free[n]!]!;
        dw[free[n]!]! -= part * d;
        terms[n]! += Math.abs(part) * size;
      }
    }
    for (let n = 0; n < count; n++) if (Math.abs(dw[free[n]!]!) < RATE_ROUNDING * terms[n]!) dw[free[n]!] = 0;
  }

  #hold(e: number): void {
    this.#s.status[e] = this.#basis.extend(e) ? BASIC : PINNED;
  }
}
