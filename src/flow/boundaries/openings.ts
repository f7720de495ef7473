/**
 * What the flow leaves open where it starts on breakpoints. Entries come from no side there: what the decision makes of them if they are
 * thought to come from below, and from above, differs where nothing decides. Books of it; decides nothing.
 */
import type { Decision } from "./decide.js";
import type { Contact, Kinks } from "./kinks.js";

/** Counts of entries. */
export interface Openings {
  /** Entries that start exactly on a breakpoint and can move off it. */
  readonly startOnBreakpoint: number;
  /** Those of them that nothing decides about, as on a repelling boundary: they were taken to come from below. */
  readonly startAmbiguous: number;
  /** Those that share their sample with one in another layer, so that the side of one depends on that of the other. */
  readonly startCoupled: number;
}

/** Weights that differ by less are the same. */
const SAME = 1e-7;

/** The contact as one that comes from the other side. */
export const turned = (contact: Contact): Contact => ({ ...contact, weight: 1 - contact.weight });

/** @param decision what was decided; `other` what would have been, had the contacts been turned */
export function openings(kinks: Kinks, { contacts, ambiguous }: Decision, other: Decision): Openings {
  const differ = contacts.filter(({ weight }, i) => Math.abs(weight - other.contacts[i]!.weight) > SAME);
  const places = contacts.map(({ entry }) => kinks.place(entry));
  const layers = new Map<number, Set<number>>();
  for (const { sample, layer } of places) layers.set(sample, (layers.get(sample) ?? new Set()).add(layer));
  return {
    startOnBreakpoint: contacts.length,
    startAmbiguous: Math.max(ambiguous, differ.length),
    startCoupled: places.filter(({ sample }) => layers.get(sample)!.size > 1).length,
  };
}
