/** Books of a flow that is stepped over its kinks: events, totals, and what the steps say about themselves. */

import { length } from "../../linalg/norm.js";
import type { Memory } from "../../memory.js";
import type { Kinks, Place } from "../boundaries/kinks.js";
import type { BoundaryEvent } from "../boundaries/ledger.js";
import type { SteppingCost } from "./field.js";
import type { SteppingStep } from "./stepper.js";

/** An entry that may have gone the other way. */
export interface AmbiguousInstant extends Place {
  /** Start of the step. */
  readonly t: number;
  readonly breakpoint: number;
  /** By how much z missed the other way, and what of z is not known, root mean square over all entries. */
  readonly margin: number;
  readonly error: number;
  /** ‖difference of θ‖ where the flow ended, had it gone the other way and stayed there. */
  readonly reach: number;
}

/** The same while the end is open: ‖difference of θ'‖ in place of what it comes to. */
type OpenInstant = Omit<AmbiguousInstant, "reach"> & { readonly speed: number };

/** Ambiguous instants that are kept. */
const MOST_BRANCHES = 10;

export interface SteppingSummary {
  readonly crossings: number;
  readonly slidingEntries: number;
  readonly slidingExits: number;
  readonly maxSliding: number;
  /** Time during which at least one entry slides, and the sum over entries, by what slides at the ends of steps. */
  readonly timeSliding: number;
  readonly entryTimeSliding: number;
  readonly firstSliding: number | null;
  readonly startOnBreakpoint: number;
  /** Times that an entry came to a breakpoint that repels within the error of z: from there the flow may be on another branch. */
  readonly ambiguous: number;
  /** Those of them that may displace θ most, in the order of time. */
  readonly branches: readonly AmbiguousInstant[];
  /** Micro-simulations that did not come to an end. */
  readonly unsettled: number;
  /** Difference of the two passes of a step along the surface of what slides, relative to ‖θ‖: the largest, and the sum over all steps. */
  readonly largestPassDifference: number;
  readonly summedPassDifference: number;
  /** Steps of the smallest size that erred by more than the tolerance. */
  readonly forcedSteps: number;
  /** Euler steps in place of steps that could not be judged. */
  readonly eulerSteps: number;
  /** Entries simulated in a step: the most. */
  readonly maxCandidates: number;
  readonly forwards: number;
  readonly pullbacks: number;
  readonly rowSweeps: number;
  readonly products: number;
}

export interface Books {
  began(startOnBreakpoint: number): void;
  /** Enters a step, up to a time within it where the flow ends there. */
  passed(step: SteppingStep, until: number): void;
  /** @param t where the flow ended */
  summary(
    t: number,
    stepper: { readonly forced: number; readonly fallbacks: number },
    cost: SteppingCost,
  ): SteppingSummary;
}

export function createBooks(kinks: Kinks, onEvent: (event: BoundaryEvent) => void, memory: Memory): Books {
  const state = memory.keep("books", {
    sliding: 0,
    crossings: 0,
    slidingEntries: 0,
    slidingExits: 0,
    maxSliding: 0,
    timeSliding: 0,
    entryTimeSliding: 0,
    firstSliding: null as number | null,
    startOnBreakpoint: 0,
    ambiguous: 0,
    branches: [] as OpenInstant[],
    unsettled: 0,
    largestPassDifference: 0,
    summedPassDifference: 0,
    maxCandidates: 0,
  });
  return {
    began(count) {
      state.startOnBreakpoint = count;
    },
    passed({ t0, t1, events, sliding, attempt, theta1 }, until) {
      for (const [i, { time, entry, kind, breakpoint, isAbove }] of events.entries()) {
        const t = t0 + time;
        if (t > until) break;
        if (kind === "entersSliding") {
          state.sliding++;
          state.slidingEntries++;
          state.firstSliding ??= t;
        } else if (kind === "leavesSliding") {
          state.sliding--;
          state.slidingExits++;
        } else state.crossings++;
        // One enters and another leaves at one instant: what slides at once is what slides after it.
        if (events[i + 1]?.time !== time) state.maxSliding = Math.max(state.maxSliding, state.sliding);
        onEvent({
          t,
          kind,
          ...kinks.place(entry),
          breakpoint,
          side: isAbove ? "above" : "below",
          sliding: state.sliding,
        });
      }
      const duration = Math.min(until, t1) - t0;
      if (sliding > 0) state.timeSliding += duration;
      state.entryTimeSliding += sliding * duration;
      if (attempt === null) return;
      const { tangential, candidates, unsettled, branches } = attempt;
      const size = length(theta1);
      const relative = size > 0 ? tangential / size : 0;
      state.largestPassDifference = Math.max(state.largestPassDifference, relative);
      state.summedPassDifference += relative;
      state.maxCandidates = Math.max(state.maxCandidates, candidates);
      state.unsettled += unsettled;
      state.ambiguous += branches.length;
      for (const { entry, breakpoint, margin, error, speed } of branches)
        state.branches.push({
          t: t0,
          ...kinks.place(entry),
          breakpoint,
          margin,
          error,
          speed,
        });
      if (branches.length > 0) state.branches = mayMatter(state.branches, Math.min(until, t1));
    },
    summary(end, { forced, fallbacks }, { gradients: _, ...cost }) {
      const { sliding: __, branches: open, ...counts } = state;
      const reached = open.map(({ speed, ...instant }) => ({ ...instant, reach: speed * (end - instant.t) }));
      const telling = [...reached].sort((p, q) => q.reach - p.reach).slice(0, MOST_BRANCHES);
      const branches = reached.filter((branch) => telling.includes(branch));
      return { ...counts, branches, forcedSteps: forced, eulerSteps: fallbacks, ...cost };
    },
  };
}

/**
 * Those that may be among the first when the flow ends, at `now` or at any time after: reach is linear in the end, so that who leads both at
 * `now` and in speed leads at every end. Of equals the earlier leads.
 */
function mayMatter(instants: readonly OpenInstant[], now: number): OpenInstant[] {
  if (instants.length <= MOST_BRANCHES) return [...instants];
  const reach = instants.map(({ speed, t }) => speed * (now - t));
  return instants.filter((own, i) => {
    let ahead = 0;
    for (const [k, other] of instants.entries()) {
      if (k === i || other.speed < own.speed || reach[k]! < reach[i]!) continue;
      if (other.speed > own.speed || reach[k]! > reach[i]! || k < i) ahead++;
    }
    return ahead < MOST_BRANCHES;
  });
}
