/**
 * The decision at an event: which of the entries on a breakpoint go up, go down or stay (slide), for all of them together.
 *
 * With x_e = (jump of σ')·c_e·Δw_e the velocity of z is q − Kx, and the solution in Filippov's sense is the
 * minimum of ½xᵀKx − qᵀx in the box 0 ≤ w ≤ 1. Weights of one sample in several layers multiply each other, so the problem
 * is linearised at the current weights and solved again until they stand still (mathematics, section 5.3).
 */
import { solveBoxQp } from "../../linalg/box-qp.js";
import type { Contact, Kinks } from "./kinks.js";
import { type LockedField, multiply, sumOverTwins, type Twin, twinsOf } from "./locked-field.js";

const MAX_ROUNDS = 40;
/** Weights that move less than this have settled: rounding in c_e and K is 1e-13 or so, and w enters θ' linearly. */
const SETTLED = 1e-9;

export interface Decision {
  /** The contacts with their final weights: 0 below, 1 above, between: slides. */
  readonly contacts: readonly Contact[];
  readonly settled: boolean;
  /** Entries at a repelling boundary, where the solution is not unique; they stay on the side they were on. */
  readonly ambiguous: number;
}

/**
 * Decides at θ. Leaves the weights found in the field's pattern; the sliding set is the caller's to update.
 * @param snap a weight this near 0 or 1 counts as having reached it
 */
export async function decide(
  field: LockedField,
  kinks: Kinks,
  theta: Float64Array,
  given: readonly Contact[],
  snap: number,
): Promise<Decision> {
  const { pieces } = field.pattern;
  const n = given.length;
  const weights = Float64Array.from(given, ({ weight }) => weight);
  const contacts = (): Contact[] => given.map((contact, i) => ({ ...contact, weight: weights[i] as number }));
  const place = (): void => {
    given.forEach(({ entry, breakpoint }, i) => {
      pieces[entry] = breakpoint + (weights[i] as number);
    });
    field.invalidate();
  };
  let ambiguous = 0;
  field.pattern.sliding = [];
  for (let round = 0; round < MAX_ROUNDS; round++) {
    place();
    const { gradient, signal } = await field.evaluate(theta);
    const rows = await field.rows(theta, given);
    const q = multiply(rows, gradient).map((value) => -value);
    const twins = twinsOf(rows);
    const own = given.map(
      ({ entry, breakpoint }) => kinks.jump(theta, entry, breakpoint) * (signal[entry] as number),
    );
    const gain = Float64Array.from(sumOverTwins(twins, own, Math.abs));
    // Attracting entries may take any weight; the others keep theirs while the rest is solved. Twins follow their leader.
    const open = gain.map((g, i) => (g > 0 && twins[i]?.leader === i ? g : 0));
    const lower = open.map((g, i) => -(weights[i] as number) * g);
    const upper = open.map((g, i) => (1 - (weights[i] as number)) * g);
    const { x } = solveBoxQp(rows.gram, rows.stride, q, lower, upper);
    let moved = 0;
    ambiguous = 0;
    for (let i = 0; i < n; i++) {
      const g = gain[i] as number;
      const before = weights[i] as number;
      let after = before;
      const { leader, ratio } = twins[i] as Twin;
      if (leader !== i) {
        const lead = weights[leader] as number;
        after = ratio > 0 ? lead : 1 - lead;
        moved = Math.max(moved, Math.abs(after - before));
        weights[i] = after;
        continue;
      }
      if (g > 0) {
        after =
          x[i] === upper[i]
            ? 1
            : x[i] === lower[i]
              ? 0
              : Math.min(Math.max(before + (x[i] as number) / g, 0), 1);
      } else {
        let velocity = q[i] as number;
        for (let j = 0; j < n; j++) velocity -= (rows.gram[i * rows.stride + j] as number) * (x[j] as number);
        const norm = rows.gram[i * rows.stride + i] as number;
        const below = velocity + before * g * norm;
        const above = velocity - (1 - before) * g * norm;
        const side = before >= 0.5 ? 1 : 0;
        after = side === 0 ? (below > 0 ? 1 : 0) : above < 0 ? 0 : 1;
        // An entry that arrives and goes on to the other side had no choice: its own side did not hold it.
        const arrived = given[i]!.weight === 1 - after;
        if (below < 0 && above > 0 && !arrived) ambiguous++;
      }
      moved = Math.max(moved, Math.abs(after - before));
      weights[i] = after;
    }
    if (moved <= SETTLED) {
      weights.forEach((w, i) => {
        if (w <= snap) weights[i] = 0;
        else if (w >= 1 - snap) weights[i] = 1;
      });
      place();
      return { contacts: contacts(), settled: true, ambiguous };
    }
  }
  place();
  return { contacts: contacts(), settled: false, ambiguous };
}
