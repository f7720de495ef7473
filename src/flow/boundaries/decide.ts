/**
 * The decision at an event: of all entries on a breakpoint, who goes above, who below, who slides. With fixed weights the
 * normal velocities are q − Ku with u_e = jump_e·c_e·Δw_e, and the flow takes the Δw that minimise ½uᵀKu − qᵀu over 0 ≤ w ≤ 1.
 * Weights of one sample in several layers multiply each other, so the problem is linearised at the current weights and solved
 * again until nothing moves.
 */
import { solveBoxQp } from "../../linalg/box-qp.js";
import { type Contact, firstLayer, type Kinks } from "./kinks.js";
import type { LockedField } from "./locked-field.js";
import { direction, sharedGains, type Tie, tiesOf } from "./ties.js";

const MAX_ROUNDS = 60;
/** Weights that move less than this have settled: rounding in c_e and K is 1e-13 or so, and w enters θ' linearly. */
const SETTLED = 1e-9;
/** So have weights that move less than this and no longer ever less: c_e has more rounding the better the data are fitted. */
const SETTLED_AT_ROUNDING = 1e-6;
const STALLED = 0.9;
/** A normal velocity below this part of the terms that it is the sum of is rounding. */
const AT_REST = 1e-11;

export interface Decision {
  /** The contacts with their final weights: 0 below, 1 above, between: slides. */
  readonly contacts: readonly Contact[];
  readonly settled: boolean;
  /** Entries at a repelling boundary, where the solution is not unique; they stay on the side they were on. */
  readonly ambiguous: number;
}

/**
 * Decides at θ. Leaves the weights found in the field's pattern; the sliding set is the caller's to update.
 * @param given contacts in the order of their entries
 * @param snap a weight this near 0 or 1 counts as having reached it
 * @param parallel squared sine below which normals are parallel
 */
export async function decide(
  field: LockedField,
  kinks: Kinks,
  theta: Float64Array,
  given: readonly Contact[],
  snap: number,
  parallel: number,
): Promise<Decision> {
  field.pattern.sliding = [];
  // Entries that arrive move along the surfaces of those that slide; one that turns out to leave is no such surface.
  const held = given.map(({ weight }) => weight > snap && weight < 1 - snap);
  for (;;) {
    const decision = await decideAlong(field, kinks, theta, given, snap, parallel, held);
    const left = decision.contacts.map(({ weight }, i) => held[i]! && (weight === 0 || weight === 1));
    if (!decision.tied || !left.includes(true)) return decision;
    left.forEach((leaves, i) => {
      if (leaves) held[i] = false;
    });
  }
}

async function decideAlong(
  field: LockedField,
  kinks: Kinks,
  theta: Float64Array,
  given: readonly Contact[],
  snap: number,
  parallel: number,
  held: readonly boolean[],
): Promise<Decision & { readonly tied: boolean }> {
  const weights = Float64Array.from(given, ({ weight }) => weight);
  const { ties, sides } = await tie(field, kinks, theta, given, held, parallel);
  const moves = ties.map(({ leader, bound }, i) => leader === i && !bound && sides[i] === null);
  sides.forEach((side, i) => {
    if (side !== null) weights[i] = side;
  });
  let ambiguous = 0;
  let settled = false;
  let movedBefore = Number.POSITIVE_INFINITY;
  for (let round = 0; round < MAX_ROUNDS && !settled; round++) {
    await field.reweigh(given, weights);
    const { gradient, signal } = await field.evaluate(theta);
    const normals = await field.normals(theta, given);
    const { gram, count } = normals;
    const q = (await normals.along(gradient)).map((value) => -value);
    const own = given.map(
      ({ entry, breakpoint }) => kinks.jump(theta, entry, breakpoint) * (signal[entry] as number),
    );
    const gains = sharedGains(ties, own);
    // Attracting leaders may take any weight; the others keep theirs while the rest is solved.
    const open = Float64Array.from(gains, (gain, i) => (moves[i] && gain > 0 ? gain : 0));
    const lower = open.map((gain, i) => -(weights[i] as number) * gain);
    const upper = open.map((gain, i) => (1 - (weights[i] as number)) * gain);
    const { x, converged, operations } = solveBoxQp(gram, count, q, lower, upper);
    normals.work(operations);
    // Velocities are asked for of those alone that nothing holds.
    const hasFree = moves.some((isOpen, i) => isOpen && !((gains[i] as number) > 0));
    const image = hasFree ? normals.product(x) : x;
    const terms = hasFree ? await normals.terms(gradient) : x;
    const after = weights.slice();
    ambiguous = 0;
    for (let i = 0; i < ties.length; i++) {
      const gain = gains[i] as number;
      const before = weights[i] as number;
      if (!moves[i]) continue;
      if (gain > 0) {
        after[i] =
          x[i] === upper[i]
            ? 1
            : x[i] === lower[i]
              ? 0
              : Math.min(Math.max(before + (x[i] as number) / gain, 0), 1);
        continue;
      }
      const velocity = (q[i] as number) - (image[i] as number);
      const norm = gram[i * count + i] as number;
      const size = x.reduce(
        (sum, value, j) => sum + Math.abs((gram[i * count + j] as number) * value),
        terms[i] as number,
      );
      // A normal in the span of the sliding ones: nothing decides about its weight, so it keeps it; one that the loss does not see has none.
      if (Math.abs(velocity) <= AT_REST * size) {
        if (gain === 0) after[i] = before >= 0.5 ? 1 : 0;
        continue;
      }
      const below = velocity + before * gain * norm;
      const above = velocity - (1 - before) * gain * norm;
      const side = before >= 0.5 ? 1 : 0;
      after[i] = side === 0 ? (below > 0 ? 1 : 0) : above < 0 ? 0 : 1;
      // An entry that arrives and goes on to the other side had no choice: its own side did not hold it.
      const arrived = given[i]!.weight === 1 - (after[i] as number);
      if (below < 0 && above > 0 && !arrived) ambiguous++;
    }
    follow(ties, after);
    const moved = after.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - (weights[i] as number))),
      0,
    );
    const stalled = moved <= SETTLED_AT_ROUNDING && moved > STALLED * movedBefore;
    settled = converged && (moved <= SETTLED || stalled);
    movedBefore = moved;
    weights.set(after);
  }
  weights.forEach((w, i) => {
    if (settled && w <= snap) weights[i] = 0;
    else if (settled && w >= 1 - snap) weights[i] = 1;
  });
  await field.reweigh(given, weights);
  const contacts = given.map((contact, i) => {
    const { leader } = ties[i]!;
    return {
      ...contact,
      weight: weights[i] as number,
      follows: leader === i ? null : given[leader]!.entry,
    };
  });
  return { contacts, settled, ambiguous, tied: ties.some(({ leader, bound }, i) => leader !== i || bound) };
}

