/**
 * The micro-simulations of one step: candidates are split into blocks that see each other, ties within a block become one variable, and
 * what each block finds is put back in its place.
 */
import type { Kinks } from "../boundaries/kinks.js";
import { type MicroEvent, simulate } from "./micro.js";
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
  /** Least distance by which a candidate missed the other side of a breakpoint that repels. */
  readonly margins: Float64Array;
  /** Blocks whose events did not come to an end. */
  readonly unsettled: number;
}

/** Candidates up to which all are one block. */
const ONE_BLOCK = 96;
/** Units whose normals have a cosine above this see each other; with blocks larger than `LARGE` the next one. */
const COUPLED = [0.1, 0.3, 0.6, Infinity] as const;
const LARGE = 192;
/** Entries of one unit with z as near as this, relative to their site's, and normals as parallel are one. */
const SAME_Z = 1e-9;
const PARALLEL = 1 - 1e-8;

/** @param gram K of the candidates, row-major, in their order */
export function simulateBlocks(
  step: StepEntries,
  candidates: readonly number[],
  gram: Float64Array,
): Simulated {
  const count = candidates.length;
  const mean = step.start.slice();
  const end = new Float64Array(count);
  const endHeld = new Float64Array(count).fill(-1);
  const margins = new Float64Array(count).fill(Infinity);
  const events: StepEvent[] = [];
  let unsettled = 0;
  const blocks = blocksOf(step.kinks, candidates, gram);
  for (const block of blocks) {
    const variables = tiesIn(step, candidates, gram, block);
    const leads = variables.map((members) => members[0]!);
    const k = leads.length;
    const signal = new Float64Array(k);
    const reference = new Float64Array(k);
    const z = new Float64Array(k);
    const velocity = new Float64Array(k);
    const slope = new Float64Array(k);
    const place = new Int32Array(k);
    const slides = new Uint8Array(k);
    const own = new Float64Array(k * k);
    variables.forEach((members, v) => {
      const slider = members.find((i) => step.held[candidates[i]!]! >= 0) ?? members[0]!;
      const entry = candidates[slider]!;
      for (const i of members) {
        const e = candidates[i]!;
        signal[v]! += step.signal[e]!;
        reference[v]! += step.signal[e]! * step.slopes.at(e, step.reference[e]!);
      }
      const breakpoint = step.held[entry]!;
      slides[v] = breakpoint >= 0 ? 1 : 0;
      place[v] = breakpoint >= 0 ? breakpoint : step.start[entry]!;
      slope[v] = step.slopes.at(entry, step.start[entry]!);
      const level = breakpoint >= 0 ? step.kinks.breakpoints(entry)[breakpoint]! : step.z0[entry]!;
      z[v] = level;
      velocity[v] =
        (step.z1[entry]! - step.z0[entry]!) / step.duration + (step.z0[entry]! - level) / step.repair;
      for (let u = 0; u < k; u++) own[v * k + u] = gram[leads[v]! * count + leads[u]!]!;
    });
    const found = simulate({
      size: k,
      gram: own,
      z,
      velocity,
      signal,
      reference,
      place,
      slides,
      slope,
      breakpoints: leads.map((i) => step.kinks.breakpoints(candidates[i]!)),
      slopes: leads.map((i) => step.slopes.of(candidates[i]!)),
      duration: step.duration,
    });
    if (!found.settled) unsettled++;
    variables.forEach((members, v) => {
      for (const i of members) {
        const e = candidates[i]!;
        mean[e] = step.slopes.indexOf(e, found.mean[v]!, found.lowest[v]!, found.highest[v]!);
        const at = found.place[v]!;
        end[i] = found.slides[v] === 0 ? at : step.slopes.indexOf(e, found.slope[v]!, at, at + 1);
        endHeld[i] = found.slides[v] === 0 ? -1 : at;
        margins[i] = found.margin[v]!;
      }
    });
    for (const event of found.events)
      for (const i of variables[event.entry]!) events.push({ ...event, entry: candidates[i]! });
  }
  return { mean, end, endHeld, events, margins, unsettled };
}

/** Places in `candidates`, block by block: the entries of one unit together, and units whose normals are not nearly orthogonal. */
function blocksOf(kinks: Kinks, candidates: readonly number[], gram: Float64Array): number[][] {
  const count = candidates.length;
  if (count <= ONE_BLOCK) return [candidates.map((_, i) => i)];
  const units = unitsOf(kinks, candidates);
  let blocks: number[][] = [];
  for (const cosine of COUPLED) {
    blocks = cosine === Infinity ? units : mergedUnits(units, gram, count, cosine);
    if (blocks.every((block) => block.length <= LARGE)) break;
  }
  return blocks;
}

export function unitsOf(kinks: Kinks, candidates: readonly number[]): number[][] {
  const units = new Map<string, number[]>();
  candidates.forEach((entry, i) => {
    const { layer, unit } = kinks.place(entry);
    const key = `${layer} ${unit}`;
    const members = units.get(key);
    if (members === undefined) units.set(key, [i]);
    else members.push(i);
  });
  return [...units.values()];
}

function mergedUnits(
  units: readonly number[][],
  gram: Float64Array,
  count: number,
  cosine: number,
): number[][] {
  const leader = units.map((_, u) => u);
  const find = (u: number): number => {
    let top = u;
    while (leader[top] !== top) top = leader[top]!;
    leader[u] = top;
    return top;
  };
  const norms = Float64Array.from({ length: count }, (_, i) => Math.sqrt(gram[i * count + i]!));
  const sees = (u: number, v: number): boolean =>
    units[u]!.some((i) =>
      units[v]!.some((j) => Math.abs(gram[i * count + j]!) > cosine * norms[i]! * norms[j]!),
    );
  for (let u = 0; u < units.length; u++)
    for (let v = 0; v < u; v++)
      if (find(u) !== find(v) && sees(u, v)) leader[Math.max(find(u), find(v))] = Math.min(find(u), find(v));
  const merged = new Map<number, number[]>();
  units.forEach((members, u) => {
    const top = find(u);
    const block = merged.get(top);
    if (block === undefined) merged.set(top, [...members]);
    else block.push(...members);
  });
  return [...merged.values()].map((block) => block.sort((p, q) => p - q));
}

/** The block as lists of entries that are one and the same: equal samples, or dead units before them. One by one they would be followed wrongly. */
function tiesIn(
  { kinks, z0, z1, scale }: StepEntries,
  candidates: readonly number[],
  gram: Float64Array,
  block: readonly number[],
): number[][] {
  const count = candidates.length;
  const variables: number[][] = [];
  const byUnit = new Map<string, number[][]>();
  for (const i of block) {
    const e = candidates[i]!;
    const { layer, unit } = kinks.place(e);
    const key = `${layer} ${unit}`;
    const known = byUnit.get(key) ?? [];
    const near = SAME_Z * scale(e);
    const twin = known.find((members) => {
      const j = members[0]!;
      const f = candidates[j]!;
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
      byUnit.set(key, known);
      variables.push(members);
    }
  }
  return variables;
}
