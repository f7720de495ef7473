/**
 * Long computations that take no turn by themselves: written as generators, they stop now and then, and who runs them decides
 * whether anything happens there.
 */

/** A computation that yields where it may pause, and returns its result. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** Numbers to make between two pauses: some milliseconds. */
export const STRIDE = 1 << 16;

/** Runs it through. */
export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Runs it with `pause` at each stop; what that throws ends it. */
export async function withPauses<T>(steps: Steps<T>, pause: () => Promise<void> | undefined): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await pause();
  }
}
