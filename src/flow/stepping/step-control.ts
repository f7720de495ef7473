/**
 * How large steps over kinks are: by the part of the passes' difference along the surface of what slides. What is normal to that surface
 * does not fall with the step; a controller that sees it goes down to nothing. For the same reason there is a smallest step, a part of
 * 1/ρ: at it a step is taken whatever its error, and counted.
 */
import type { Attempt } from "./attempt.js";
import { cheapest } from "./stability.js";

/** Of the normal part of the difference in the error. */
const NORMAL_SHARE = 0.1;
/** An error above this is rejected; steps aim at 1. */
const REJECTED = 2;
/** Bounds of hρ: the first step, the smallest one (of the smallest ρ seen), the largest. */
const FIRST = 0.1;
const SMALLEST = { now: 1, ever: 0.1 } as const;
/**
 * What bounds steps from below is the part of the difference normal to what slides, which does not fall with the step. Where a third of it
 * is tangential, as at crossings in narrow networks, a smaller step resolves it, down to this part of the smallest. Where the error falls,
 * as where entries hang on one another or nothing slid yet, smaller ones do, down to the second part: it falls if it is at most `FALLEN`
 * times that of the attempt that was rejected last.
 */
const FINER = { tangential: 0.1, falling: 1e-3 } as const;
const RESOLVABLE = 0.3;
const FALLEN = 0.9;
const LARGEST = 160;
/** From one step to the next, at most; below the smallest, always. */
const GROWTH = 1.6;
const TOO_LARGE_FACTOR = 0.4;

/** What the next step is decided by. Plain data, kept by whoever steps. */
export interface Control {
  /** The next step as the error allows; 0 before the first. */
  next: number;
  errorBefore: number;
  mayGrow: boolean;
  /** The last attempt was rejected, and smaller steps than usual may resolve what it was rejected for; or was such a step. */
  isFiner: boolean;
  /** Its error relative to the tolerance, if it was no larger than the smallest; ∞ after a step that was accepted, 0 after one that was forced: nothing falls below that. */
  rejectedWith: number;
  /** Spectral radius of the Jacobian as measured last, and the least one seen. */
  rho: number;
  leastRho: number;
}

/** @param next the first step, where it is given */
export const newControl = (next: number): Control => ({
  ...{ next, errorBefore: 1, mayGrow: true, isFiner: false, rejectedWith: Number.POSITIVE_INFINITY },
  ...{ rho: 0, leastRho: Number.POSITIVE_INFINITY },
});

export interface Planned {
  readonly h: number;
  /** The step below which none is judged by its normal part. */
  readonly smallest: number;
}

/** @param left time to the end of the flow */
export function planStep(control: Control, left: number, maxStep: number): Planned {
  const { rho, leastRho, isFiner } = control;
  if (control.next === 0) control.next = rho > 0 ? FIRST / rho : left / 100;
  const smallest = rho > 0 ? Math.min(SMALLEST.now / rho, SMALLEST.ever / leastRho, maxStep) : 0;
  const largest = rho > 0 ? LARGEST / rho : Number.POSITIVE_INFINITY;
  const h = Math.max(
    cheapest(Math.min(control.next, largest, maxStep), rho),
    isFiner ? FINER.falling * smallest : smallest,
  );
  return { h, smallest };
}

/** After a step that could not be judged: a smaller one, or `last` where there is none. */
export function shrinkUnjudged(control: Control, { h, smallest }: Planned): "smaller" | "last" {
  if (h <= smallest) return "last";
  control.next = TOO_LARGE_FACTOR * h;
  control.mayGrow = false;
  return "smaller";
}

/**
 * Whether the step is taken, `forced` where it errs by more and no smaller one would err by less, and what comes next.
 * @param tolerance of an error of θ, as a norm
 */
export function judgeStep(
  control: Control,
  { h, smallest }: Planned,
  { tangential, difference }: Pick<Attempt, "tangential" | "difference">,
  tolerance: number,
): "accepted" | "forced" | "rejected" {
  const error = Math.hypot(tangential, NORMAL_SHARE * difference) / tolerance;
  let finest = tangential >= RESOLVABLE * difference ? FINER.tangential : 1;
  if (error <= FALLEN * control.rejectedWith) finest = FINER.falling;
  if (error > REJECTED && h > finest * smallest) {
    control.isFiner = finest < 1;
    if (h <= smallest) control.rejectedWith = error;
    control.next = h * Math.min(0.8, Math.max(0.25, 0.9 * error ** -0.4));
    control.mayGrow = false;
    return "rejected";
  }
  const isForced = error > REJECTED;
  const known = Math.max(error, 1e-3);
  const factor = 0.9 * known ** -0.3 * control.errorBefore ** 0.1;
  control.errorBefore = known;
  const most = control.mayGrow ? GROWTH : 1;
  // Below the smallest step an error that does not fall with it would hold it down for ever: from there it grows whatever the error.
  const least = h < smallest ? most : 0.5;
  control.next = Math.min(most * Math.max(h, control.next), h * Math.max(least, factor));
  control.mayGrow = true;
  control.isFiner = h < smallest && !isForced;
  control.rejectedWith = isForced ? 0 : Number.POSITIVE_INFINITY;
  return isForced ? "forced" : "accepted";
}
