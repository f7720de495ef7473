/**
 * Where the error decides along which branch a flow goes: an entry that comes to a breakpoint that repels turns back before it or goes over
 * it, and stays on the side that it took. Within the error of z no step can tell which; the entry, and what hangs on it, can be named.
 */
import type { Simulated } from "./blocks.js";
import type { SteppingField } from "./field.js";
import type { GramBlock } from "./gram-blocks.js";
import { slopesAt } from "./slopes.js";

/**
 * The error of z is estimated: a margin up to this many times the estimate is within it. An abs network missed its other branch by 1.05
 * times the estimate; of 108 runs of small networks no more are named at 1.25 than at 1, and eight more in vain at 1.7.
 */
const UNSURE = 1.25;

/** An entry that may have gone the other way. */
export interface Branching {
  readonly entry: number;
  readonly breakpoint: number;
  /** By how much its z missed the other way. */
  readonly margin: number;
  /** What of z is not known, root mean square over all entries: the margin is no larger. */
  readonly error: number;
  /** |(σ'₊ − σ'₋)·∂L/∂a|·‖∇z‖: ‖θ'‖ of one side less the other. */
  readonly speed: number;
}

export interface SteppedOver {
  readonly h: number;
  readonly theta: Float64Array;
  readonly z0: Float64Array;
  /** z at the start of the step before, and its size; null where there is none. */
  readonly zBefore: Float64Array | null;
  readonly size: number;
  readonly held: Float64Array;
  readonly z1: Float64Array;
  /** Pieces at the start. */
  readonly start: Float64Array;
  readonly signal: Float64Array;
  /** Fractional pieces that have the mean slopes. */
  readonly mean: Float64Array;
  /** Errors of z, root mean square, and of θ so far. */
  readonly zError: number;
  readonly thetaError: number;
  /** Time that is left to the flow: another branch matters if within it θ is displaced by more than its error. */
  readonly left: number;
}

/**
 * Those that the simulation found to miss the other way by less than the error, and those that do so by the parabola through z at the last
 * three nodes, less what the changes of piece in this step gave: it turns within the step, or goes over and would have turned later.
 */
export async function branchesIn(
  field: SteppingField,
  step: SteppedOver,
  found: Simulated & { readonly entries: readonly number[]; readonly blocks: readonly GramBlock[] },
): Promise<readonly Branching[]> {
  const { theta, signal, thetaError, left } = step;
  const error = UNSURE * step.zError;
  const { kinks } = field;
  const near = new Map<number, { readonly breakpoint: number; readonly margin: number }>();
  found.entries.forEach((entry, i) => {
    const margin = found.margins[i]!;
    if (margin <= error) near.set(entry, { breakpoint: found.missed[i]!, margin });
  });
  const squared = new Map<number, number>();
  for (const { members, gram } of found.blocks)
    members.forEach((i, a) => {
      squared.set(found.entries[i]!, gram[a * members.length + a]!);
    });
  for (const turn of turns(field, step, aheadOf(field, step, found), error))
    if (!near.has(turn.entry) && (turn.goesOver || !squared.has(turn.entry))) near.set(turn.entry, turn);
  if (near.size === 0) return [];
  const others = [...near.keys()].filter((entry) => !squared.has(entry));
  if (others.length > 0)
    for (const { members, gram } of await field.gramBlocks(theta, others, step.mean))
      members.forEach((i, a) => {
        squared.set(others[i]!, gram[a * members.length + a]!);
      });
  return [...near]
    .map(([entry, { breakpoint, margin }]) => ({
      entry,
      breakpoint,
      margin,
      error,
      speed: Math.abs(kinks.jump(theta, entry, breakpoint) * signal[entry]!) * Math.sqrt(squared.get(entry)!),
    }))
    .filter(({ speed }) => speed * left > thetaError);
}

/** For a bound that rounding must not make too small. */
const ROUNDED_UP = 1 + 1e-9;

/** z at the end, had none of those that were simulated changed their pieces. */
function aheadOf(
  { kinks, problem, scratch }: SteppingField,
  { theta, z1, signal, start, mean, h }: SteppedOver,
  { entries, blocks }: { readonly entries: readonly number[]; readonly blocks: readonly GramBlock[] },
): Float64Array {
  const slopes = slopesAt(problem.family, kinks, theta);
  const changes = entries.map((e) => signal[e]! * (slopes.at(e, mean[e]!) - slopes.at(e, start[e]!)));
  const ahead = scratch.copy(z1);
  for (const { members, gram } of blocks)
    members.forEach((j, b) => {
      const change = h * changes[j]!;
      if (change !== 0)
        members.forEach((i, a) => {
          ahead[entries[i]!]! += gram[a * members.length + b]! * change;
        });
    });
  return ahead;
}

interface Turn {
  readonly entry: number;
  readonly breakpoint: number;
  readonly margin: number;
  readonly goesOver: boolean;
}

/** Entries whose parabola has its end within the error of a breakpoint that repels. */
function turns(
  { kinks, problem }: SteppingField,
  step: SteppedOver,
  ahead: Float64Array,
  error: number,
): Turn[] {
  const { theta, z0, zBefore, size, held, h, signal } = step;
  const found: Turn[] = [];
  if (zBefore === null || !(size > 0)) return found;
  const ratio = h / size;
  for (let site = 0; site < problem.family.sites.length; site++) {
    const [from, to] = kinks.rangeOf(site);
    const breakpoints = to > from ? kinks.breakpoints(from) : [];
    for (let entry = from; entry < to; entry++) {
      const start = z0[entry]!;
      const end = ahead[entry]!;
      // By its parabola it moves no farther than this, which leaves next to all of them out.
      const most = Math.max(Math.abs(end - start), Math.abs(start - zBefore[entry]!) * ratio);
      const far = (error + most) * ROUNDED_UP;
      let isNear = false;
      for (let b = 0; b < breakpoints.length; b++)
        if (Math.abs(start - breakpoints[b]!) <= far) isNear = true;
      if (!isNear || held[entry]! >= 0) continue;
      const before = (start - zBefore[entry]!) / size;
      const after = (end - start) / h;
      const bend = (after - before) / ((h + size) / 2);
      const speed = before + (bend * size) / 2;
      const turn = -speed / bend;
      if (!(turn >= 0)) continue;
      const extreme = start + (speed * turn) / 2;
      for (let breakpoint = 0; breakpoint < breakpoints.length; breakpoint++) {
        const b = breakpoints[breakpoint]!;
        const margin = Math.abs(extreme - b);
        if (margin > error) continue;
        const goesOver = start > b !== end > b;
        if ((goesOver || turn <= h) && kinks.jump(theta, entry, breakpoint) * signal[entry]! < 0)
          found.push({ entry, breakpoint, margin, goesOver });
      }
    }
  }
  return found;
}
