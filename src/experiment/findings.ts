/** What a run's outcome says beyond its numbers: phases, sharpness, and the notes that a reader must not miss. */
import type { Config } from "../config/schema.js";
import {
  type Descent,
  type FlowOutcome,
  type Observation,
  type Rise,
  sharpnessLimit,
} from "../flow/index.js";
import { fixedStepLimit, type MethodName } from "../ode/index.js";
import {
  type ErrorCheckResult,
  energyTerms,
  MOST_ENERGY_DEFECT,
  type RunResult,
  type SharpnessResult,
  whyNoError,
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
    measurements: cost.measurements,
    hessianProducts: cost.products,
    gradientEquivalents: cost.gradientEquivalents,
    share: cost.gradientEquivalents / evaluations,
  };
}

/** As `sharpnessLimit` has them. */
const LIMITS = { gradient: "2/η", momentum: "2(1 + β)/η", nesterov: "2(1 + β)/((1 + 2β)η)" } as const;

export function sharpnessNotes(
  outcome: FlowOutcome,
  descents: readonly Descent[],
  { method, stepSize }: { readonly method: MethodName; readonly stepSize?: number | undefined },
  first: Observation,
  last: Observation,
): string[] {
  const sharpness = sharpnessOf(outcome);
  if (sharpness === null) return [];
  const limit = fixedStepLimit(method);
  const unstable = outcome.sharpness?.firstAbove ?? null;
  if (unstable !== null)
    return [
      `The sharpness reached ${unstable.value.toPrecision(4)} at t = ${unstable.t.toPrecision(4)}, and steps of ${stepSize} are stable up to ${(limit! / stepSize!).toPrecision(4)}: from about there on the curve is at the edge of stability, not the gradient flow, and a descent with a larger learning rate does not follow the flow either. Lower flow.stepSize or take flow.method: auto.`,
    ];
  // Where the curve is not the flow its sharpness says nothing of descent, which may do better.
  if (energyNotes(first, last).length > 0) return [];
  return descents
    .filter(({ learningRate, law }) => sharpness.largest > sharpnessLimit(law, learningRate))
    .map(
      ({ learningRate, law }) =>
        `The sharpness of the flow reached ${sharpness.largest.toPrecision(4)}, above ${LIMITS[law.kind]} = ${sharpnessLimit(law, learningRate).toPrecision(4)}: descent with η = ${learningRate} cannot follow it there.`,
    );
}

const formatFactor = (x: number) => (x < 10 ? x.toPrecision(2) : x < 1e6 ? x.toFixed(0) : x.toExponential(1));

/** Whether the curve obeys L(0) − L(t) = ∫‖∇L‖² ds, as a gradient flow does, or the like of ln L. */
export function energyNotes(first: Observation, last: Observation): string[] {
  if (last.energyDefect === null || last.energyDefect <= MOST_ENERGY_DEFECT) return [];
  const { loss, integral } = energyTerms(last);
  const why =
    "so fast modes are not resolved (unstable steps, chatter at kinks, or a loose tolerance): what is read off the gradient is not the flow's.";
  return last.loss < first.loss
    ? [
        `Along a gradient flow ${integral} is what ${loss} falls by; here it is off by ${formatFactor(last.energyDefect)} times that, ${why}`,
      ]
    : [
        `Along a gradient flow ${loss} falls by ${integral}; here it has not fallen, L = ${show(first.loss)} at t = 0 and ${show(last.loss)} at t = ${show(last.t)}, ${why}`,
      ];
}

/** Four digits. */
export const show = (x: number) => {
  const rounded = Number(x.toPrecision(4));
  const isPlain = x === 0 || (Math.abs(x) >= 1e-3 && Math.abs(x) < 1e9);
  return isPlain ? String(rounded) : rounded.toExponential().replace("e+", "e");
};

/** Part of the initial loss below which a run has come to rest, as far as its tolerance lets it. */
const AT_REST = 1e-3;

/** A loss that rises, and what to do about it. `last` is the loss at the end: one that still falls has not come to rest. */
export function riseNotes(
  rise: Rise | null,
  initialLoss: number,
  last: number,
  flow: Config["flow"],
): string[] {
  if (rise === null) return [];
  const { from, to, first } = rise;
  const part = (to.loss - from.loss) / from.loss;
  const by = part < 0.1 ? `by ${show(100 * part)} % of itself` : `to ${show(to.loss)} at t = ${show(to.t)}`;
  const fact = `The loss rises along the curve, from ${show(from.loss)} at t = ${show(from.t)} ${by}; along a gradient flow it never does.`;
  if (!("rtol" in flow) || flow.stepSize !== undefined)
    return [
      `${fact} Steps of ${flow.stepSize} are too long there: lower flow.stepSize or take flow.method: auto.`,
    ];
  const lower = `lower flow.rtol and flow.atol (${show(flow.rtol)} and ${show(flow.atol)})`;
  const isAtRest = to.loss <= AT_REST * initialLoss && last > from.loss / 2;
  if (!isAtRest)
    return [
      `${fact} The errors that the tolerances admit are larger than what the flow moves there: ${lower}.`,
    ];
  return [
    `${fact} It has come to rest as far as the tolerances let it, and what it does after t = ${show(first.t)} is their error: end it by flow.stopWhen: { gradientNorm: ${roundUp(first.speed)} }, or ${lower}.`,
  ];
}

/** The next power of ten from twice the value on, for a limit that is met before the value is. */
function roundUp(value: number): number {
  return value > 0 ? Number(`1e${Math.ceil(Math.log10(2 * value))}`) : 1e-8;
}

/** Gaps that the solver's error could explain by itself. */
export function errorNotes(check: ErrorCheckResult): string[] {
  const { gaps, forcedSteps, tighterRtol } = check;
  const why = whyNoError(check);
  if (why !== null && (forcedSteps === undefined || check.error === null))
    return [`flow.errorCheck: ${why}; no error is known.`];
  const forced =
    forcedSteps === undefined
      ? []
      : [
          `flow.errorCheck: the second run, at rtol ${show(tighterRtol)}, did not attain its tolerance: ${forcedSteps} of its steps erred by more. It may be the worse of the two, and the error that it finds is no measure of the first.`,
        ];
  const explained = gaps
    .filter(({ measuredGap, solverError }) => measuredGap < 10 * solverError)
    .map(({ learningRate, measuredGap, gap, solverError }) => {
      const fact = `The gap ‖θ − θₖ‖ = ${measuredGap.toPrecision(3)} for η = ${learningRate} is not much larger than`;
      return forcedSteps === undefined
        ? `${fact} the solver's error ${solverError.toPrecision(3)} in it; to θ of the second run, at rtol ${show(tighterRtol)}, it is ${gap.toPrecision(3)}. Lower flow.rtol.`
        : `${fact} the ${solverError.toPrecision(3)} between the two runs, so it is not told apart from the solver's error; to θ of the second run it is ${gap.toPrecision(3)}.`;
    });
  return [...forced, ...explained];
}
