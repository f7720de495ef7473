/** The pauses of long computations before a run: the event loop gets its turn, an interrupt is heard, and patience is asked for. */
import { InterruptedError } from "../errors.js";

export interface Watch {
  readonly signal?: AbortSignal | undefined;
  readonly say?: ((line: string) => void) | undefined;
}

/** Between turns of the event loop, in milliseconds: an interrupt is heard that soon. */
const TURN = 50;
/** After this time, and each time again, it is said what is going on. */
const PATIENCE = 5000;

/** A pause for the loops of `activity`, e.g. `drawing the data`. @throws InterruptedError once the signal has come */
export function createPause({ signal, say }: Watch, activity: string): () => Promise<void> | undefined {
  let turned = performance.now();
  let said = turned;
  const start = turned;
  return () => {
    const now = performance.now();
    if (now - turned < TURN) return undefined;
    turned = now;
    if (now - said > PATIENCE) {
      said = now;
      say?.(`${activity} … ${Math.round((now - start) / 1000)} s`);
    }
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        if (signal?.aborted)
          reject(new InterruptedError(`interrupted while ${activity}; nothing was written.`));
        else resolve();
      });
    });
  };
}
