/** Books of what happened at the boundaries: events as they are decided, and their totals. Decides nothing. */
import type { Memory } from "../../memory.js";
import type { Contact, Kinks, Place } from "./kinks.js";
import type { BoundaryCost } from "./locked-field.js";
import type { Openings } from "./openings.js";

/** One change of one entry. */
export interface BoundaryEvent extends Place {
  readonly t: number;
  readonly kind: "crossing" | "entersSliding" | "leavesSliding";
  readonly breakpoint: number;
  /** Side of the breakpoint: where a crossing or a leaving entry goes to, where an entering entry comes from. */
  readonly side: "above" | "below";
  /** Entries that slide after this instant. */
  readonly sliding: number;
}

export interface BoundarySummary extends Openings {
  readonly crossings: number;
  readonly slidingEntries: number;
  readonly slidingExits: number;
  /** Those of them where the sample slid in another layer too. The mean slopes multiply there, which is a choice: descent's may be correlated. */
  readonly coupledExits: number;
  readonly maxSliding: number;
  /** Instants after t = 0 at which an entry came to a boundary while others slid on theirs: the flow is where boundaries intersect. */
  readonly corners: number;
  /** Instants after t = 0 at which several entries came to boundaries that nothing ties to one another. */
  readonly coincidences: number;
  /** Time during which at least one entry slides, and the sum over entries. */
  readonly timeSliding: number;
  readonly entryTimeSliding: number;
  readonly firstSliding: number | null;
  /** Instants, t = 0 among them, on a repelling boundary: the solution is not unique from there. */
  readonly ambiguous: number;
  /** Decisions that did not settle, or whose box problem was not solved; zero unless something is wrong. */
  readonly unsettled: number;
  readonly instants: number;
  /** All arithmetic, in gradients of the loss. */
  readonly gradientEquivalents: number;
  readonly rowSweeps: number;
  readonly pushforwards: number;
  readonly products: number;
  /** Times that the weights of sliding entries were taken before they had settled. */
  readonly unsettledWeights: number;
}

export interface Ledger {
  /** Before the decision at t = 0, where there is one. */
  began(openings: Openings): void;
  /** Enters the decision of an instant; `sliding` entries slide after it. Whether it changed anything. */
  decided(t: number, changes: readonly Change[], sliding: number, verdict: Verdict): boolean;
  /** The flow has gone on for `duration` with `sliding` entries held. */
  passed(duration: number, sliding: number): void;
  readonly unsettled: number;
  summary(cost: BoundaryCost): BoundarySummary;
}

/** A contact before and after a decision. */
export interface Change {
  readonly contact: Contact;
  readonly weightBefore: number;
  readonly slidBefore: boolean;
}

export interface Verdict {
  readonly settled: boolean;
  readonly ambiguous: number;
}

/** Whether the entry came to its boundary at this instant, and crossed it or stayed there; of those that are tied only the one that leads. */
const hasCome = ({ contact, weightBefore, slidBefore }: Change): boolean =>
  !slidBefore && contact.follows === null && contact.weight !== weightBefore;

export const isSliding = ({ weight }: Contact): boolean => weight > 0 && weight < 1;

export function createLedger(kinks: Kinks, onEvent: (event: BoundaryEvent) => void, memory: Memory): Ledger {
  const counts = memory.keep("ledger", {
    crossings: 0,
    slidingEntries: 0,
    slidingExits: 0,
    coupledExits: 0,
    maxSliding: 0,
    corners: 0,
    coincidences: 0,
    timeSliding: 0,
    entryTimeSliding: 0,
    firstSliding: null as number | null,
    startOnBreakpoint: 0,
    startAmbiguous: 0,
    startCoupled: 0,
    ambiguous: 0,
    unsettled: 0,
    instants: 0,
  });
  /** Whether a slope of another of these entries multiplies its own. */
  const isCoupled = (entry: number, sliding: readonly number[]): boolean => {
    const { layer, sample } = kinks.place(entry);
    return sliding.some((other) => {
      const place = kinks.place(other);
      return place.layer !== layer && (kinks.coupled || place.sample === sample);
    });
  };
  return {
    began: (openings) => Object.assign(counts, openings),
    decided(t, changes, sliding, { settled, ambiguous }) {
      counts.instants++;
      if (!settled) counts.unsettled++;
      if (ambiguous > 0 || (t === 0 && counts.startAmbiguous > 0)) counts.ambiguous++;
      counts.maxSliding = Math.max(counts.maxSliding, sliding);
      if (sliding > 0) counts.firstSliding ??= t;
      const came = t > 0 ? changes.filter(hasCome).length : 0;
      if (came > 0 && changes.some(({ slidBefore }) => slidBefore)) counts.corners++;
      if (came > 1) counts.coincidences++;
      const slid = changes.flatMap(({ contact, slidBefore }) => (slidBefore ? [contact.entry] : []));
      let emitted = 0;
      for (const { contact, weightBefore, slidBefore } of changes) {
        const { entry, breakpoint, weight } = contact;
        const emit = (kind: BoundaryEvent["kind"], side: BoundaryEvent["side"]): void => {
          emitted++;
          onEvent({ t, kind, ...kinks.place(entry), breakpoint, side, sliding });
        };
        const slides = isSliding(contact);
        const goesTo = weight === 1 ? "above" : "below";
        if (slides && !slidBefore) {
          counts.slidingEntries++;
          emit("entersSliding", weightBefore >= 0.5 ? "above" : "below");
        } else if (!slides && slidBefore) {
          counts.slidingExits++;
          if (isCoupled(entry, slid)) counts.coupledExits++;
          emit("leavesSliding", goesTo);
        } else if (!slides && weight !== weightBefore) {
          counts.crossings++;
          emit("crossing", goesTo);
        }
      }
      return emitted > 0;
    },
    passed(duration, sliding) {
      if (sliding === 0) return;
      counts.timeSliding += duration;
      counts.entryTimeSliding += sliding * duration;
    },
    get unsettled() {
      return counts.unsettled;
    },
    summary: ({ evaluations: _, ...cost }) => ({ ...counts, ...cost }),
  };
}
