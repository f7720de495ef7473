/**
 * The claim ‖r(t)‖² ≤ ‖r(0)‖² e^{−4c∫λ_min} ≤ ‖r(0)‖² e^{−4cλ₀t}, λ₀ = min_{s≤t} λ_min(s), judged at recorded times without fooling
 * anyone: which side of λ_min is known, whether the exponent says anything, and whether the sampling in time decides.
 */
import type { LambdaMin } from "./spectrum.js";

/**
 * `pass`: both forms hold, and promise something. `vacuous`: the exponent is below the threshold, so that nearly any curve would
 * pass. `violated`: the residual is above the bound. `unresolved`: the numbers do not decide.
 */
export type Verdict = "pass" | "violated" | "vacuous" | "unresolved";

export interface BoundSample {
  readonly t: number;
  /** ‖r(t)‖² */
  readonly residualSquared: number;
  readonly lambdaMin: Pick<LambdaMin, "value" | "kind" | "resolvable">;
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
  /** How much the exponent may be off by sampling λ_min at these times: half the sum of its changes between them. */
  readonly uncertainty: number;
  readonly verdict: Verdict;
}

export interface BoundOptions {
  /** c of L = c‖r‖² */
  readonly factor: number;
  /** Exponents below this promise nothing. */
  readonly vacuousBelow: number;
  /** Relative error of the solution, in units of ln ‖r‖². */
  readonly slack: number;
}

/** Judges the samples in order, the first at t = 0. */
export function judgeBound(
  samples: readonly BoundSample[],
  { factor, vacuousBelow, slack }: BoundOptions,
): BoundAt[] {
  const initial = samples[0]?.residualSquared as number;
  let exponent = 0;
  let uncertainty = 0;
  let highest = 0;
  let least = Number.POSITIVE_INFINITY;
  let bounded = true;
  let last: BoundSample | null = null;
  return samples.map((sample): BoundAt => {
    const { t, residualSquared, lambdaMin } = sample;
    if (last !== null) {
      const step = 4 * factor * (t - last.t);
      exponent += (step * (lambdaMin.value + last.lambdaMin.value)) / 2;
      uncertainty += (step * Math.abs(lambdaMin.value - last.lambdaMin.value)) / 2;
      highest += (step * (highestOf(lambdaMin) + highestOf(last.lambdaMin))) / 2;
    }
    last = sample;
    least = Math.min(least, lambdaMin.value);
    // A λ_min that is only bounded from above makes the bound too strong: what passes it passes the true one as well, what
    // does not may still.
    bounded &&= lambdaMin.kind !== "upper-bound";
    const exponentWorst = 4 * factor * least * t;
    const margin = Math.log(initial / residualSquared) - exponent;
    const doubt = slack + uncertainty;
    const verdict = ((): Verdict => {
      if (!Number.isFinite(margin)) return residualSquared === 0 ? "pass" : "unresolved";
      if (margin < -doubt) return bounded ? "violated" : "unresolved";
      if (highest + uncertainty < vacuousBelow) return "vacuous";
      if (exponent < vacuousBelow && highest > exponent) return "unresolved";
      if (margin < -slack) return "unresolved";
      return exponent < vacuousBelow ? "vacuous" : "pass";
    })();
    return {
      t,
      exponent,
      exponentWorst,
      bound: initial * Math.exp(-exponent),
      boundWorst: initial * Math.exp(-exponentWorst),
      margin,
      uncertainty,
      verdict,
    };
  });
}

/** The most that λ_min can be, as far as the method knows. */
function highestOf({ value, kind, resolvable }: BoundSample["lambdaMin"]): number {
  return kind === "exact-zero" ? 0 : Math.max(value, resolvable);
}

/** One verdict for a run: the worst that occurred, and `pass` only where it passed at the end. */
export function overallVerdict(times: readonly BoundAt[]): Verdict {
  const after = times.filter(({ t }) => t > 0);
  const verdicts = after.length > 0 ? after : times;
  for (const worst of ["violated", "unresolved"] as const)
    if (verdicts.some(({ verdict }) => verdict === worst)) return worst;
  return verdicts[verdicts.length - 1]?.verdict ?? "unresolved";
}
