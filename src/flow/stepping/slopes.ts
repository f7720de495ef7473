/**
 * Slopes of the pieces of every entry, up to a constant for each site: S_0 = 0 and S_{p+1} = S_p + the jump of σ' at breakpoint p. Only
 * their differences matter to what a kink does. A fractional piece index stands for the slope between those of two pieces.
 */
import type { Family } from "../../model/index.js";
import type { Kinks } from "../boundaries/kinks.js";

export interface Slopes {
  /** S of an entry's pieces. */
  of(entry: number): Float64Array;
  /** S at a fractional piece index. */
  at(entry: number, piece: number): number;
  /** The fractional index between two pieces, all those between them included, that has this slope. */
  indexOf(entry: number, slope: number, lowest: number, highest: number): number;
}

/** @param theta a trained slope is taken from it */
export function slopesAt({ sites, samples }: Family, kinks: Kinks, theta: Float64Array): Slopes {
  const tables = sites.map(({ table, offset, units }) => {
    const entry = samples * offset;
    const slopes = new Float64Array(table.breakpoints.length + 1);
    if (units > 0)
      table.breakpoints.forEach((_, b) => {
        slopes[b + 1] = slopes[b]! + kinks.jump(theta, entry, b);
      });
    return slopes;
  });
  const ends = sites.map(({ offset, units }) => samples * (offset + units));
  const of = (entry: number): Float64Array => {
    let site = 0;
    while (entry >= ends[site]!) site++;
    return tables[site]!;
  };
  return {
    of,
    at(entry, piece) {
      const slopes = of(entry);
      const below = Math.min(Math.floor(piece), slopes.length - 1);
      const share = piece - below;
      return share === 0 ? slopes[below]! : (1 - share) * slopes[below]! + share * slopes[below + 1]!;
    },
    indexOf(entry, slope, lowest, highest) {
      const slopes = of(entry);
      let nearest = lowest;
      for (let p = lowest; p < highest; p++) {
        const [below, above] = [slopes[p]!, slopes[p + 1]!];
        if (below === above) continue;
        const share = (slope - below) / (above - below);
        if (share >= 0 && share <= 1) return p + share;
        // Rounding may put an average just beyond the slopes that it is of.
        const end = share < 0 ? p : p + 1;
        if (Math.abs(slopes[end]! - slope) < Math.abs(slopes[nearest]! - slope)) nearest = end;
      }
      return nearest;
    },
  };
}
