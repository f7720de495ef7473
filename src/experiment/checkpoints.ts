/** When a run is saved: at a wall-clock interval, and when it is interrupted. */

import type { Memory } from "../memory.js";

/** Writing a checkpoint may take this part of the time: the interval grows where one takes long, */
const COST_SHARE = 1 / 60;
/** but not beyond this: nobody shall lose more than two minutes. In milliseconds, some seconds left for the writing. */
const MOST_AGE = 110_000;

export interface CheckpointSchedule {
  /** Flow time of the last checkpoint, by this process or the one that it goes on for; null where there is none. */
  readonly savedAt: number | null;
  /** Everything that follows the flow has come to time t, or owes what is up to it. */
  passed(t: number): void;
  /** All state is at rest: saves it where that is due, or where the run is interrupted. */
  rest(): Promise<void>;
  /** As `rest`, in the midst of a longer work whose state is at rest too; saves where that is due alone. */
  pause(): Promise<void> | undefined;
}

/**
 * @param interval seconds from one to the next; 0 for never
 * @param isWhole false where an interruption has cut what cannot be made up for: the checkpoint before is the last
 */
export function scheduleCheckpoints(
  interval: number,
  save: (t: number) => Promise<void>,
  memory: Memory,
  signal: AbortSignal | undefined,
  isWhole: () => boolean,
): CheckpointSchedule {
  const place = memory.keep("place", { t: 0 });
  let savedAt = memory.isResumed ? place.t : null;
  let last = performance.now();
  let cost = 0;
  const isDue = (): boolean => {
    const age = performance.now() - last;
    return interval > 0 && age >= 1000 * interval && (age >= cost / COST_SHARE || age >= MOST_AGE);
  };
  const write = async (): Promise<void> => {
    const start = performance.now();
    await save(place.t);
    savedAt = place.t;
    last = performance.now();
    cost = last - start;
  };
  return {
    get savedAt() {
      return savedAt;
    },
    passed(t) {
      place.t = t;
    },
    async rest() {
      if ((isDue() || (interval > 0 && signal?.aborted === true)) && isWhole()) await write();
    },
    pause: () => (isDue() && isWhole() ? write() : undefined),
  };
}

/** Where an interrupted run could not be saved: why, and from where it goes on. */
export function unsavedNote(interval: number, { savedAt }: CheckpointSchedule, cut: string | null): string[] {
  const from = savedAt === null ? "starts again at t = 0" : `goes on from t = ${savedAt}`;
  if (interval === 0) return [`record.checkpoint is 0, so nothing was saved: gradflow resume ${from}.`];
  return cut === null
    ? []
    : [`The interruption fell into ${cut}, which is not saved: gradflow resume ${from}.`];
}
