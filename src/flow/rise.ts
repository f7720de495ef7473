/** Where the loss of a flow rises, which that of a gradient flow never does: the largest rise above the least loss so far. */
import type { Measured } from "./segment.js";

export interface Rise {
  /** The least loss before, and ‖θ'‖ there. */
  readonly from: Measured & { readonly t: number };
  readonly to: { readonly t: number; readonly loss: number };
  /** Where the first rise began, however small. */
  readonly first: Rise["from"];
}

/** Plain data, for a checkpoint. */
export interface RiseState {
  least: Rise["from"] | null;
  largest: Rise | null;
}

export interface RiseOptions {
  /** By how much rounding may move a loss of this size. */
  readonly rounding: (loss: number) => number;
  /** Rises within this part of the loss are errors that were asked for. */
  readonly tolerance: number;
}

/** Looks at a finite loss; times must not decrease. */
export function seeLoss(
  state: RiseState,
  t: number,
  { loss, speed }: Measured,
  { rounding, tolerance }: RiseOptions,
): void {
  const { least, largest } = state;
  if (least === null || loss <= least.loss) {
    state.least = { t, loss, speed };
    return;
  }
  const rise = loss - least.loss;
  if (rise <= Math.max(rounding(loss), tolerance * least.loss)) return;
  if (largest === null || rise > largest.to.loss - largest.from.loss)
    state.largest = { from: least, to: { t, loss }, first: largest?.first ?? least };
}
