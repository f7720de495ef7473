/**
 * What a few pre-activations do within one step while everything else stands still: z' = v − K(f − f_ref) with f_e = c_e·S_e, S_e the slope
 * of the piece that z_e is on, K the Gram matrix of their normals. A piecewise-linear problem, solved event by event and without a
 * gradient: an entry that arrives at a breakpoint is driven over it or comes to slide (homotopy.ts). The same settles the start. See
 * docs/math.md, "Stepping over kinks".
 */

import { Homotopy } from "./homotopy.js";
import { FREE, type MicroEvent, type MicroProblem, type MicroResult, MicroState } from "./micro-state.js";
import { Misses } from "./misses.js";

/** A velocity below this part of the terms that it is the sum of is rounding. */
const VELOCITY_ROUNDING = 1e-12;
/** Events, for each entry and in all, after which a simulation has failed. */
const MOST_EVENTS = [40, 200] as const;

export function simulate(problem: MicroProblem): MicroResult {
  return new Simulator(problem.size).simulate(problem);
}

/** Simulates blocks of up to `capacity` entries one after the other, each result in the buffers of the one before. */
export class Simulator {
  readonly #s: MicroState;
  readonly #homotopy: Homotopy;
  readonly #misses: Misses;
  readonly #mean: Float64Array;
  readonly #lowest: Int32Array;
  readonly #highest: Int32Array;
  readonly #slope: Float64Array;
  readonly #slides: Uint8Array;
  #events: MicroEvent[] = [];

  constructor(capacity: number) {
    this.#s = new MicroState(capacity);
    this.#homotopy = new Homotopy(this.#s);
    this.#misses = new Misses(this.#s);
    this.#mean = new Float64Array(capacity);
    this.#lowest = new Int32Array(capacity);
    this.#highest = new Int32Array(capacity);
    this.#slope = new Float64Array(capacity);
    this.#slides = new Uint8Array(capacity);
  }

  simulate(problem: MicroProblem): MicroResult {
    const { size: k, duration } = problem;
    const { z, w, scale, status, piece, below, above } = this.#s;
    this.#begin(problem);
    let isSettled = true;
    let time = 0;
    for (let events = 0; ; events++) {
      let rest = duration - time;
      let lead = -1;
      let target = -1;
      if (events > MOST_EVENTS[0] * k + MOST_EVENTS[1]) isSettled = false;
      if (!this.#homotopy.settled) isSettled = false;
      for (let e = 0; e < k && isSettled; e++) {
        const speed = w[e]!;
        if (status[e] !== FREE || speed === 0 || Math.abs(speed) < VELOCITY_ROUNDING * scale[e]!) continue;
        const position = speed > 0 ? above[e]! : below[e]!;
        const arrival = Math.max((position - z[e]!) / speed, 0);
        if (arrival < rest) {
          rest = arrival;
          lead = e;
          target = speed > 0 ? piece[e]! : piece[e]! - 1;
        }
      }
      this.#pass(rest);
      time += rest;
      if (lead < 0) break;
      this.#arrive(lead, target, time);
    }
    return this.#result(isSettled);
  }

  #begin(problem: MicroProblem): void {
    const { size: k, slides, place } = problem;
    this.#events = [];
    this.#mean.fill(0, 0, k);
    this.#misses.reset(k);
    this.#s.take(problem);
    for (let e = 0; e < k; e++) {
      this.#lowest[e] = place[e]!;
      this.#highest[e] = place[e]! + (slides[e] === 0 ? 0 : 1);
    }
    this.#homotopy.begin();
    this.#settle(0);
  }

  #pass(duration: number): void {
    const { problem, status, z, w, f, slope: own } = this.#s;
    const { size: k, signal, slope } = problem;
    const mean = this.#mean;
    this.#misses.pass(duration);
    for (let e = 0; e < k; e++) {
      if (status[e] === FREE) {
        mean[e]! += duration * own[e]!;
        z[e]! += duration * w[e]!;
      } else mean[e]! += duration * (signal[e] !== 0 ? f[e]! / signal[e]! : slope[e]!);
    }
  }

  /** An entry on the breakpoint b: crosses, or slides. */
  #arrive(e: number, b: number, time: number): void {
    const s = this.#s;
    const before = s.w[e]!;
    const isUp = before > 0;
    s.on[e] = b;
    s.z[e] = s.problem.breakpoints[e]![b]!;
    const goal = s.bound(e, isUp);
    const holds = this.#homotopy.drive(e, goal);
    this.#lowest[e] = Math.min(this.#lowest[e]!, b);
    this.#highest[e] = Math.max(this.#highest[e]!, b + 1);
    if (holds) this.#note(time, e, "entersSliding", !isUp);
    else {
      s.f[e] = goal;
      s.put(e, isUp ? b + 1 : b);
      if (s.gain(e, b) < 0) this.#misses.crossed(e, b, isUp ? 1 : -1, s.w[e]! - before);
      this.#note(time, e, "crossing", isUp);
    }
    this.#settle(time);
  }

  #note(time: number, entry: number, kind: MicroEvent["kind"], isAbove: boolean): void {
    this.#events.push({ time, entry, kind, breakpoint: this.#s.on[entry]!, isAbove });
  }

  /** Those released at this instant have left. */
  #settle(time: number): void {
    const { problem, released, status, piece, on } = this.#s;
    for (let e = 0; e < problem.size; e++) {
      if (released[e] === 0) continue;
      released[e] = 0;
      if (status[e] === FREE) this.#note(time, e, "leavesSliding", piece[e] === on[e]! + 1);
    }
  }

  #result(isSettled: boolean): MicroResult {
    const { problem, status, piece, on, f } = this.#s;
    const { size: k, signal, slopes, slope: start, duration } = problem;
    const [mean, slides, slope] = [this.#mean, this.#slides, this.#slope];
    this.#misses.end();
    for (let e = 0; e < k; e++) {
      mean[e]! /= duration;
      slides[e] = status[e] === FREE ? 0 : 1;
      if (slides[e] === 0) slope[e] = slopes[e]![piece[e]!]!;
      else {
        piece[e] = on[e]!;
        slope[e] = signal[e] !== 0 ? f[e]! / signal[e]! : start[e]!;
      }
    }
    return {
      mean,
      place: piece,
      slides,
      slope,
      lowest: this.#lowest,
      highest: this.#highest,
      events: this.#events,
      margin: this.#misses.margin,
      missed: this.#misses.missed,
      settled: isSettled,
    };
  }
}
