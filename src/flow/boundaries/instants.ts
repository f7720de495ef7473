/**
 * What happens at an instant: θ is put on the boundaries, all that is on a breakpoint is found, and decided together. Between instants the
 * flow is smooth and knows nothing of this.
 */
import { length } from "../../linalg/norm.js";
import { type Contacts, movable } from "./contact.js";
import { decide } from "./decide.js";
import { type Contact, firstLayer, inOrder, type Kinks } from "./kinks.js";
import { isSliding, type Ledger } from "./ledger.js";
import type { LockedField } from "./locked-field.js";
import { openings, turned } from "./openings.js";
import { setWeights, slidingWeights } from "./weights.js";

/** A weight this near its end when its entry is due to leave has reached it. */
const WEIGHT_SNAP = 1e-7;

export interface Instants {
  /** Moves θ to where all of these are on their breakpoints. */
  hold(theta: Float64Array, contacts: readonly Contact[]): Promise<void>;
  /** Whether an entry is off its breakpoint, given all pre-activations. */
  isOff(contact: Contact, z: Float64Array): boolean;
  /**
   * Decides at (t, θ) who crosses, who slides, who leaves; moves θ onto what slides then.
   * @param lead the entry that has arrived; null at the start, and where a weight has reached its end
   * @returns whether anything is other than before
   */
  settle(t: number, theta: Float64Array, lead: number | null): Promise<boolean>;
}

