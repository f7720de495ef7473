/**
 * One step over whatever happens within it. A prediction with the pieces of its start says which entries may change theirs; what those do
 * is simulated on the Gram matrix of their normals, which costs no gradient; the step is made again with their mean slopes, at the middle
 * of the chord or, where it is stiff, by RKC2. Two such passes give second order, and their difference an estimate of the error.
 */
import { blockOf } from "../../linalg/block.js";
import { factorise } from "../../linalg/cholesky.js";
import { length } from "../../linalg/norm.js";
import { dot, squaredNorm } from "../../linalg/vectors.js";
import { type Simulated, type StepEvent, simulateBlocks } from "./blocks.js";
import { type Branching, branchesIn } from "./branches.js";
import { Candidates } from "./candidates.js";
import { combine } from "./combine.js";
import type { StepField, SteppingField } from "./field.js";
import { type GramBlock, unitsOf } from "./gram-blocks.js";
import { reconcile } from "./reconcile.js";
import { Sides } from "./sides.js";
import { slopesAt } from "./slopes.js";

/** The state between two steps; arrays are replaced, not changed. */
export interface SteppingState {
  theta: Float64Array;
  /** z(θ) [E] */
  z: Float64Array;
  /** z at the start of the last step, null where there is none. */
  zBefore: Float64Array | null;
  /** Piece of every entry, fractional where it slides [E]. */
  pieces: Float64Array;
  /** The breakpoint that an entry slides on, −1 where it does not [E]. */
  held: Float64Array;
  /** Fractional pieces with the mean slopes of the last step [E]; null before the first. */
  mean: Float64Array | null;
  /** Mean velocities of the last step and of the one before, and the sizes of these steps; at the start −∇L, as of a step of size 0. */
  velocity: Float64Array;
  velocityBefore: Float64Array | null;
  size: number;
  sizeBefore: number;
}

export interface Attempt {
  readonly h: number;
  readonly theta: Float64Array;
  readonly z: Float64Array;
  readonly pieces: Float64Array;
  readonly held: Float64Array;
  readonly mean: Float64Array;
  /** Since the start of the step, in order. */
  readonly events: readonly StepEvent[];
  /** ‖θ⁽²⁾ − θ⁽¹⁾‖ of the two passes (where one did, of it and the prediction, or RKC2's estimate); its part along what slides. */
  readonly difference: number;
  readonly tangential: number;
  /** Of the two passes' pre-activations, root mean square. */
  readonly zDifference: number;
  readonly candidates: number;
  /** Entries that slide at the end. */
  readonly sliding: number;
  /** Blocks whose simulation did not come to an end. */
  readonly unsettled: number;
  /** Entries that may have gone the other way at a breakpoint that repels, for all the error of z tells. */
  readonly branches: readonly Branching[];
}

/** Why no step of this size can be judged: θ is not finite, or more entries change pieces than are followed. */
export type Refusal = "nonFinite" | "tooMany";

/** hρ from which a step is stabilised. */
export const STIFF = 0.6;
/** Part of the step beyond its end up to which the prediction looks for changes of piece. */
const MARGIN = 0.2;
/** The extrapolation to the middle of the step takes at most this much of the last change of velocity. */
const MOST_EXTRAPOLATED = 2;
const PASSES = 2;

interface Prediction {
  readonly end: Float64Array;
  /** Where `field` was evaluated. */
  readonly middle: Float64Array;
  readonly field: StepField;
  /** Pieces that it was evaluated with. */
  readonly reference: Float64Array;
}

export interface AttemptOptions {
  /** Spectral radius of the Jacobian at the start. */
  readonly rho: number;
  /** Time in which sliding entries are brought back to their breakpoints. */
  readonly repair: number;
  readonly mostCandidates: number;
  /** Errors so far: the roots of the sums of squares of `zDifference` and of `tangential`. */
  readonly zError: number;
  readonly thetaError: number;
  /** Time to the end of the flow. */
  readonly left: number;
}

