/**
 * Which contacts can only move together. On the surface of the entries that slide, two entries may reach their breakpoints
 * at once and always: duplicate samples; samples that see nothing of the layer before but units at rest on their kink, all
 * with z = bias; as many samples as a unit has inputs. Their normals ∇z_e are parallel once those of the sliding entries are taken
 * out. No flow can have one of them above and one below, so they share one weight: Filippov's convex combination has one
 * field on either side of a common surface.
 */
import { blockOf } from "../../linalg/block.js";
import { factorise } from "../../linalg/cholesky.js";

/** Two normals whose angle has a squared sine below this are parallel as far as their Gram matrix tells. */
export const PARALLEL = 1e-13;
/** Rounding of an inner product after projection, as part of the squared norms before. */
const ROUNDING = 1e-14;

/** How contact i moves on the surface of the contacts that are held. */
export interface Tie {
  /** Its own index if it leads itself; else the contact whose weight it shares. */
  readonly leader: number;
  /** How far its z moves when the leader's moves by 1. */
  readonly ratio: number;
  /** Its normal lies in the span of the held ones: it cannot move while they are held, and keeps its weight. */
  readonly bound: boolean;
}

/** K of the normals, row-major. */
export interface Gram {
  readonly count: number;
  readonly gram: Float64Array;
  /** Is told of floating-point operations. */
  work(operations: number): void;
}

const own = (leader: number): Tie => ({ leader, ratio: 1, bound: false });

/** Contacts of which nothing ties one to another. */
function independent(count: number): Tie[] {
  return Array.from({ length: count }, (_, i) => own(i));
}

/**
 * @param held contacts that keep sliding, whose surfaces the others move along
 * @param follows for a held contact that shares the weight of another, the index of that one; else null
 * @param parallel squared sine below which normals are parallel
 */
export function tiesOf(
  k: Gram,
  held: readonly boolean[],
  follows: readonly (number | null)[],
  parallel = PARALLEL,
): Tie[] {
  const { gram, count } = k;
  const at = (i: number, j: number): number => gram[i * count + j] as number;
  const ties = independent(count);
  const indices = ties.map((_, i) => i);
  const base = indices.filter((i) => held[i] && follows[i] === null);
  const stays = (i: number): boolean => {
    const leader = follows[i] ?? null;
    if (!held[i] || leader === null || !base.includes(leader)) return false;
    const others = base.filter((j) => j !== leader);
    const rest = restOf(k, others, [leader, i]);
    if (!rest.areParallel(0, 1, parallel)) return false;
    ties[i] = { leader, ratio: rest.product(0, 1) / rest.product(0, 0), bound: false };
    return true;
  };
  const candidates = indices.filter((i) => !base.includes(i) && !stays(i));
  const rest = restOf(k, base, candidates);
  candidates.forEach((i, a) => {
    if (rest.product(a, a) <= parallel * at(i, i)) {
      ties[i] = { leader: i, ratio: 1, bound: base.length > 0 && at(i, i) > 0 };
      return;
    }
    for (let b = 0; b < a; b++) {
      const j = candidates[b]!;
      if (ties[j]!.leader !== j || ties[j]!.bound || rest.product(b, b) <= parallel * at(j, j)) continue;
      if (rest.areParallel(a, b, parallel)) {
        ties[i] = { leader: j, ratio: rest.product(a, b) / rest.product(b, b), bound: false };
        return;
      }
    }
  });
  return ties;
}

/** Inner products of the normals `of` with the span of the normals `base` taken out. */
function restOf({ gram, count, work }: Gram, base: readonly number[], of: readonly number[]) {
  const at = (i: number, j: number): number => gram[i * count + j] as number;
  const n = base.length;
  const block = blockOf(gram, count, base);
  const factor = factorise(block, n);
  work(factor.operations + of.length * n ** 2);
  const reduced = of.map((i) => factor.reduce(Float64Array.from(base, (j) => at(i, j))));
  const product = (a: number, b: number): number => {
    const [u, v] = [reduced[a]!, reduced[b]!];
    work(2 * n);
    let sum = at(of[a]!, of[b]!);
    for (let c = 0; c < n; c++) sum -= (u[c] as number) * (v[c] as number);
    return sum;
  };
  return {
    product,
    areParallel(a: number, b: number, parallel: number): boolean {
      const [aa, bb, ab] = [product(a, a), product(b, b), product(a, b)];
      const noise = ROUNDING * (at(of[a]!, of[a]!) * bb + aa * at(of[b]!, of[b]!));
      return aa * bb - ab * ab <= parallel * aa * bb + noise;
    },
  };
}

/** Which way the weight of a contact runs when its leader's rises: the other way where their z move against each other. */
export function direction({ ratio }: Tie): 1 | -1 {
  return ratio < 0 ? -1 : 1;
}

/** Σ gain_i·|ratio_i| over each leader's contacts: what one unit of the shared weight changes along the leader's normal. */
export function sharedGains(ties: readonly Tie[], gains: readonly number[]): number[] {
  const sums = new Array<number>(ties.length).fill(0);
  ties.forEach(({ leader, ratio }, i) => {
    sums[leader] = (sums[leader] as number) + Math.abs(ratio) * (gains[i] as number);
  });
  return sums;
}
