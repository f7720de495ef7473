/**
 * Which contacts can only move together. Entries reach a breakpoint together where their normals ∇z_e are parallel, or would
 * be if the entries of earlier layers that slide were taken out: samples that see nothing of the layer before but units at
 * rest on their kink all have z = bias. Such entries share one weight, since no flow can have one of them above and one
 * below; Filippov's convex combination has one field on either side of their common surface.
 */
import { factorise } from "../../linalg/cholesky.js";

/** Two normals whose angle has a squared sine below this are parallel. */
const PARALLEL = 1e-10;
/** Rounding of an inner product after projection, as part of the squared norms before. */
const ROUNDING = 1e-14;

/** Contact i follows `leader`: moving along the surfaces of the others held, its z moves `ratio` times as far as the leader's. */
export interface Tie {
  readonly leader: number;
  readonly ratio: number;
  /** Its normal lies in the span of held earlier ones: it cannot move at all while they are held. */
  readonly bound: boolean;
}

/** K of the normals, row-major. */
export interface Gram {
  readonly count: number;
  readonly gram: Float64Array;
}

/**
 * Ties of contacts in the order of their layers. Contact i leads itself if nothing before it moves with it.
 * @param layers layer of each contact, not decreasing
 * @param held contacts that keep sliding, whose surfaces the others move along
 */
export function tiesOf({ gram, count }: Gram, layers: readonly number[], held: readonly boolean[]): Tie[] {
  const k = (i: number, j: number): number => gram[i * count + j] as number;
  const ties: Tie[] = [];
  for (let i = 0; i < count; i++) {
    let tie: Tie = { leader: i, ratio: 1, bound: false };
    for (let j = 0; j < i && k(i, i) > 0; j++) {
      if (ties[j]!.leader === j && k(j, j) > 0 && areParallel(k(i, i), k(j, j), k(i, j), 0)) {
        tie = { leader: j, ratio: k(i, j) / k(j, j), bound: false };
        break;
      }
    }
    ties.push(tie);
  }
  for (const layer of new Set(layers)) {
    const base = ties.flatMap((tie, i) => (tie.leader === i && held[i] && layers[i]! < layer ? [i] : []));
    if (base.length === 0) continue;
    const block = Float64Array.from({ length: base.length ** 2 }, (_, at) =>
      k(base[Math.floor(at / base.length)]!, base[at % base.length]!),
    );
    const factor = factorise(block, base.length);
    const leaders = ties.flatMap((tie, i) => (tie.leader === i && layers[i] === layer ? [i] : []));
    const reduced = leaders.map((i) => factor.reduce(Float64Array.from(base, (j) => k(i, j))));
    // Inner products of the normals with the span of the base taken out.
    const rest = (a: number, b: number): number =>
      reduced[a]!.reduce((sum, value, c) => sum - value * reduced[b]![c]!, k(leaders[a]!, leaders[b]!));
    leaders.forEach((i, a) => {
      const own = rest(a, a);
      if (own <= PARALLEL * k(i, i)) {
        ties[i] = { leader: i, ratio: 1, bound: true };
        return;
      }
      for (let b = 0; b < a; b++) {
        const j = leaders[b]!;
        if (ties[j]!.leader !== j || ties[j]!.bound) continue;
        const other = rest(b, b);
        const product = rest(a, b);
        const noise = ROUNDING * (k(i, i) * other + own * k(j, j));
        if (areParallel(own, other, product, noise)) {
          ties[i] = { leader: j, ratio: product / other, bound: false };
          return;
        }
      }
    });
  }
  // A parallel follower of one that turned out to follow another follows that one.
  return ties.map((tie) => {
    const above = ties[tie.leader]!;
    return ties[above.leader] === above
      ? { ...tie, bound: above.bound }
      : { ...above, ratio: tie.ratio * above.ratio };
  });
}

/** Contacts of which nothing ties one to another. */
export function independent(count: number): Tie[] {
  return Array.from({ length: count }, (_, i) => ({ leader: i, ratio: 1, bound: false }));
}

/** By how much the bracket of a shared weight moves that of contact i: it runs the other way where their z do. */
export function direction({ ratio }: Tie): 1 | -1 {
  return ratio < 0 ? -1 : 1;
}

/** Σ own_i·|ratio_i| over each leader's contacts: what one unit of the shared weight changes along the leader's normal. */
export function sharedGains(ties: readonly Tie[], own: readonly number[]): number[] {
  const sums = new Array<number>(ties.length).fill(0);
  ties.forEach(({ leader, ratio }, i) => {
    sums[leader] = (sums[leader] as number) + Math.abs(ratio) * (own[i] as number);
  });
  return sums;
}

/**
 * The changes Δ of the weights under which the field with fixed weights becomes the projected one: Σ own_i·Δ_i·∇z_i = −Jᵀu.
 * Contacts that follow a leader share its change; where their normals have parts along earlier layers' ones, those make up for it,
 * so it goes from the last layer to the first.
 * @param own (σ'₊ − σ'₋)·c of each contact
 * @param u K⁻¹Jg, zero for contacts that depend on earlier ones
 */
export function weightChanges(
  k: Gram | null,
  ties: readonly Tie[],
  own: readonly number[],
  u: ArrayLike<number>,
): number[] {
  const gains = sharedGains(ties, own);
  const rest = Float64Array.from(u);
  const changes = ties.map(() => 0);
  const followers = ties.flatMap(({ leader }, i) => (leader === i ? [] : [i]));
  const coordinates = new Map<number, Float64Array>();
  if (k !== null && followers.length > 0) {
    const factor = factorise(k.gram, k.count);
    for (const i of followers) {
      const column = Float64Array.from({ length: k.count }, (_, j) => k.gram[j * k.count + i] as number);
      factor.solve(column);
      coordinates.set(i, column);
    }
  }
  for (let i = ties.length - 1; i >= 0; i--) {
    const { leader, bound } = ties[i]!;
    if (leader !== i || bound) continue;
    const change = -(rest[i] as number) / (gains[i] as number);
    changes[i] = change;
    for (const f of followers) {
      if (ties[f]!.leader !== i) continue;
      changes[f] = direction(ties[f]!) * change;
      const column = coordinates.get(f)!;
      for (let j = 0; j < rest.length; j++)
        if (j !== i) rest[j] = (rest[j] as number) + (own[f] as number) * changes[f]! * (column[j] as number);
    }
  }
  return changes;
}

function areParallel(own: number, other: number, product: number, noise: number): boolean {
  return own * other - product * product <= PARALLEL * own * other + noise;
}
