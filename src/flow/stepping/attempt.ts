/**
 * One step over whatever happens within it. The last velocity, gone on with, says which entries may change their pieces; what those do is
 * simulated on the Gram matrix of their normals; neither costs a gradient. The step is made with the mean slopes that come out, at the
 * middle of the chord or, where it is stiff, by RKC2. Two such passes give second order, and their difference an estimate of the error.
 */
import { blockOf } from "../../linalg/block.js";
import { factorise } from "../../linalg/cholesky.js";
import { length } from "../../linalg/norm.js";
import { dot, squaredNorm } from "../../linalg/vectors.js";
import { type Simulated, type StepEvent, simulateBlocks } from "./blocks.js";
import { type Branching, branchesIn } from "./branches.js";
import { Candidates } from "./candidates.js";
import { combine } from "./combine.js";
import type { SteppingField } from "./field.js";
import { type GramBlock, unitsOf } from "./gram-blocks.js";
import { reconcile } from "./reconcile.js";
import type { Scratch } from "./scratch.js";
import { Sides } from "./sides.js";
import { slopesAt } from "./slopes.js";
import { PASSES, stagesOf } from "./stability.js";

/** The state between two steps; arrays are replaced, not changed. */
export interface SteppingState {
  t: number;
  theta: Float64Array;
  /** z(θ) [E] */
  z: Float64Array;
  /** z at the start of the last step, null where there is none. */
  zBefore: Float64Array | null;
  /** Piece of every entry, fractional where it slides [E]. */
  pieces: Float64Array;
  /** The breakpoint that an entry slides on, −1 where it does not [E]. */
  held: Float64Array;
  /** Mean velocity of the last step; at the start −∇L, as of a step of size 0. */
  velocity: Float64Array;
  size: number;
  /** The velocity that goes on, and fractional pieces with its mean slopes [E]: of the last step, or of the attempt rejected after it. */
  ahead: Float64Array;
  mean: Float64Array;
  /** Velocity and size of the step before the last; null where there is none. */
  velocityBefore: Float64Array | null;
  sizeBefore: number;
  /** ∂L/∂a as seen last, and before, null where it was not [E]; and when. */
  signal: Float64Array;
  signalTime: number;
  signalBefore: Float64Array | null;
  signalTimeBefore: number;
}