export async function attemptStep(
  field: SteppingField,
  state: SteppingState,
  h: number,
  options: AttemptOptions,
): Promise<Attempt | Refusal> {
  const { rho, mostCandidates } = options;
  const { kinks, problem } = field;
  const { theta, z: z0, held } = state;
  const { scratch } = field;
  scratch.reclaim(Object.values(state));
  const isStiff = h * rho >= STIFF && state.mean !== null;
  const predictBy = isStiff ? predictStiff : predict;
  const scales = field.scales(z0);
  const sides = new Sides(kinks, scales);
  const resting = sides.restingAt(z0, held);
  const start = scratch.copy(state.pieces);
  let prediction = await predictBy(field, state, h, isStiff ? state.mean! : state.pieces);
  if (!isAllFinite(prediction.end)) return "nonFinite";
  let z1 = await field.preactivations(prediction.end);
  if (sides.take(resting, z1, start)) {
    // The signals before them were those of the other sides.
    const reference = scratch.copy(prediction.reference);
    for (const e of resting) reference[e] = start[e]!;
    prediction = await predictBy(field, state, h, reference);
    if (!isAllFinite(prediction.end)) return "nonFinite";
    z1 = await field.preactivations(prediction.end);
  }
  let at: Pick<Prediction, "middle" | "field" | "reference"> = prediction;
  let end = prediction.end;
  const ahead = z1;
  const candidates = new Candidates(sides, held);
  if (isStiff) {
    candidates.addDifferent(at.reference, start);
    candidates.addMoved(z0, z1, 0.5, start);
  }
  let found: { readonly entries: readonly number[]; readonly blocks: readonly GramBlock[] } & Simulated =
    NOTHING(start);
  let stiffStart: Float64Array | null = null;
  const passes: { readonly end: Float64Array; readonly z: Float64Array }[] = [];
  for (let pass = 0; pass < PASSES; pass++) {
    sides.take(resting, z1, start);
    candidates.addDifferentAmong(resting, at.reference, start);
    candidates.addMoved(z0, z1, 1, start);
    if (pass === 0) candidates.addMoved(z0, z1, 1 + MARGIN, start);
    const entries = candidates.list();
    if (entries.length > mostCandidates) return "tooMany";
    if (entries.length === 0 && pass > 0) break;
    if (entries.length > 0) {
      const blocks = await field.gramBlocks(at.middle, entries, at.reference);
      const simulated = simulateBlocks(
        {
          kinks,
          slopes: slopesAt(problem.family, kinks, at.middle),
          z0,
          z1,
          signal: at.field.signal,
          start,
          held,
          reference: at.reference,
          duration: h,
          repair: options.repair,
          scales,
        },
        entries,
        blocks,
        scratch.copy(start),
      );
      found = { entries, blocks, ...simulated };
    } else found = NOTHING(start);
    const { mean } = found;
    if (isStiff) {
      ({ end, first: stiffStart } = await field.stabilised(theta, h, rho, mean));
      if (!isAllFinite(end)) return "nonFinite";
      const middle = combine(0.5, theta, 0.5, end);
      if (pass < PASSES - 1) at = { middle, field: await field.mean(middle, mean), reference: mean };
      else at = { ...at, middle };
    } else {
      const middle = combine(0.5, theta, 0.5, end);
      at = { middle, field: await field.mean(middle, mean), reference: mean };
      end = combine(1, theta, -h, at.field.gradient);
      if (!isAllFinite(end)) return "nonFinite";
    }
    z1 = await field.preactivations(end);
    passes.push({ end, z: z1 });
  }
  const second = passes[passes.length - 1]!;
  const { pieces, held: nextHeld, events } = reconcile(sides, state, found, start, z0, z1, h, scratch);
  // Where nothing may change its piece there is one pass. Beside it stands the prediction, of second order too, or the estimate of RKC2.
  const first = passes[passes.length - 2] ?? { end: prediction.end, z: ahead };
  let between = combine(1, second.end, -1, first.end);
  const moved = combine(1, second.z, -1, first.z, scratch.take(z0.length));
  let zDifference = length(moved) / Math.sqrt(moved.length);
  if (passes.length === 1 && stiffStart !== null) {
    const { gradient } = await field.mean(second.end, found.mean);
    const estimate = stabilisedError(theta, second.end, h, stiffStart, gradient);
    const apart = length(between);
    // At rest, or nearly, both end where they began: 0/0.
    if (apart > 0) zDifference *= length(estimate) / apart;
    between = estimate;
  }
  const tangential = await alongSurface(field, at.middle, found, between, moved);
  const branches = await branchesIn(
    field,
    {
      h,
      theta,
      z0,
      zBefore: state.zBefore,
      size: state.size,
      held,
      ahead,
      signal: at.field.signal,
      mean: found.mean,
      zError: Math.hypot(options.zError, zDifference),
      thetaError: Math.hypot(options.thetaError, tangential),
      left: options.left,
    },
    found,
  );
  return {
    h,
    theta: end,
    z: z1,
    pieces,
    held: nextHeld,
    mean: found.mean,
    events,
    difference: length(between),
    tangential,
    zDifference,
    candidates: found.entries.length,
    sliding: countHeld(nextHeld),
    unsettled: found.unsettled,
    branches,
  };
}