function placeWeights(
  { pattern }: LockedField,
  contacts: readonly Contact[],
  weights: ArrayLike<number>,
): void {
  contacts.forEach(({ entry, breakpoint }, i) => {
    pattern.pieces[entry] = breakpoint + (weights[i] as number);
  });
}

/**
 * Ties of the contacts at θ, and the sides of those that one unit alone feeds, itself on a kink below which it is flat: z = v·σ(z′)
 * is 0 while z′ is below, where its piece matters to nobody, so it has the piece that it will have when z′ is above.
 */
async function tie(
  field: LockedField,
  kinks: Kinks,
  theta: Float64Array,
  given: readonly Contact[],
  held: readonly boolean[],
  parallel: number,
): Promise<{ ties: readonly Tie[]; sides: readonly (0 | 1 | null)[] }> {
  const sides = given.map((): 0 | 1 | null => null);
  const index = new Map(given.map(({ entry }, i) => [entry, i]));
  const follows = given.map(({ follows }) => (follows === null ? null : (index.get(follows) ?? null)));
  placeWeights(
    field,
    given,
    given.map(({ weight }) => weight),
  );
  let normals = await field.normals(theta, given);
  const { layers } = normals;
  const mayCutOff = isCutOffBy(kinks, given);
  for (let fixed = -1; mayCutOff && fixed !== sides.filter((side) => side !== null).length; ) {
    fixed = sides.filter((side) => side !== null).length;
    placeWeights(
      field,
      given,
      given.map(({ weight }, i) => sides[i] ?? (held[i] ? weight : 0.5)),
    );
    normals = await field.normals(theta, given);
    const ties = tiesOf(
      normals,
      given.map(() => false),
      follows,
      parallel,
    );
    // One layer at a time: the next one sees the sides of this one.
    const next = ties.flatMap(({ leader }, i) =>
      sides[i] === null &&
      layers[leader]! < layers[i]! &&
      kinks.isFlatBelow(given[leader]!.entry, given[leader]!.breakpoint)
        ? [i]
        : [],
    );
    const layer = Math.min(...next.map((i) => layers[i]!));
    for (const i of next) if (layers[i] === layer) sides[i] = ties[i]!.ratio > 0 ? 1 : 0;
  }
  const ties = tiesOf(normals, held, follows, parallel);
  return { ties: ties.map((t, i) => (sides[i] === null ? t : { leader: i, ratio: 1, bound: true })), sides };
}

/** Whether one contact may cut another off: in an earlier layer of the same sample, where it is flat below. */
function isCutOffBy(kinks: Kinks, given: readonly Contact[]): boolean {
  const first = firstLayer(
    kinks,
    given.filter(({ entry, breakpoint }) => kinks.isFlatBelow(entry, breakpoint)),
  );
  return given.some((contact) => kinks.place(contact.entry).layer > first(contact));
}

/** Contacts that move with a leader take its weight, or its complement where their z move against each other. */
function follow(ties: readonly Tie[], weights: Float64Array): void {
  ties.forEach((tie, i) => {
    if (tie.leader === i) return;
    const lead = weights[tie.leader] as number;
    weights[i] = direction(tie) > 0 ? lead : 1 - lead;
  });
}
