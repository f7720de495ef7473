/** The micro-simulations of one step: each block of candidates that see each other is posed, simulated, and put back in its place. */
import type { GramBlock } from "./gram-blocks.js";
import { Simulator } from "./micro.js";
import type { MicroEvent } from "./micro-state.js";
import { Poser, type StepEntries } from "./poser.js";

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

/** @param mean the pieces at the start, to be changed to those with the mean slopes */
export function simulateBlocks(
  step: StepEntries,
  candidates: readonly number[],
  blocks: readonly GramBlock[],
  mean: Float64Array,
): Simulated {
  const count = candidates.length;
  const end = new Float64Array(count);
  const endHeld = new Float64Array(count).fill(-1);
  const margins = new Float64Array(count).fill(Infinity);
  const missed = new Int32Array(count);
  const events: StepEvent[] = [];
  const largest = blocks.reduce((most, { members }) => Math.max(most, members.length), 0);
  const simulator = new Simulator(largest);
  const poser = new Poser(step, candidates, largest);
  const pieces = new Float64Array(count);
  let unsettled = 0;
  for (const { members, gram } of blocks) {
    const { variables } = poser;
    const found = simulator.simulate(poser.pose(members, gram));
    if (!found.settled) unsettled++;
    for (let a = 0; a < members.length; a++) {
      const [i, v] = [members[a]!, variables[a]!];
      const [e, at] = [candidates[i]!, found.place[v]!];
      pieces[i] = step.slopes.indexOf(e, found.mean[v]!, found.lowest[v]!, found.highest[v]!);
      end[i] = found.slides[v] === 0 ? at : step.slopes.indexOf(e, found.slope[v]!, at, at + 1);
      if (found.slides[v] !== 0) endHeld[i] = at;
      margins[i] = found.margin[v]!;
      missed[i] = found.missed[v]!;
    }
    for (const { time, entry, kind, breakpoint, isAbove } of found.events)
      for (const a of poser.membersOf(entry))
        events.push({ time, entry: candidates[members[a]!]!, kind, breakpoint, isAbove });
  }
  for (let i = 0; i < count; i++) mean[candidates[i]!] = pieces[i]!;
  return { mean, end, endHeld, events, margins, missed, unsettled };
}
