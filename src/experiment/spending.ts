/** What measures take of a run: time, and evaluations in gradients by the arithmetic of their graphs. */
import type { Program } from "../engine/index.js";

/** What was evaluated since it was set to zero. */
export interface Meter {
  gradients: number;
}

export interface Spent {
  gradients: number;
  seconds: number;
}

/** @param price of an evaluation, in gradients */
export function metered(program: Program, price: number, meter: Meter): Program {
  return {
    graph: program.graph,
    run(inputs, into) {
      meter.gradients += price;
      return program.run(inputs, into);
    },
  };
}

/** Counts what the work takes. From zero each time, so that sums are rounded the same wherever a run was cut. */
export async function charge<T>(meter: Meter, to: Spent, work: () => T | Promise<T>): Promise<T> {
  const start = performance.now();
  meter.gradients = 0;
  try {
    return await work();
  } finally {
    to.gradients += meter.gradients;
    to.seconds += (performance.now() - start) / 1000;
  }
}
