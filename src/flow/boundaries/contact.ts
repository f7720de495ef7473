/**
 * How near its breakpoint an entry counts as on it. z has no scale of its own: it grows with inputs, weights and depth. What has one is
 * the step: an error of (atol + rtol·|θ_i|) in each parameter is allowed, and moves z_e by the norm of ∇z_e under those weights.
 * A small part of that is the contact distance of the entry, never less than what rounding makes of z_e.
 */
import type { Memory } from "../../memory.js";
import { type Contact, firstLayer, type Kinks } from "./kinks.js";
import type { LockedField } from "./locked-field.js";
import { createProbes } from "./probes.js";
import { PARALLEL } from "./ties.js";

/** Part of the tolerance on θ that is granted to the position on a boundary. */
const SHARE = 1e-4;
/** Roundings of every parameter that z_e may be off by: one for each term of its sums, which add up like a random walk. */
const ROUNDINGS = 256;
/**
 * Probes of ‖∇z_e‖: (∂z/∂θ)ξ with ξ normal, of the weights' size, has this norm as its standard deviation. The mean of four squares is
 * too small by a factor of 10⁴, so that the distance would be below rounding, once in 10⁷ entries.
 */
const PROBES = 4;
/** By so many times the distance, as part of an input, may normals be inclined that are parallel on the boundaries. */
const INCLINED = 10;
/** The distances are taken anew once θ has moved by this part of itself, root mean square over parameters on the solver's scale. */
const MOVED = 0.25;

export interface Contacts {
  /** The distance of each entry [E]; zero where no parameter moves z_e. */
  readonly distances: Float64Array;
  /** Squared sine below which normals are parallel: at positions so uncertain, inputs of units at rest on their kink are. */
  readonly parallel: number;
  /** Takes them at θ under the present pattern. */
  measure(theta: Float64Array): Promise<void>;
  /** The same where θ has moved on since. */
  renew(theta: Float64Array): Promise<void>;
}

export function createContacts(
  field: LockedField,
  entries: number,
  parameters: number,
  { rtol, atol }: { readonly rtol: number; readonly atol: number },
  memory: Memory,
): Contacts {
  const state = memory.keep("contacts", {
    distances: new Float64Array(entries),
    /** Where they were taken. */
    theta: new Float64Array(parameters),
  });
  const probes = createProbes("contact", PROBES, parameters);
  const velocity = new Float64Array(parameters);
  const moves = new Float64Array(entries);
  const measure = async (theta: Float64Array): Promise<void> => {
    const { distances } = state;
    state.theta.set(theta);
    distances.fill(0);
    for (const probe of probes) {
      for (let i = 0; i < parameters; i++) {
        const size = Math.abs(theta[i] as number);
        const allowed = Math.max(SHARE * (atol + rtol * size), ROUNDINGS * Number.EPSILON * size);
        velocity[i] = allowed * (probe[i] as number);
      }
      await field.normalVelocities(theta, velocity, moves);
      for (let e = 0; e < entries; e++) distances[e] = Math.hypot(distances[e] as number, moves[e] as number);
    }
    for (let e = 0; e < entries; e++) distances[e] = (distances[e] as number) / Math.sqrt(PROBES);
  };
  return {
    distances: state.distances,
    parallel: Math.max(PARALLEL, (INCLINED * SHARE * rtol) ** 2),
    measure,
    async renew(theta) {
      let sum = 0;
      for (let i = 0; i < parameters; i++) {
        const before = state.theta[i] as number;
        sum += (((theta[i] as number) - before) / (Math.abs(before) + atol / rtol)) ** 2;
      }
      if (sum > MOVED ** 2 * parameters) await measure(theta);
    },
  };
}

/**
 * The contacts without those that rest on their breakpoint whatever the flow does, as in a network without biases an all-zero sample:
 * no parameter moves them, nor would one if an entry before them, of the same sample, changed its piece.
 */
export function movable(
  kinks: Kinks,
  distances: Float64Array,
  touching: readonly Contact[],
): readonly Contact[] {
  const moves = ({ entry }: Contact): boolean => (distances[entry] as number) > 0;
  if (touching.every(moves)) return touching;
  const first = firstLayer(kinks, touching.filter(moves));
  return touching.filter((contact) => moves(contact) || kinks.place(contact.entry).layer > first(contact));
}
