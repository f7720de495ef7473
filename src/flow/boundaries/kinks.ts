/** Where the kinks of a network are: entries, breakpoints, and the jump of σ' at each. */
import type { Family, PieceTable } from "../../model/index.js";

/** An entry on one of its breakpoints. `weight` w ∈ [0, 1] is the share of the piece above. */
export interface Contact {
  readonly entry: number;
  readonly breakpoint: number;
  readonly weight: number;
  /** The entry whose weight it shares while both slide; see ties.ts. */
  readonly follows: number | null;
}

/** The place of an entry: layer counted from 1 over the activated layers, sample and unit from 0. */
export interface Place {
  readonly layer: number;
  readonly sample: number;
  readonly unit: number;
}

export interface Kinks {
  readonly table: PieceTable;
  /** E */
  readonly entries: number;
  place(entry: number): Place;
  /** σ'(b+) − σ'(b−) for the entry's layer; depends on θ for PReLU only. */
  jump(theta: Float64Array, entry: number, breakpoint: number): number;
  /** Whether σ' vanishes below the breakpoint: what is behind an entry there is cut off. */
  isFlatBelow(breakpoint: number): boolean;
  /** Whether one sample's entries depend on another's. */
  readonly coupled: boolean;
  /** Piece of the value z, a breakpoint belonging to the piece below it. */
  pieceOf(z: number): number;
}

/** Null where σ' has no jump: there is nothing to watch (squared ReLU, smooth activations). */
export function kinksOf(family: Family): Kinks | null {
  const { table, blocks, samples, layout, spec } = family;
  if (table === null) return null;
  const derivative = (piece: number, z: number): number =>
    (table.coefficients[piece] as readonly number[]).reduce(
      (sum, c, k) => (k === 0 ? 0 : sum + k * c * z ** (k - 1)),
      0,
    );
  const jumps = table.breakpoints.map((z, k) => derivative(k + 1, z) - derivative(k, z));
  if (jumps.every((jump) => jump === 0)) return null;
  const slopes = layout.layers.filter((layer) => layer.activated).map((layer) => layer.slope);
  const layerOf = (entry: number): number => {
    let l = blocks.length - 1;
    while (entry < blocks[l]!.offset) l--;
    return l;
  };
  return {
    table,
    entries: family.entries,
    isFlatBelow: (breakpoint) => derivative(breakpoint, table.breakpoints[breakpoint] as number) === 0,
    coupled: spec.kind === "gcn",
    place(entry) {
      const l = layerOf(entry);
      const { offset, width } = blocks[l]!;
      return {
        layer: l + 1,
        sample: Math.floor((entry - offset) / width) % samples,
        unit: (entry - offset) % width,
      };
    },
    jump(theta, entry, breakpoint) {
      if (spec.activation.kind !== "prelu") return jumps[breakpoint] as number;
      return 1 - (theta[slopes[layerOf(entry)] as number] as number);
    },
    pieceOf: (z) => {
      let piece = 0;
      for (const breakpoint of table.breakpoints) if (z > breakpoint) piece++;
      return piece;
    },
  };
}

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
