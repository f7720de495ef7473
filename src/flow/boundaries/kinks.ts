/** Where the kinks of a network are: entries, breakpoints, and the jump of σ' at each. */
import { type Family, type PieceTable, pieceAt, piecesOf, placeOf, type Site } from "../../model/index.js";

/** An entry on one of its breakpoints. `weight` w ∈ [0, 1] is the share of the piece above. */
export interface Contact {
  readonly entry: number;
  readonly breakpoint: number;
  readonly weight: number;
  /** The entry whose weight it shares while both slide; see ties.ts. */
  readonly follows: number | null;
}

/** The place of an entry: site counted from 1 in the order of the layers, sample and unit from 0. */
export interface Place {
  readonly layer: number;
  readonly sample: number;
  readonly unit: number;
}

export interface Kinks {
  /** E */
  readonly entries: number;
  place(entry: number): Place;
  /** The site of an entry, counted from 0. */
  siteOf(entry: number): number;
  /** A number for its site and unit, the same for all samples. */
  unitOf(entry: number): number;
  /** First entry of a site, counted from 0, and the one after its last. */
  rangeOf(site: number): readonly [number, number];
  /** Of the entry's activation, ascending. */
  breakpoints(entry: number): readonly number[];
  /** −∞, the breakpoints of a site, ∞: piece p is what lies above the p-th of these, up to the next. */
  boundsOf(site: number): Float64Array;
  /** σ'(b+) − σ'(b−) for the entry's site; depends on θ for PReLU only. */
  jump(theta: Float64Array, entry: number, breakpoint: number): number;
  /** Whether σ' vanishes below the breakpoint: what is behind an entry there is cut off. */
  isFlatBelow(entry: number, breakpoint: number): boolean;
  /** Whether σ' vanishes on a side of the breakpoint, so that entries behind may stop or begin to move when it is crossed. */
  cutsOff(entry: number, breakpoint: number): boolean;
  /** Whether one sample's entries depend on another's. */
  readonly coupled: boolean;
  /** Pieces of all entries, a breakpoint belonging to the piece below it. */
  piecesOf(z: Float64Array): Float64Array;
  /** Piece of one. */
  pieceOf(entry: number, z: number): number;
}

/** What is known of the kinks of one activation. */
interface SiteKinks {
  readonly breakpoints: readonly number[];
  readonly jumps: readonly number[];
  readonly isFlatBelow: readonly boolean[];
  readonly isFlatAbove: readonly boolean[];
}

function kinksOfTable({ breakpoints, coefficients }: PieceTable): SiteKinks {
  const derivative = (piece: number, z: number): number =>
    (coefficients[piece] as readonly number[]).reduce(
      (sum, c, k) => (k === 0 ? 0 : sum + k * c * z ** (k - 1)),
      0,
    );
  return {
    breakpoints,
    jumps: breakpoints.map((z, k) => derivative(k + 1, z) - derivative(k, z)),
    isFlatBelow: breakpoints.map((z, k) => derivative(k, z) === 0),
    isFlatAbove: breakpoints.map((z, k) => derivative(k + 1, z) === 0),
  };
}

/** Null where no σ' has a jump: there is nothing to watch (squared ReLU, smooth activations). */
export function kinksOf(family: Family): Kinks | null {
  const { sites, network } = family;
  const known = sites.map(({ table }) => kinksOfTable(table));
  if (known.every(({ jumps }) => jumps.every((jump) => jump === 0))) return null;
  const siteOf = Uint32Array.from({ length: family.entries }, (_, entry) => placeOf(family, entry).site);
  /** Of entries asked for before: the same few, again and again. */
  const places = new Map<number, Place>();
  const at = (entry: number): SiteKinks => known[siteOf[entry] as number] as SiteKinks;
  return {
    entries: family.entries,
    coupled: network.coupled,
    place(entry) {
      let place = places.get(entry);
      if (place === undefined) {
        const { site, sample, unit } = placeOf(family, entry);
        place = { layer: site + 1, sample, unit };
        places.set(entry, place);
      }
      return place;
    },
    siteOf: (entry) => siteOf[entry] as number,
    unitOf(entry) {
      const { offset, units } = sites[siteOf[entry] as number] as Site;
      return offset + ((entry - family.samples * offset) % units);
    },
    rangeOf(site) {
      const { offset, units } = sites[site] as Site;
      return [family.samples * offset, family.samples * (offset + units)];
    },
    breakpoints: (entry) => at(entry).breakpoints,
    boundsOf: (site) => Float64Array.of(-Infinity, ...known[site]!.breakpoints, Infinity),
    isFlatBelow: (entry, breakpoint) => at(entry).isFlatBelow[breakpoint] as boolean,
    cutsOff(entry, breakpoint) {
      const { isFlatBelow, isFlatAbove } = at(entry);
      const isLast = siteOf[entry] === sites.length - 1;
      return !isLast && ((isFlatBelow[breakpoint] as boolean) || (isFlatAbove[breakpoint] as boolean));
    },
    jump(theta, entry, breakpoint) {
      const site = siteOf[entry] as number;
      const { slope } = sites[site] as Site;
      return slope === null ? (known[site]!.jumps[breakpoint] as number) : 1 - (theta[slope] as number);
    },
    piecesOf: (z) => piecesOf(family, z),
    pieceOf: (entry, z) => pieceAt(at(entry).breakpoints, z),
  };
}

/** In the order of entries, in which contacts are asked about. */
export const inOrder = (contacts: readonly Contact[]): readonly Contact[] =>
  contacts.toSorted((a, b) => a.entry - b.entry);

/** For a contact, the first layer in which its sample (any of a gcn) has one of `contacts`; ∞ if it has none. */
export function firstLayer(kinks: Kinks, contacts: readonly Contact[]): (contact: Contact) => number {
  const groupOf = (entry: number): number => (kinks.coupled ? 0 : kinks.place(entry).sample);
  const first = new Map<number, number>();
  for (const { entry } of contacts) {
    const group = groupOf(entry);
    first.set(group, Math.min(kinks.place(entry).layer, first.get(group) ?? Infinity));
  }
  return ({ entry }) => first.get(groupOf(entry)) ?? Infinity;
}

/** Whether the weight of one contact enters the signal of another: one of an earlier layer, of its sample, or of any where samples couple. */
export function enterEachOther(contacts: readonly Contact[], kinks: Kinks): boolean {
  const layerOf = new Map<number, number>();
  return contacts.some(({ entry }) => {
    const { layer, sample } = kinks.place(entry);
    const group = kinks.coupled ? 0 : sample;
    const known = layerOf.get(group);
    layerOf.set(group, layer);
    return known !== undefined && known !== layer;
  });
}
