/** What a run's outcome says beyond its numbers: phases, sharpness, and the notes that a reader must not miss. */
import type { Descent, FlowOutcome } from "../flow/index.js";
import type { ErrorCheckResult, RunResult, SharpnessResult } from "../record/result.js";

export function phasesOf({ phases = [] }: FlowOutcome): RunResult["phases"] {
  return phases.map(({ evaluations, ...phase }) => ({ ...phase, gradientEvaluations: evaluations }));
}

export function sharpnessOf({ sharpness, evaluations }: FlowOutcome): SharpnessResult | null {
  const last = sharpness?.measurements[sharpness.measurements.length - 1];
  if (sharpness === undefined || last === undefined) return null;
  const { measurements, cost } = sharpness;
  return {
    time: last.t,
    value: last.value,
    residual: last.residual,
    largest: Math.max(...measurements.map(({ value }) => value)),
    measurements: measurements.length,
    hessianProducts: cost.products,
    gradientEquivalents: cost.gradientEquivalents,
    share: cost.gradientEquivalents / evaluations,
  };
}

export function sharpnessNotes(outcome: FlowOutcome, descents: readonly Descent[]): string[] {
  const sharpness = sharpnessOf(outcome);
  if (sharpness === null) return [];
  return descents
    .filter(({ learningRate }) => sharpness.largest > 2 / learningRate)
    .map(
      ({ learningRate }) =>
        `The sharpness of the flow reached ${sharpness.largest.toPrecision(4)}, above 2/η = ${(2 / learningRate).toPrecision(4)}: descent with η = ${learningRate} cannot follow it there.`,
    );
}

/** Gaps that the solver's error could explain by itself. */
export function errorNotes({ error, status, gaps }: ErrorCheckResult): string[] {
  if (error === null) return [`flow.errorCheck: the second run ended with ${status}; no error is known.`];
  return gaps
    .filter(({ measuredGap, solverError }) => measuredGap < 10 * solverError)
    .map(
      ({ learningRate, measuredGap, gap, solverError }) =>
        `The gap ‖θ − θₖ‖ = ${measuredGap.toPrecision(3)} for η = ${learningRate} is not much larger than the solver's error ${solverError.toPrecision(3)} in it; without that error it is ${gap.toPrecision(3)}. Lower flow.rtol.`,
    );
}
