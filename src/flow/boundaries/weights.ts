/**
 * The weights of sliding entries: the share of the piece above with which the field, its pattern fixed, keeps them on their
 * breakpoints. An entry slides while its weight lies in [0, 1].
 */
import type { Kinks } from "./kinks.js";
import type { Evaluation, LockedField } from "./locked-field.js";
import { independent, tiesOf, weightChanges } from "./ties.js";

const MAX_ROUNDS = 10;
/** Weights that move less than this are those of the state: what comes after is rounding. */
const SETTLED = 1e-11;

/**
 * Weights of the sliding contacts at θ, in their order. w = w_ref − u/(jump·c) holds with c under the found weights of later
 * layers; c is taken under the reference weights, so where one weight enters the signal of another the references are
 * moved and the formula used again, unless all are farther from 0 and 1 than the last change. Moves the pattern's weights.
 */
export async function slidingWeights(
  field: LockedField,
  kinks: Kinks,
  theta: Float64Array,
): Promise<number[]> {
  const { pattern } = field;
  const isCoupled = entersEachOther(field, kinks);
  let before = pattern.sliding.map(({ weight }) => weight);
  for (let round = 1; ; round++) {
    const evaluation = await field.evaluate(theta);
    const changes = changesAt(field, kinks, evaluation);
    const weights = pattern.sliding.map(({ weight }, s) => weight + (changes[s] as number));
    const moved = largestDifference(weights, before);
    const isFar = weights.every((w) => w > moved && w < 1 - moved);
    if (!isCoupled || isFar || !(moved > SETTLED) || round === MAX_ROUNDS) return weights;
    setWeights(field, weights);
    before = weights;
  }
}

/**
 * Makes `weights`, cut to [0, 1], the references of the sliding contacts: the field stays what it is, its signals c follow.
 */
export function setWeights(field: LockedField, weights: readonly number[]): void {
  const { pattern } = field;
  pattern.sliding = pattern.sliding.map((contact, s) => ({
    ...contact,
    weight: Math.min(Math.max(weights[s] as number, 0), 1),
  }));
  for (const { entry, breakpoint, weight } of pattern.sliding) pattern.pieces[entry] = breakpoint + weight;
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (b[i] as number))), 0);
}

function changesAt(
  field: LockedField,
  kinks: Kinks,
  { theta, signal, multipliers, normals }: Evaluation,
): number[] {
  const { sliding } = field.pattern;
  if (normals === null) return [];
  const { gram, layers } = normals;
  const ties =
    gram === null
      ? independent(sliding.length)
      : tiesOf(
          gram,
          layers,
          sliding.map(() => true),
        );
  const own = sliding.map(
    ({ entry, breakpoint }) => kinks.jump(theta, entry, breakpoint) * (signal[entry] as number),
  );
  return weightChanges(gram, ties, own, multipliers);
}

/** Whether the weight of one sliding entry enters the signal of another: one of an earlier layer, of its sample or any of a gcn. */
function entersEachOther({ pattern }: LockedField, kinks: Kinks): boolean {
  const layerOf = new Map<number, number>();
  return pattern.sliding.some(({ entry }) => {
    const { layer, sample } = kinks.place(entry);
    const group = kinks.coupled ? 0 : sample;
    const known = layerOf.get(group);
    layerOf.set(group, layer);
    return known !== undefined && known !== layer;
  });
}
