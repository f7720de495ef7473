/**
 * The claim ‖r(t)‖² ≤ ‖r(0)‖² e^{−4c∫λ_min} ≤ ‖r(0)‖² e^{−4cλ₀t}, λ₀ = min_{s≤t} λ_min(s), judged at recorded times without fooling
 * anyone: which side of λ_min is known, whether the exponent says anything, and whether the sampling in time decides.
 */
import type { LambdaMin } from "./spectrum.js";

/**
 * `pass`: both forms hold, and promise something. `vacuous`: the exponent is below the threshold, so that nearly any curve would
 * pass. `violated`: the residual is above the bound by more than all that the numbers leave open. The bound is a theorem of the exact
 * flow, so this is an alarm about run or program. `unresolved`: the numbers do not decide.
 */
export type Verdict = "pass" | "violated" | "vacuous" | "unresolved";

/** Why a verdict is none of `pass`; the words of `explainVerdict`. */
export type VerdictReason =
  | "above-bound"
  | "small-exponent"
  | "zero-residual"
  | "residual-floor"
  | "rate-defect"
  | "sampling"
  | "lambda-min-bound"
  | "lambda-min-floor"
  | "not-the-flow"
  | "energy-defect"
  | "unsettled-decision"
  | "not-finite";

export interface BoundSample {
  readonly t: number;
  /** ‖r(t)‖² */
  readonly residualSquared: number;
  /** What ‖r(t)‖ may be off by, however small it is: a smaller residual is the solver's noise. */
  readonly residualFloor: number;
  /** |∫4cλ_eff − ln(‖r(0)‖²/‖r(t)‖²)|: how far the curve is from obeying its own field, in ln ‖r‖². */
  readonly rateDefect: number;
  /** What shows that the curve is no more the flow here, whatever the tolerance was; null or absent where nothing does. */
  readonly notFlow?: "energy-defect" | "unsettled-decision" | null;
  readonly lambdaMin: Pick<LambdaMin, "value" | "kind" | "upper">;
}

export interface BoundAt {
  readonly t: number;
  /** 4c∫λ_min by the trapezoidal rule over the recorded times, and 4cλ₀t. */
  readonly exponent: number;
  readonly exponentWorst: number;
  /** ‖r(0)‖² e^{−exponent} and ‖r(0)‖² e^{−exponentWorst}. */
  readonly bound: number;
  readonly boundWorst: number;
  /** ln bound − ln ‖r‖²: how far below the (integral form of the) bound the residual is; negative above it. */
  readonly margin: number;
  /** How much the exponent may be off: half the sum of λ_min's changes between the times, and the errors of certified values. */
  readonly uncertainty: number;
  readonly verdict: Verdict;
  /** Null for `pass`. */
  readonly reason: VerdictReason | null;
}

export interface BoundOptions {
  /** c of L = c‖r‖² */
  readonly factor: number;
  /** Exponents below this promise nothing. */
  readonly vacuousBelow: number;
  /** Relative error of the solution, in units of ln ‖r‖². */
  readonly slack: number;
  /** Whether the curve is the flow up to its tolerance: only of such a curve the bound is a theorem, and can be violated. */
  readonly isFlow: boolean;
}

/** Judges the samples in order, the first at t = 0. */
export function judgeBound(
  samples: readonly BoundSample[],
  { factor, vacuousBelow, slack, isFlow }: BoundOptions,
): BoundAt[] {
  const initial = samples[0]?.residualSquared as number;
  let exponent = 0;
  let sampling = 0;
  let highest = 0;
  let least = Number.POSITIVE_INFINITY;
  let isBounded = true;
  let last: BoundSample | null = null;
  return samples.map((sample): BoundAt => {
    const { t, residualSquared, lambdaMin, rateDefect } = sample;
    if (last !== null) {
      const step = 4 * factor * (t - last.t);
      exponent += (step * (lambdaMin.value + last.lambdaMin.value)) / 2;
      sampling += (step * Math.abs(lambdaMin.value - last.lambdaMin.value)) / 2;
      highest += (step * (lambdaMin.upper + last.lambdaMin.upper)) / 2;
    }
    last = sample;
    least = Math.min(least, lambdaMin.value);
    // A λ_min that is only bounded from above makes the bound too strong: what passes it passes the true one as well, what
    // does not may still.
    isBounded &&= lambdaMin.kind !== "upper-bound";
    const exponentWorst = 4 * factor * least * t;
    const margin = Math.log(initial / residualSquared) - exponent;
    // Certified values are off by upper − value at most, to both sides.
    const uncertainty = sampling + (isBounded ? highest - exponent : 0);
    const [marginAbove, below] = withFloor(initial, residualSquared, sample.residualFloor);
    const judge = (): [Verdict, VerdictReason | null] => {
      if (initial === 0) return ["vacuous", "zero-residual"];
      if (!Number.isFinite(residualSquared) || !Number.isFinite(exponent))
        return ["unresolved", "not-finite"];
      if (sample.notFlow && highest + sampling >= vacuousBelow) return ["unresolved", sample.notFlow];
      if (margin < -(slack + uncertainty + rateDefect + below)) {
        if (!isBounded) return ["unresolved", "lambda-min-bound"];
        return isFlow ? ["violated", "above-bound"] : ["unresolved", "not-the-flow"];
      }
      if (highest + sampling < vacuousBelow) return ["vacuous", "small-exponent"];
      if (exponent < vacuousBelow && highest >= vacuousBelow) return ["unresolved", "lambda-min-floor"];
      // Two measures of how far ‖r‖² is from the flow's, one by tolerances, one by the curve itself: the better one will do to pass.
      if (!(marginAbove - exponent >= -slack || (margin < Infinity && margin >= rateDefect - slack))) {
        if (!(below < uncertainty + rateDefect)) return ["unresolved", "residual-floor"];
        if (rateDefect > uncertainty) return ["unresolved", isFlow ? "rate-defect" : "not-the-flow"];
        return ["unresolved", "sampling"];
      }
      return exponent < vacuousBelow ? ["vacuous", "small-exponent"] : ["pass", null];
    };
    const [verdict, reason] = judge();
    return {
      t,
      exponent,
      exponentWorst,
      bound: initial * Math.exp(-exponent),
      boundWorst: initial * Math.exp(-exponentWorst),
      margin,
      uncertainty,
      verdict,
      reason,
    };
  });
}

/** ln(‖r(0)‖²/‖r‖²) where ‖r‖ is larger by `floor`, and by how much that logarithm may be too small where ‖r‖ is smaller by it. */
function withFloor(initial: number, residualSquared: number, floor: number): [above: number, below: number] {
  const norm = Math.sqrt(residualSquared);
  const below = floor === 0 ? 0 : floor < norm ? -2 * Math.log1p(-floor / norm) : Number.POSITIVE_INFINITY;
  return [Math.log(initial) - 2 * Math.log(norm + floor), below];
}

/** One verdict for a run: the worst that occurred, and `pass` only where it passed at the end. */
export function overallVerdict(times: readonly BoundAt[]): Pick<BoundAt, "t" | "verdict" | "reason"> {
  const after = times.filter(({ t }) => t > 0);
  const verdicts = after.length > 0 ? after : times;
  for (const worst of ["violated", "unresolved"] as const) {
    const first = verdicts.find(({ verdict }) => verdict === worst);
    if (first !== undefined) return first;
  }
  return verdicts[verdicts.length - 1] ?? { t: 0, verdict: "unresolved", reason: "not-finite" };
}
