/** From kernels along a run to what the record says of the bound: how small a residual the run resolves, the verdict and why, λ₀. */
import {
  type BoundAt,
  type BoundSample,
  type KernelSpectrum,
  overallVerdict,
  type VerdictReason,
} from "../ntk/index.js";
import { MOST_ENERGY_DEFECT, type NtkResult } from "../record/result.js";

/** Error of one step as the solver allows it; null for fixed steps, which nothing controls. */
export type Tolerance = { readonly rtol: number; readonly atol: number } | null;

/**
 * What ‖r‖ may be off by however small it is. A step's error is ‖δθ‖ ≈ ‖atol + rtol|θ|‖ (the solver's norm is relative to that vector,
 * entry by entry), and ‖δr‖ ≤ ‖J‖·‖δθ‖; earlier errors have decayed as r has, or grow in `rateDefect`.
 * @param rounding of r itself
 */
export function residualFloor(
  { lambdaMax }: Pick<KernelSpectrum, "lambdaMax">,
  theta: Float64Array,
  tolerance: Tolerance,
  rounding: number,
): number {
  if (tolerance === null) return rounding;
  const { rtol, atol } = tolerance;
  const squares = theta.reduce((sum, value) => sum + (atol + rtol * Math.abs(value)) ** 2, 0);
  return Math.sqrt((lambdaMax.value + lambdaMax.residual) * squares) + rounding;
}

type VerdictFields =
  | "verdict"
  | "verdictReason"
  | "verdicts"
  | "lambdaZero"
  | "lambdaZeroTime"
  | "lambdaZeroKind"
  | "exactZeros";

/** @param notFlow why the curve is not the flow up to its tolerance; null where it is */
export function summariseVerdicts(
  samples: readonly BoundSample[],
  bounds: readonly BoundAt[],
  notFlow: string | null,
): Pick<NtkResult, VerdictFields> {
  const overall = overallVerdict(bounds);
  const count = (verdict: string): number => bounds.filter((at) => at.t > 0 && at.verdict === verdict).length;
  const least = samples.reduce((p, q) => (q.lambdaMin.value < p.lambdaMin.value ? q : p));
  return {
    verdict: overall.verdict,
    verdictReason: overall.reason === null ? null : explain(overall.reason, overall.t, notFlow),
    verdicts: {
      pass: count("pass"),
      violated: count("violated"),
      vacuous: count("vacuous"),
      unresolved: count("unresolved"),
    },
    lambdaZero: least.lambdaMin.value,
    lambdaZeroTime: least.t,
    lambdaZeroKind: least.lambdaMin.kind,
    exactZeros: samples.filter(({ lambdaMin }) => lambdaMin.kind === "exact-zero").length,
  };
}

function explain(reason: VerdictReason, t: number, notFlow: string | null): string {
  const at = `at t = ${t.toPrecision(4)}`;
  switch (reason) {
    case "above-bound":
      return `${at} the residual is above the bound by more than solver, sampling and kernel can be off; the bound is a theorem, so the run or gradflow is wrong`;
    case "small-exponent":
      return "the exponent 4c∫λ_min is below measure.ntk.vacuousBelow, so nearly any curve would pass";
    case "zero-residual":
      return "the residual is zero from the start";
    case "residual-floor":
      return `from t = ${t.toPrecision(4)} on the residual is within the error that flow.rtol and flow.atol allow, where the bound is smaller still; lower them, or end the run before`;
    case "rate-defect":
      return `${at} ∫4cλ_eff differs from ln(‖r(0)‖²/‖r‖²) by more than the residual is from the bound: the curve does not follow its own field that closely; lower flow.rtol and flow.atol`;
    case "sampling":
      return `${at} λ_min has moved too much between the times of measure.ntk to tell; raise measure.ntk.points`;
    case "lambda-min-bound":
      return `${at} the residual is above a bound made from an upper bound of λ_min, which is too strong; a dense method may know λ_min itself`;
    case "lambda-min-floor":
      return `${at} λ_min is below what the method can resolve, and would decide whether the bound promises anything`;
    case "not-the-flow":
      return `${at} the residual is above the bound, which holds for the exact flow alone: ${notFlow}`;
    case "energy-defect":
      return `${at} ∫‖∇L‖² ds is off by more than ${MOST_ENERGY_DEFECT} times what the loss fell by, so the curve is not the flow, of which alone the bound speaks${notFlow === null ? "; lower flow.rtol and flow.atol" : `: ${notFlow}`}`;
    case "unsettled-decision":
      return `before t = ${t.toPrecision(4)} a decision at a kink did not settle, so the curve may not be the flow from there on`;
    case "not-finite":
      return `${at} residual or kernel are not finite`;
  }
}