export interface Attempt {
  readonly h: number;
  readonly theta: Float64Array;
  readonly z: Float64Array;
  readonly pieces: Float64Array;
  readonly held: Float64Array;
  readonly mean: Float64Array;
  readonly signal: Float64Array;
  readonly signalTime: number;
  /** The last one before the step; null where it was that of other sides of breakpoints. */
  readonly signalBefore: Float64Array | null;
  /** Since the start of the step, in order. */
  readonly events: readonly StepEvent[];
  /** ‖θ⁽²⁾ − θ⁽¹⁾‖ of the two passes (where RKC2 did with one, its estimate); its part along what slides. */
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

/** Part of the step beyond its end up to which the prediction looks for changes of piece. */
const MARGIN = 0.2;
/** The signals ahead take at most this much of their last change. */
const MOST_EXTRAPOLATED = 2;

/** What the Gram matrix of a pass is formed from. */
interface Middle {
  readonly theta: Float64Array;
  readonly signal: Float64Array;
  /** Pieces with the slopes that it is formed with. */
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
  const halfway = state.t + h / 2;
  const isStiff = stagesOf(h * rho) > 1;
  const scales = field.scales(z0);
  const sides = new Sides(kinks, scales);
  const resting = sides.restingAt(z0, held);
  const start = scratch.copy(state.pieces);
  let end = combine(1, theta, h, state.ahead);
  if (!isAllFinite(end)) return "nonFinite";
  let at: Middle = {
    theta: isStiff ? combine(0.5, theta, 0.5, end) : middleAhead(state, h),
    signal: signalAhead(state, halfway, scratch),
    reference: state.mean,
  };
  let z1 = await field.preactivations(end);
  let signalBefore: Float64Array | null = state.signal;
  if (sides.take(resting, z1, start)) {
    // The signals so far were those of the other sides.
    signalBefore = null;
    const reference = scratch.copy(state.mean);
    for (const e of resting) reference[e] = start[e]!;
    const made = await field.mean(at.theta, reference);
    at = { theta: at.theta, signal: made.signal, reference };
    if (!isStiff) {
      end = combine(1, theta, -h, made.gradient);
      if (!isAllFinite(end)) return "nonFinite";
      z1 = await field.preactivations(end);
    }
  }
  const candidates = new Candidates(sides, held);
  candidates.addDifferent(at.reference, start);
  candidates.addMoved(z0, z1, 0.5, start);
  let found: { readonly entries: readonly number[]; readonly blocks: readonly GramBlock[] } & Simulated =
    NOTHING(start);
  let { signal, signalTime } = state;
  /** The gradient at the start of a stabilised step. */
  let first: Float64Array | null = null;
  const ends = [{ end, z: z1 }];
  for (let pass = 0; pass < PASSES; pass++) {
    sides.take(resting, z1, start);
    candidates.addDifferentAmong(resting, at.reference, start);
    candidates.addMoved(z0, z1, 1, start);
    if (pass === 0) candidates.addMoved(z0, z1, 1 + MARGIN, start);
    const entries = candidates.list();
    if (entries.length > mostCandidates) return "tooMany";
    if (entries.length === 0 && first !== null) break;
    if (entries.length > 0) {
      const blocks = await field.gramBlocks(at.theta, entries, at.reference);
      const simulated = simulateBlocks(
        {
          kinks,
          slopes: slopesAt(problem.family, kinks, at.theta),
          z0,
          z1,
          signal: at.signal,
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
      const made = await field.stabilised(theta, h, rho, mean);
      ({ end, first } = made);
      [signal, signalTime] = [made.signal, state.t];
      const known = {
        ...state,
        signal,
        signalTime,
        signalBefore,
        signalTimeBefore: state.signalTime,
      };
      const middle = combine(0.5, theta, 0.5, end);
      at = { theta: middle, signal: signalAhead(known, halfway, scratch), reference: mean };
    } else {
      const middle = pass === 0 ? at.theta : combine(0.5, theta, 0.5, end);
      const made = await field.mean(middle, mean);
      [signal, signalTime] = [made.signal, halfway];
      at = { theta: middle, signal, reference: mean };
      end = combine(1, theta, -h, made.gradient);
    }
    if (!isAllFinite(end)) return "nonFinite";
    z1 = await field.preactivations(end);
    ends.push({ end, z: z1 });
  }
  const { pieces, held: nextHeld, events } = reconcile(sides, state, found, start, z0, z1, h, scratch);
  const before = ends[ends.length - 2]!;
  let between = combine(1, end, -1, before.end);
  const moved = combine(1, z1, -1, before.z, scratch.take(z0.length));
  let zDifference = length(moved) / Math.sqrt(moved.length);
  if (ends.length === 2) {
    // Where nothing may change its piece RKC2 takes one pass, and has an estimate of its own.
    const { gradient } = await field.mean(end, found.mean);
    const estimate = stabilisedError(theta, end, h, first!, gradient);
    const apart = length(between);
    // At rest, or nearly, both end where they began: 0/0.
    if (apart > 0) zDifference *= length(estimate) / apart;
    between = estimate;
  }
  const tangential = await alongSurface(field, at.theta, found, between, moved);
  const branches = await branchesIn(
    field,
    {
      h,
      theta,
      z0,
      zBefore: state.zBefore,
      size: state.size,
      held,
      z1,
      start,
      signal: at.signal,
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
    signal,
    signalTime,
    signalBefore,
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

/** θ in the middle of a step by the last two velocities. */
function middleAhead(state: SteppingState, h: number): Float64Array {
  const { theta, velocity, velocityBefore, size, sizeBefore } = state;
  if (velocityBefore === null) return combine(1, theta, h / 2, velocity);
  const share = Math.min((h / 4 + size / 2) / ((size + sizeBefore) / 2), MOST_EXTRAPOLATED);
  return combine(1, theta, h / 2, combine(1 + share, velocity, -share, velocityBefore));
}

/** ∂L/∂a at a time on the line through the last two that are known. */
function signalAhead(
  state: Pick<SteppingState, "signal" | "signalTime" | "signalBefore" | "signalTimeBefore">,
  t: number,
  scratch: Scratch,
): Float64Array {
  const { signal, signalTime, signalBefore, signalTimeBefore } = state;
  if (signalBefore === null || !(signalTime > signalTimeBefore)) return signal;
  const share = Math.min((t - signalTime) / (signalTime - signalTimeBefore), MOST_EXTRAPOLATED);
  return combine(1 + share, signal, -share, signalBefore, scratch.take(signal.length));
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
