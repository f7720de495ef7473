/**
 * Makes the problem of a block of candidates, in the buffers of the one before. Candidates that are one and the same, by equal samples or
 * dead units before them, become one variable: one by one they would be followed wrongly.
 */
import { blockOf } from "../../linalg/block.js";
import type { Kinks } from "../boundaries/kinks.js";
import type { MicroProblem } from "./micro-state.js";
import type { Slopes } from "./slopes.js";

/** What a step knows of all entries, each [E]. */
export interface StepEntries {
  readonly kinks: Kinks;
  readonly slopes: Slopes;
  /** z at the start and, as predicted, at the end. */
  readonly z0: Float64Array;
  readonly z1: Float64Array;
  /** ∂L/∂a at the middle, under the slopes of `reference`. */
  readonly signal: Float64Array;
  /** Pieces at the start; fractional where an entry slides. */
  readonly start: Float64Array;
  /** The breakpoint that an entry slides on at the start; −1 where it does not. */
  readonly held: Float64Array;
  /** Fractional pieces that the prediction was made with. */
  readonly reference: Float64Array;
  readonly duration: number;
  /** Time in which a sliding entry is brought back to its breakpoint. */
  readonly repair: number;
  /** Size of z at each site, for what counts as equal. */
  readonly scales: readonly number[];
}

/** Entries of one unit with z as near as this, relative to their site's, and normals as parallel are one. */
const SAME_Z = 1e-9;
const PARALLEL = 1 - 1e-8;

export class Poser {
  /** The variable of each member of the block. */
  readonly variables: Int32Array;
  readonly #step: StepEntries;
  readonly #of: ReturnType<typeof gather>;
  readonly #problem;
  /** First member of each variable, and its z at the start. */
  readonly #leads: Int32Array;
  readonly #starts: Float64Array;
  #members: readonly number[] = [];
  #count = 0;

  /** @param capacity members of the largest block */
  constructor(step: StepEntries, candidates: readonly number[], capacity: number) {
    const numbers = () => new Float64Array(capacity);
    this.#step = step;
    this.#of = gather(step, candidates);
    this.variables = new Int32Array(capacity);
    this.#leads = new Int32Array(capacity);
    this.#starts = numbers();
    this.#problem = {
      ...{ z: numbers(), velocity: numbers(), signal: numbers(), reference: numbers(), slope: numbers() },
      place: new Int32Array(capacity),
      slides: new Uint8Array(capacity),
      breakpoints: new Array<readonly number[]>(capacity),
      slopes: new Array<Float64Array>(capacity),
      duration: step.duration,
    };
  }

  /** @param members places in `candidates` */
  pose(members: readonly number[], gram: Float64Array): MicroProblem {
    this.#members = members;
    this.#tie(gram);
    const [m, count] = [members.length, this.#count];
    for (let v = 0; v < count; v++) this.#begin(v);
    const { variables } = this;
    const { signal: c, reference: f } = this.#of;
    const { signal, reference } = this.#problem;
    for (let a = 0; a < m; a++) {
      const i = members[a]!;
      const v = variables[a]!;
      signal[v]! += c[i]!;
      reference[v]! += f[i]!;
    }
    return {
      ...this.#problem,
      size: count,
      gram: count === m ? gram : blockOf(gram, m, this.#leads.subarray(0, count)),
    };
  }

  /** Members that a variable stands for, ascending. */
  membersOf(variable: number): readonly number[] {
    const m = this.#members.length;
    if (this.#count === m) return [variable];
    const members: number[] = [];
    for (let a = this.#leads[variable]!; a < m; a++) if (this.variables[a] === variable) members.push(a);
    return members;
  }

  /** Which members are one variable. */
  #tie(gram: Float64Array): void {
    const { unit, z0, z1, near } = this.#of;
    const [members, variables, leads, starts] = [this.#members, this.variables, this.#leads, this.#starts];
    const m = members.length;
    let count = 0;
    for (let a = 0; a < m; a++) {
      const i = members[a]!;
      const start = z0[i]!;
      const most = near[i]!;
      let v = 0;
      for (; v < count; v++) {
        if (!(Math.abs(start - starts[v]!) <= most)) continue;
        const b = leads[v]!;
        const j = members[b]!;
        if (unit[i] !== unit[j] || !(Math.abs(z1[i]! - z1[j]!) <= most)) continue;
        const product = gram[a * m + b]!;
        if (product > 0 && product * product >= PARALLEL * gram[a * m + a]! * gram[b * m + b]!) break;
      }
      if (v === count) {
        leads[count] = a;
        starts[count++] = start;
      }
      variables[a] = v;
    }
    this.#count = count;
  }

  /** Of several that are one, a sliding one speaks for all. */
  #speakerOf(variable: number): number {
    const [members, { held }] = [this.#members, this.#of];
    if (this.#count === members.length) return members[variable]!;
    const own = this.membersOf(variable);
    return members[own.find((a) => held[members[a]!]! >= 0) ?? own[0]!]!;
  }

  #begin(v: number): void {
    const { duration, repair } = this.#step;
    const { z0, z1, held, start, slope, breakpoints: all, slopes } = this.#of;
    const problem = this.#problem;
    const i = this.#speakerOf(v);
    const breakpoint = held[i]!;
    const breakpoints = all[i]!;
    const level = breakpoint >= 0 ? breakpoints[breakpoint]! : z0[i]!;
    problem.slides[v] = breakpoint >= 0 ? 1 : 0;
    problem.place[v] = breakpoint >= 0 ? breakpoint : start[i]!;
    problem.slope[v] = slope[i]!;
    problem.z[v] = level;
    problem.velocity[v] = (z1[i]! - z0[i]!) / duration + (z0[i]! - level) / repair;
    problem.breakpoints[v] = breakpoints;
    problem.slopes[v] = slopes[i]!;
    problem.signal[v] = 0;
    problem.reference[v] = 0;
  }
}

/** What the candidates are, in their order: blocks ask for them here and there, and the lists of all entries are long. */
function gather(step: StepEntries, candidates: readonly number[]) {
  const { kinks, slopes, scales } = step;
  const numbers = () => new Float64Array(candidates.length);
  const of = {
    ...{ z0: numbers(), z1: numbers(), held: numbers(), signal: numbers(), reference: numbers() },
    ...{ start: numbers(), slope: numbers(), near: numbers(), unit: new Int32Array(candidates.length) },
    breakpoints: new Array<readonly number[]>(candidates.length),
    slopes: new Array<Float64Array>(candidates.length),
  };
  for (let i = 0; i < candidates.length; i++) {
    const e = candidates[i]!;
    of.z0[i] = step.z0[e]!;
    of.z1[i] = step.z1[e]!;
    of.held[i] = step.held[e]!;
    of.signal[i] = step.signal[e]!;
    of.reference[i] = step.signal[e]! * slopes.at(e, step.reference[e]!);
    of.start[i] = step.start[e]!;
    of.slope[i] = slopes.at(e, step.start[e]!);
    of.breakpoints[i] = kinks.breakpoints(e);
    of.slopes[i] = slopes.of(e);
    of.near[i] = SAME_Z * scales[kinks.siteOf(e)]!;
    of.unit[i] = kinks.unitOf(e);
  }
  return of;
}
