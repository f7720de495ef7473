/** Entries, the pre-activations at all sites of a family: where each stands and which piece it is on. */
import type { Family } from "./family.js";
import type { Site } from "./scope.js";

/** The place of an entry: site counted from 0, sample and unit from 0. */
export interface EntryPlace {
  readonly site: number;
  readonly sample: number;
  readonly unit: number;
}

export function placeOf({ sites, samples }: Family, entry: number): EntryPlace {
  let site = sites.length - 1;
  while (entry < samples * sites[site]!.offset) site--;
  const { offset, units } = sites[site] as Site;
  const within = entry - samples * offset;
  return { site, sample: Math.floor(within / units), unit: within % units };
}

export function entryAt({ sites, samples }: Family, { site, sample, unit }: EntryPlace): number {
  const { offset, units } = sites[site] as Site;
  return samples * offset + sample * units + unit;
}

/** Piece of a value, a breakpoint belonging to the piece below it. */
export function pieceAt(breakpoints: readonly number[], z: number): number {
  let piece = 0;
  for (const breakpoint of breakpoints) if (z > breakpoint) piece++;
  return piece;
}

/** Pieces of all entries [E], read off their pre-activations. */
export function piecesOf({ sites, samples }: Family, z: Float64Array): Float64Array {
  const pieces = new Float64Array(z.length);
  for (const { offset, units, table } of sites) {
    const [start, end] = [samples * offset, samples * (offset + units)];
    const { breakpoints } = table;
    for (let e = start; e < end; e++) pieces[e] = pieceAt(breakpoints, z[e] as number);
  }
  return pieces;
}
