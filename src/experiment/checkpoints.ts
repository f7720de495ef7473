/** When a run is saved: at a wall-clock interval, and when it is interrupted. */

import type { Memory } from "../memory.js";

/** Writing a checkpoint may take this part of the time: the interval grows where one takes long. */
const COST_SHARE = 1 / 60;

export interface CheckpointSchedule {
  /** Everything that follows the flow has come to time t; `isWhole` unless an interruption has cut what cannot be made up for. */
  passed(t: number, isWhole: boolean): void;
  /** All state is at rest: saves it where that is due. */
  rest(): Promise<void>;
}

/** @param interval seconds from one to the next; 0 for never */
export function scheduleCheckpoints(
  interval: number,
  save: (t: number) => Promise<void>,
  memory: Memory,
  signal: AbortSignal | undefined,
): CheckpointSchedule {
  const place = memory.keep("place", { t: 0 });
  let last = performance.now();
  let cost = 0;
  let isWhole = true;
  return {
    passed(t, whole) {
      place.t = t;
      isWhole = whole;
    },
    async rest() {
      if (interval === 0 || !isWhole) return;
      const start = performance.now();
      const isDue = start - last >= Math.max(1000 * interval, cost / COST_SHARE);
      if (!isDue && signal?.aborted !== true) return;
      await save(place.t);
      last = performance.now();
      cost = last - start;
    },
  };
}
