/** When a run is saved: at a wall-clock interval, and when it is interrupted. */

import type { Memory } from "../memory.js";

/** Writing a checkpoint may take this part of the time: the interval grows where one takes long. */
const COST_SHARE = 1 / 60;

export interface CheckpointSchedule {
  /** Everything that follows the flow has come to time t. */
  passed(t: number): void;
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
    passed(t) {
      place.t = t;
      // Descents stop where they are at an interruption; then they are behind the flow, and what they missed of it is gone.
      isWhole = signal?.aborted !== true;
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
