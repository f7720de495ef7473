/** The pattern of pieces that the exact flow is on, followed through its events: what the kernel has to be taken with. */
import type { BoundaryEvent } from "../flow/index.js";
import type { Memory } from "../memory.js";
import { entryAt, type Family } from "../model/index.js";

export interface PatternFollower {
  /** Pieces at t = 0, decisions at that instant included; fractional where an entry slides. */
  start(pieces: Float64Array): void;
  follow(event: BoundaryEvent): void;
  /** Most entries that slid at once. */
  most(): number;
  /** Null before the start. */
  current(): { readonly pieces: Float64Array; readonly held: readonly number[] } | null;
}

export function followPattern(family: Family, memory: Memory): PatternFollower {
  const state = memory.keep("pattern", {
    pieces: null as Float64Array | null,
    held: new Set<number>(),
    most: 0,
  });
  const { held } = state;
  return {
    most: () => state.most,
    start(initial) {
      state.pieces = initial.slice();
      initial.forEach((piece, entry) => {
        if (!Number.isInteger(piece)) held.add(entry);
      });
      state.most = held.size;
    },
    follow({ kind, layer, sample, unit, breakpoint, side }) {
      const { pieces } = state;
      if (pieces === null) return; // decisions at t = 0 are in the pieces of the start already
      const entry = entryAt(family, { site: layer - 1, sample, unit });
      if (kind === "entersSliding") {
        held.add(entry);
        state.most = Math.max(state.most, held.size);
        // Between the pieces; JΠJᵀ is the same for every weight.
        pieces[entry] = breakpoint + 0.5;
        return;
      }
      held.delete(entry);
      pieces[entry] = side === "above" ? breakpoint + 1 : breakpoint;
    },
    current: () =>
      state.pieces === null ? null : { pieces: state.pieces, held: [...held].sort((p, q) => p - q) },
  };
}
