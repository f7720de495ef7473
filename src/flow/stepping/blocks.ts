/**
 * The micro-simulations of one step: candidates are split into blocks that see each other, ties within a block become one variable, and
 * what each block finds is put back in its place.
 */
import { blockOf } from "../../linalg/block.js";
import type { Kinks } from "../boundaries/kinks.js";
import type { GramBlock } from "./gram-blocks.js";
import { Simulator } from "./micro.js";
import type { MicroEvent, MicroProblem } from "./micro-state.js";
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
  /** Size of z at each entry's site, for what counts as equal. */
  scale(entry: number): number;
}

export interface StepEvent extends Omit<MicroEvent, "entry"> {
  readonly entry: number;
}

export interface Simulated {
  /** Fractional pieces that have the mean slopes of the step [E]. */
  readonly mean: Float64Array;
  /** Pieces of the candidates at the end, fractional where they slide, and the breakpoint that they slide on or −1, in their order. */
  readonly end: Float64Array;
  readonly endHeld: Float64Array;
  readonly events: readonly StepEvent[];
  /** Least distance by which a candidate missed the other side of a breakpoint that repels, ∞ if none; and that breakpoint. */
  readonly margins: Float64Array;
  readonly missed: Int32Array;
  /** Blocks whose events did not come to an end. */
  readonly unsettled: number;
}

/** Entries of one unit with z as near as this, relative to their site's, and normals as parallel are one. */
const SAME_Z = 1e-9;
const PARALLEL = 1 - 1e-8;

export function simulateBlocks(
  step: StepEntries,
  candidates: readonly number[],
  blocks: readonly GramBlock[],
): Simulated {
  const count = candidates.length;
  const mean = step.start.slice();
  const end = new Float64Array(count);
  const endHeld = new Float64Array(count).fill(-1);
  const margins = new Float64Array(count).fill(Infinity);
  const missed = new Int32Array(count);
  const events: StepEvent[] = [];
  const largest = blocks.reduce((most, { members }) => Math.max(most, members.length), 0);
  const simulator = new Simulator(largest);
  const pose = createPoser(step, largest);
  let unsettled = 0;
  for (const { members, gram } of blocks) {
    const entries = members.map((i) => candidates[i]!);
    const variables = tiesIn(step, entries, gram);
    const found = simulator.simulate(pose(entries, gram, variables));
    if (!found.settled) unsettled++;
    variables.forEach((variable, v) => {
      const at = found.place[v]!;
      for (const a of variable) {
        const [e, i] = [entries[a]!, members[a]!];
        mean[e] = step.slopes.indexOf(e, found.mean[v]!, found.lowest[v]!, found.highest[v]!);
        end[i] = found.slides[v] === 0 ? at : step.slopes.indexOf(e, found.slope[v]!, at, at + 1);
        endHeld[i] = found.slides[v] === 0 ? -1 : at;
        margins[i] = found.margin[v]!;
        missed[i] = found.missed[v]!;
      }
    });
    for (const { time, entry, kind, breakpoint, isAbove } of found.events)
      for (const a of variables[entry]!) events.push({ time, entry: entries[a]!, kind, breakpoint, isAbove });
  }
  return { mean, end, endHeld, events, margins, missed, unsettled };
}

/** Makes the problems of blocks of up to `capacity` entries, each in the buffers of the one before. */
function createPoser(step: StepEntries, capacity: number) {
  const numbers = () => new Float64Array(capacity);
  const problem = {
    ...{ z: numbers(), velocity: numbers(), signal: numbers(), reference: numbers(), slope: numbers() },
    place: new Int32Array(capacity),
    slides: new Uint8Array(capacity),
    duration: step.duration,
  };
  /** @param variables lists of places in `entries`, each one variable */
  return (
    entries: readonly number[],
    gram: Float64Array,
    variables: readonly (readonly number[])[],
  ): MicroProblem => {
    const k = variables.length;
    const leads = variables.map((members) => members[0]!);
    variables.forEach((members, v) => {
      const lead = entries[members.find((a) => step.held[entries[a]!]! >= 0) ?? members[0]!]!;
      problem.signal[v] = 0;
      problem.reference[v] = 0;
      for (const a of members) {
        const e = entries[a]!;
        problem.signal[v]! += step.signal[e]!;
        problem.reference[v]! += step.signal[e]! * step.slopes.at(e, step.reference[e]!);
      }
      const breakpoint = step.held[lead]!;
      const level = breakpoint >= 0 ? step.kinks.breakpoints(lead)[breakpoint]! : step.z0[lead]!;
      problem.slides[v] = breakpoint >= 0 ? 1 : 0;
      problem.place[v] = breakpoint >= 0 ? breakpoint : step.start[lead]!;
      problem.slope[v] = step.slopes.at(lead, step.start[lead]!);
      problem.z[v] = level;
      problem.velocity[v] =
        (step.z1[lead]! - step.z0[lead]!) / step.duration + (step.z0[lead]! - level) / step.repair;
    });
    return {
      ...problem,
      size: k,
      gram: k === entries.length ? gram : blockOf(gram, entries.length, leads),
      breakpoints: leads.map((a) => step.kinks.breakpoints(entries[a]!)),
      slopes: leads.map((a) => step.slopes.of(entries[a]!)),
    };
  };
}

/** Lists of places in `entries` that are one and the same: equal samples, or dead units before them. One by one they would be followed wrongly. */
function tiesIn(
  { kinks, z0, z1, scale }: StepEntries,
  entries: readonly number[],
  gram: Float64Array,
): number[][] {
  const count = entries.length;
  const variables: number[][] = [];
  const byUnit = new Map<number, number[][]>();
  entries.forEach((e, i) => {
    const unit = kinks.unitOf(e);
    const known = byUnit.get(unit) ?? [];
    const near = SAME_Z * scale(e);
    const twin = known.find((members) => {
      const j = members[0]!;
      const f = entries[j]!;
      const product = gram[i * count + j]!;
      return (
        Math.abs(z0[e]! - z0[f]!) <= near &&
        Math.abs(z1[e]! - z1[f]!) <= near &&
        product > 0 &&
        product * product >= PARALLEL * gram[i * count + i]! * gram[j * count + j]!
      );
    });
    if (twin !== undefined) twin.push(i);
    else {
      const members = [i];
      known.push(members);
      byUnit.set(unit, known);
      variables.push(members);
    }
  });
  return variables;
}
