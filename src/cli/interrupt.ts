/** Ctrl-C as an AbortSignal. */

/** A second signal within this time is the same Ctrl-C: the terminal sends it to us, and npm passes its own on. */
const SAME_PRESS_MILLISECONDS = 400;

export interface Interruption {
  readonly signal: AbortSignal;
  /** Gives the signals back to the system. */
  release(): void;
}

/**
 * Aborts at the first SIGINT, SIGTERM or SIGHUP, after `onFirst`; from then on the next SIGINT or SIGTERM kills at once, as without us. A
 * terminal that closes sends SIGHUP more than once, and means an end in order each time.
 */
export function watchInterrupts(onFirst: () => void): Interruption {
  const controller = new AbortController();
  const giveBack = () => {
    process.off("SIGINT", handle);
    process.off("SIGTERM", handle);
  };
  const handle = () => {
    if (controller.signal.aborted) return;
    // Without a listener the system's default stands again: it kills even while native code computes.
    setTimeout(giveBack, SAME_PRESS_MILLISECONDS).unref();
    controller.abort();
    onFirst();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, handle);
  const release = () => {
    // After an interruption the same press, or the second SIGHUP of a closed terminal, may come as late as this, and would replace the exit code.
    if (controller.signal.aborted) return;
    giveBack();
    process.off("SIGHUP", handle);
  };
  return { signal: controller.signal, release };
}
