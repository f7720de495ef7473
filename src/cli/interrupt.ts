/** Ctrl-C as an AbortSignal. */

/** A second signal within this time is the same Ctrl-C: the terminal sends it to us, and npm passes its own on. */
const SAME_PRESS_MILLISECONDS = 400;

export interface Interruption {
  readonly signal: AbortSignal;
  /** Gives SIGINT and SIGTERM back to Node. */
  release(): void;
}

/** Aborts at the first SIGINT or SIGTERM, after `onFirst`; from then on the next one kills at once, as without us. */
export function watchInterrupts(onFirst: () => void): Interruption {
  const controller = new AbortController();
  const release = () => {
    process.off("SIGINT", handle);
    process.off("SIGTERM", handle);
  };
  const handle = () => {
    if (controller.signal.aborted) return;
    // Without a listener the system's default stands again: it kills even while native code computes.
    setTimeout(release, SAME_PRESS_MILLISECONDS).unref();
    controller.abort();
    onFirst();
  };
  process.on("SIGINT", handle);
  process.on("SIGTERM", handle);
  return { signal: controller.signal, release };
}
