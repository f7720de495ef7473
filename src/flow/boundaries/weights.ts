/**
 * The weights of sliding entries: the share of the piece above with which the field, its pattern fixed, keeps them on their
 * breakpoints. An entry slides while its weight lies in [0, 1].
 */
import { factorise } from "../../linalg/cholesky.js";
import { solveSquare } from "../../linalg/square-system.js";
import { type Contact, enterEachOther, inOrder, type Kinks } from "./kinks.js";
import { type Evaluation, type LockedField, MOST_FOLLOWED } from "./locked-field.js";

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
  const { sliding } = pattern;
  const isCoupled = enterEachOther(sliding, kinks);
  let before = sliding.map(({ weight }) => weight);
  if (sliding.length <= MOST_FOLLOWED && sliding.every(({ follows }) => follows === null)) {
    const weights = await independentWeights(field, kinks, await field.evaluate(theta), false);
    const moved = largestDifference(weights, before);
    const isFar = weights.every((w) => w > moved && w < 1 - moved);
    return isFar || !isCoupled
      ? weights
      : independentWeights(field, kinks, await field.evaluate(theta), true);
  }
  for (let round = 1; ; round++) {
    const evaluation = await field.evaluate(theta);
    const changes = await changesAt(field, kinks, evaluation);
    const weights = pattern.sliding.map(({ weight }, s) => weight + (changes[s] as number));
    const moved = largestDifference(weights, before);
    const isFar = weights.every((w) => w > moved && w < 1 - moved);
    if (!isCoupled || isFar || !(moved > SETTLED)) return weights;
    if (round === MAX_ROUNDS) {
      field.cost.unsettledWeights++;
      return weights;
    }
    await setWeights(field, weights);
    before = weights;
  }
}

/**
 * The same of an evaluation whose numbers are still there, with the signals as they are under the reference weights: right where no weight
 * enters the signal of another, near it elsewhere. Null where entries are tied.
 */
export async function weightsNear(
  field: LockedField,
  kinks: Kinks,
  evaluation: Evaluation,
): Promise<readonly number[] | null> {
  const { sliding } = field.pattern;
  if (sliding.some(({ follows }) => follows !== null)) return null;
  return independentWeights(field, kinks, evaluation, false);
}

/**
 * The same where none follows another: −u is slope·c of each contact, c being its signal once the slopes behind it are the new ones, so
 * that the last layer comes first. Without `passing` the signals are those under the reference weights.
 */
async function independentWeights(
  field: LockedField,
  kinks: Kinks,
  { theta, signal, multipliers }: Evaluation,
  passing: boolean,
): Promise<number[]> {
  const { sliding } = field.pattern;
  const n = sliding.length;
  const weights = new Array<number>(n).fill(0);
  const signals = sliding.map(({ entry }) => signal[entry] as number);
  const normals = passing ? await field.normals(theta, sliding) : null;
  const transfers = (await normals?.transfers()) ?? null;
  const layers = sliding.map(({ entry }) => kinks.place(entry).layer);
  const order = sliding.map((_, s) => s).sort((r, s) => layers[s]! - layers[r]!);
  for (const s of order) {
    const { entry, breakpoint, weight } = sliding[s]!;
    const u = multipliers[s] as number;
    // Where nothing pushes the weight stays, whatever its signal: at L = 0 of a hinge that is 0, too.
    weights[s] = u === 0 ? weight : weight - u / (kinks.jump(theta, entry, breakpoint) * signals[s]!);
    if (transfers !== null) for (let j = 0; j < n; j++) signals[j]! -= (transfers[s * n + j] as number) * u;
  }
  return weights;
}

/**
 * Makes `weights`, cut to [0, 1], the references of the sliding contacts: the field stays what it is, its signals c follow, and those of
 * `others`, which keep theirs.
 */
export async function setWeights(
  field: LockedField,
  weights: readonly number[],
  others: readonly Contact[] = [],
): Promise<void> {
  const { pattern } = field;
  pattern.sliding = pattern.sliding.map((contact, s) => ({
    ...contact,
    weight: Math.min(Math.max(weights[s] as number, 0), 1),
  }));
  const all = inOrder([...pattern.sliding, ...others]);
  await field.reweigh(
    all,
    all.map(({ weight }) => weight),
  );
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (b[i] as number))), 0);
}

/** What the weights lack of w = w_ref + Δ, Σ gain_i·Δ_i·∇z_i = −Jᵀu, contacts that follow a leader taking its Δ. */
async function changesAt(
  field: LockedField,
  kinks: Kinks,
  { theta, signal, multipliers }: Evaluation,
): Promise<number[]> {
  const { sliding } = field.pattern;
  const gains = sliding.map(
    ({ entry, breakpoint }) => kinks.jump(theta, entry, breakpoint) * (signal[entry] as number),
  );
  if (sliding.every(({ follows }) => follows === null))
    return gains.map((gain, s) => (multipliers[s] === 0 ? 0 : -(multipliers[s] as number) / gain));
  const { gram, count } = await field.normals(theta, sliding);
  const at = (i: number, j: number): number => gram[i * count + j] as number;
  const leaders = sliding.flatMap(({ follows }, s) => (follows === null ? [s] : []));
  const n = leaders.length;
  const block = Float64Array.from({ length: n * n }, (_, c) =>
    at(leaders[Math.floor(c / n)]!, leaders[c % n]!),
  );
  const factor = factorise(block, n);
  /** A vector Σ v_s·∇z_s in the leaders' normals alone. */
  const onLeaders = (v: (s: number) => number): Float64Array => {
    const b = Float64Array.from(leaders, (i) => sliding.reduce((sum, _, s) => sum + at(i, s) * v(s), 0));
    factor.solve(b);
    return b;
  };
  const response = new Float64Array(n * n);
  const leads = new Map(leaders.map((s, column) => [sliding[s]!.entry, { s, column }]));
  leaders.forEach((s, column) => {
    response[column * n + column] = gains[s] as number;
  });
  const signs = sliding.map((_, s) => {
    const { follows } = sliding[s]!;
    if (follows === null) return 1;
    const { column } = leads.get(follows)!;
    const parts = onLeaders((i) => (i === s ? 1 : 0));
    const sign = (parts[column] as number) < 0 ? -1 : 1;
    parts.forEach((part, row) => {
      response[row * n + column]! += sign * (gains[s] as number) * part;
    });
    return sign;
  });
  const shares = solveSquare(
    response,
    onLeaders((s) => -(multipliers[s] as number)),
  );
  return sliding.map(({ entry, follows }, s) => {
    const { column } = leads.get(follows ?? entry)!;
    return (signs[s] as number) * (shares[column] as number);
  });
}
