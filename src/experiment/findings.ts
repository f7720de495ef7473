/** What a run's outcome says beyond its numbers: phases, sharpness, and the notes that a reader must not miss. */
import type { Descent, FlowOutcome } from "../flow/index.js";
import { fixedStepLimit, type MethodName } from "../ode/index.js";
import {
  type ErrorCheckResult,
  MOST_ENERGY_DEFECT,
  type RunResult,
  type SharpnessResult,
} from "../record/result.js";

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

/**
 * Part of the stability limit from which a fixed step counts as unstable: measured sharpness is a lower bound, good to a few per cent,
 * and curves have been seen to leave the flow from 0.85 on (docs/studies.md).
 */
const AT_EDGE = 0.9;

export function sharpnessNotes(
  outcome: FlowOutcome,
  descents: readonly Descent[],
  { method, stepSize }: { readonly method: MethodName; readonly stepSize?: number | undefined },
): string[] {
  const sharpness = sharpnessOf(outcome);
  if (sharpness === null) return [];
  const limit = fixedStepLimit(method);
  const isUnstable = ({ value }: { value: number }) => limit !== null && value * stepSize! > AT_EDGE * limit;
  const unstable = outcome.sharpness?.measurements.find(isUnstable);
  if (unstable !== undefined)
    return [
      `The sharpness reached ${unstable.value.toPrecision(4)} at t = ${unstable.t.toPrecision(4)}, and steps of ${stepSize} are stable up to ${(limit! / stepSize!).toPrecision(4)}: from about there on the curve is at the edge of stability, not the gradient flow, and a descent with a larger learning rate does not follow the flow either. Lower flow.stepSize or take flow.method: auto.`,
    ];
  return descents
    .filter(({ learningRate }) => sharpness.largest > 2 / learningRate)
    .map(
      ({ learningRate }) =>
        `The sharpness of the flow reached ${sharpness.largest.toPrecision(4)}, above 2/η = ${(2 / learningRate).toPrecision(4)}: descent with η = ${learningRate} cannot follow it there.`,
    );
}

const formatFactor = (x: number) => (x < 10 ? x.toPrecision(2) : x.toFixed(0));

/** Whether the curve obeys L(0) − L(t) = ∫‖∇L‖² ds, as a gradient flow does. */
export function energyNotes(energyDefect: number | null): string[] {
  return energyDefect === null || energyDefect <= MOST_ENERGY_DEFECT
    ? []
    : [
        `Along a gradient flow ∫‖∇L‖² ds is what the loss falls by; here it is off by ${formatFactor(energyDefect)} times that, so fast modes are not resolved (unstable steps, chatter at kinks, or a loose tolerance): what is read off the gradient is not the flow's.`,
      ];
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