export function createInstants(
  field: LockedField,
  kinks: Kinks,
  contacts: Contacts,
  ledger: Ledger,
): Instants {
  const { pattern } = field;
  const { distances, parallel } = contacts;
  const zDot = new Float64Array(kinks.entries);
  /** Of each entry, its place among those that slide, from 1. */
  const slot = new Int32Array(kinks.entries);

  const isOff = ({ entry, breakpoint }: Contact, z: Float64Array): boolean =>
    Math.abs((z[entry] as number) - (kinks.breakpoints(entry)[breakpoint] as number)) >
    (distances[entry] as number);

  const hold = async (theta: Float64Array, held: readonly Contact[]): Promise<void> => {
    if (held.length === 0) return;
    const z = await field.preactivations(theta);
    if (held.some((contact) => isOff(contact, z))) await field.project(theta, held);
  };

  /** The entry on the breakpoint nearest to it. */
  const arrival = async (theta: Float64Array, entry: number): Promise<Contact> => {
    const z = (await field.preactivations(theta))[entry] as number;
    const away = kinks.breakpoints(entry).map((position) => Math.abs(z - position));
    const breakpoint = away.indexOf(Math.min(...away));
    return { entry, breakpoint, weight: pattern.pieces[entry] === breakpoint ? 0 : 1, follows: null };
  };

  const isNear = (entry: number, breakpoint: number, z: Float64Array): boolean =>
    Math.abs(z[entry]! - (kinks.breakpoints(entry)[breakpoint] ?? Number.NaN)) <= 2 * distances[entry]!;

  /** The lead, what slides, with its place in `slot`, and what is near a breakpoint: few of all. */
  const nearby = (z: Float64Array, lead: number | null): readonly number[] => {
    pattern.sliding.forEach(({ entry }, s) => {
      slot[entry] = s + 1;
    });
    const found: number[] = [];
    for (let entry = 0; entry < kinks.entries; entry++) {
      const breakpoints = kinks.breakpoints(entry);
      const reach = 2 * distances[entry]!;
      let isFound = slot[entry] !== 0 || entry === lead;
      for (let b = 0; b < breakpoints.length; b++) isFound ||= Math.abs(z[entry]! - breakpoints[b]!) <= reach;
      if (isFound) found.push(entry);
    }
    return found;
  };

  /** Everything about which the instant has to decide: what slides, and what is on a breakpoint and does not move off. */
  const touchingAt = async (
    t: number,
    theta: Float64Array,
    lead: number | null,
  ): Promise<readonly Contact[]> => {
    const { z, velocity } = await field.evaluate(theta);
    const [path, size] = [length(velocity), length(theta)];
    const touching: Contact[] = [];
    const resting: Contact[] = [];
    const arrived = lead === null ? null : await arrival(theta, lead);
    let isAsked = false;
    for (const entry of nearby(z, lead)) {
      if (slot[entry] !== 0) {
        touching.push(pattern.sliding[slot[entry]! - 1]!);
        slot[entry] = 0;
        continue;
      }
      const piece = pattern.pieces[entry] as number;
      for (let breakpoint = piece - 1; breakpoint <= piece; breakpoint++) {
        const isArrived = entry === lead && breakpoint === arrived!.breakpoint;
        if (!isArrived && !isNear(entry, breakpoint, z)) continue;
        const contact = { entry, breakpoint, weight: piece === breakpoint ? 0 : 1, follows: null };
        if (!isArrived && t > 0) {
          // An entry that has just crossed and moves off is near its breakpoint, but nothing is to be decided about it.
          if (!isAsked) await field.normalVelocities(theta, velocity, zDot);
          isAsked = true;
          const speed = zDot[entry] as number;
          if (piece === breakpoint ? speed < 0 : speed > 0) {
            // One that would not get off before θ has moved by its own size is at rest: the sign of its speed is rounding.
            if (Math.abs(speed) * size <= path * distances[entry]!) resting.push(contact);
            continue;
          }
        }
        touching.push(contact);
      }
    }
    // What rests behind a contact that arrives, and may let it go, is decided with that one.
    const arriving = touching.filter(
      (contact) => kinks.cutsOff(contact.entry, contact.breakpoint) && !pattern.sliding.includes(contact),
    );
    const first = firstLayer(kinks, arriving);
    const behind = resting.filter((contact) => kinks.place(contact.entry).layer > first(contact));
    return movable(kinks, distances, inOrder([...touching, ...behind]));
  };

  /** The same contacts with the weights with which they slide at θ. */
  const withWeights = async (
    theta: Float64Array,
    touching: readonly Contact[],
  ): Promise<readonly Contact[]> => {
    const slides = new Set(pattern.sliding.map(({ entry }) => entry));
    const others = touching.filter(({ entry }) => !slides.has(entry));
    await setWeights(field, await slidingWeights(field, kinks, theta), others);
    const renewed = new Map(pattern.sliding.map((contact) => [contact.entry, contact]));
    return touching.map((contact) => renewed.get(contact.entry) ?? contact);
  };

  return {
    hold,
    isOff,
    async settle(t, theta, lead) {
      const slid = new Set(pattern.sliding.map(({ entry }) => entry));
      // What the step missed the breakpoint by is an error of the step; others may have to arrive there with the one that leads.
      const arrived = lead === null ? [] : [await arrival(theta, lead)];
      await hold(theta, inOrder([...pattern.sliding, ...arrived]));
      let hasChanged = false;
      let touching = await touchingAt(t, theta, lead);
      if (t > 0 && slid.size > 0) touching = await withWeights(theta, touching);
      if (touching.length > 0) {
        const snap = lead === null && t > 0 ? WEIGHT_SNAP : 0;
        const decideFrom = (given: readonly Contact[]) => decide(field, kinks, theta, given, snap, parallel);
        const fromAbove = t === 0 ? await decideFrom(touching.map(turned)) : null;
        const decision = await decideFrom(touching);
        pattern.sliding = decision.contacts.filter(isSliding);
        if (fromAbove !== null) ledger.began(openings(kinks, decision, fromAbove));
        const changes = decision.contacts.map((contact, i) => ({
          contact,
          weightBefore: touching[i]!.weight,
          slidBefore: slid.has(contact.entry),
        }));
        hasChanged = ledger.decided(t, changes, pattern.sliding.length, decision);
      }
      await hold(theta, pattern.sliding);
      if (touching.some(({ entry, breakpoint }) => kinks.cutsOff(entry, breakpoint)))
        await contacts.measure(theta);
      return hasChanged;
    },
  };
}