/** The estimate of the local error of RKC2 from gradients at both ends (Sommeijer, Shampine, Verwer 1997, eq. 2.8). */
function stabilisedError(
  theta: Float64Array,
  end: Float64Array,
  h: number,
  first: Float64Array,
  last: Float64Array,
): Float64Array {
  return theta.map((start, i) => 0.8 * (start - end[i]!) - 0.4 * h * (first[i]! + last[i]!));
}

/** Half a step ahead by the last velocities; from there a midpoint step, the pieces as they are. */
async function predict(
  field: SteppingField,
  state: SteppingState,
  h: number,
  reference: Float64Array,
): Promise<Prediction> {
  const { theta, velocity, velocityBefore, size, sizeBefore } = state;
  let ahead = velocity;
  if (velocityBefore !== null) {
    const share = Math.min((h / 4 + size / 2) / ((size + sizeBefore) / 2), MOST_EXTRAPOLATED);
    ahead = combine(1 + share, velocity, -share, velocityBefore);
  }
  const middle = combine(1, theta, h / 2, ahead);
  const found = await field.locked(middle, reference);
  return { end: combine(1, theta, -h, found.gradient), middle, field: found, reference };
}

/** The last velocity goes on; signals from one gradient at the middle, with the last mean slopes. */
async function predictStiff(
  field: SteppingField,
  { theta, velocity }: SteppingState,
  h: number,
  reference: Float64Array,
): Promise<Prediction> {
  const end = combine(1, theta, h, velocity);
  const middle = combine(0.5, theta, 0.5, end);
  return { end, middle, field: await field.mean(middle, reference), reference };
}

const NOTHING = (start: Float64Array) => ({
  entries: [],
  blocks: [],
  mean: start,
  end: new Float64Array(0),
  endHeld: new Float64Array(0),
  events: [],
  margins: new Float64Array(0),
  missed: new Int32Array(0),
  unsettled: 0,
});

function countHeld(held: Float64Array): number {
  let count = 0;
  for (let e = 0; e < held.length; e++) if (held[e]! >= 0) count++;
  return count;
}

/**
 * ‖the part of `between` along the surface of what slides at the end‖: what is normal to it is repaired by the next steps. The normal part
 * has the direction Jᵀy with K_b y = the change of z, block by block of units.
 */
async function alongSurface(
  field: SteppingField,
  theta: Float64Array,
  found: { readonly entries: readonly number[]; readonly blocks: readonly GramBlock[] } & Simulated,
  between: Float64Array,
  moved: Float64Array,
): Promise<number> {
  const { entries, blocks, endHeld } = found;
  if (endHeld.every((breakpoint) => breakpoint < 0)) return length(between);
  const seeds = field.scratch.take(moved.length).fill(0);
  for (const { members, gram } of blocks) {
    const sliding = members.flatMap((i, a) => (endHeld[i]! >= 0 ? [a] : []));
    const own = sliding.map((a) => entries[members[a]!]!);
    for (const unit of unitsOf(field.kinks, own)) {
      const block = blockOf(
        gram,
        members.length,
        unit.map((u) => sliding[u]!),
      );
      const y = Float64Array.from(unit, (u) => moved[own[u]!]!);
      factorise(block, unit.length).solve(y);
      unit.forEach((u, k) => {
        seeds[own[u]!] = y[k]!;
      });
    }
  }
  const normal = await field.pullback(theta, found.mean, seeds);
  const size = squaredNorm(normal);
  if (!(size > 0)) return length(between);
  return length(combine(1, between, -dot(between, normal) / size, normal));
}

function isAllFinite(v: Float64Array): boolean {
  let sum = 0;
  for (let i = 0; i < v.length; i++) sum += v[i]! * 0;
  return sum === 0;
}
