/** A made-up sweep over seeds (and an axis of P/nM where asked), with the results that a test wants. */
import { join } from "node:path";
import type { NtkResult, RunResult } from "../../src/record/result.js";
import { openSweep, type SweepFigureSpec } from "../../src/record/sweep.js";
import { syntheticRecord, syntheticResult } from "./synthetic.js";

/** Opens the sweep and finishes a record per result, in folders seed-0, seed-1, … */
export async function syntheticSweep(
  directory: string,
  results: readonly Partial<RunResult>[],
  figures: readonly SweepFigureSpec[] = [],
): Promise<void> {
  const jobs = results.map((_, seed) => ({ name: `seed-${seed}`, values: { seed }, set: [], hash: "0" }));
  const facts = { name: "seeds", study: "study.yaml", folder: "/studies", set: [], multiply: [] };
  const { lock } = await openSweep(
    directory,
    { ...facts, command: ["gradflow", "sweep"], gradflow: "0", fields: ["seed"], figures, jobs },
    "name: seeds\n",
  );
  await lock.release();
  for (const [seed, result] of results.entries()) {
    const record = join(directory, `seed-${seed}`);
    const writer = await syntheticRecord({ directory: record });
    await writer.finish({ ...syntheticResult(record), ...result });
  }
}

/** A kernel whose λ_min is as given at both ends. */
export function syntheticKernel(value: number, kind: string, resolvable: number): NtkResult {
  const upper = kind === "upper-bound" ? Math.max(value, resolvable) : value;
  const at = {
    lambdaMin: { value, method: "svd", residual: 0, upper, kind, resolvable, reason: null },
    lambdaMax: { value: 3, residual: 0 },
    ...{ trace: 5, effectiveRank: 2, conditionNumber: null, lambdaEff: 1 },
  };
  return {
    ...{ method: "svd", scalars: 100, parameters: 682, times: 2, memoryBytes: 1, verdict: "vacuous" },
    verdicts: { pass: 0, violated: 0, vacuous: 1, unresolved: 0 },
    ...{ time: 80, exponent: 0, exponentWorst: 0, margin: 1, marginUncertainty: 0, vacuousBelow: 0.1 },
    ...{ verdictReason: null, lambdaZero: value, lambdaZeroTime: 0, lambdaZeroKind: kind, exactZeros: 0 },
    ...{ initial: at, final: at, drift: 0, rateDefect: 0, lazyUntil: null, mostHeld: 0 },
  };
}
