/** The columns of a record's tables. Units: times and rates in those of the configured loss; no wall-clock, so that equal runs give equal bytes. */

/**
 * `series.csv`, one row per recorded time of the flow: t, canonicalTime τ = 2ct, loss L = c‖r‖², residualNorm ‖r‖, gradientNorm ‖∇L‖,
 * lambdaEff ‖∇L‖²/(4cL) (these three blank unless the loss is c‖r‖²), energyDefect (relative), stepSize h, the two running counts, parameterDistance ‖θ − θ0‖,
 * sharpness λ_max(∇²L) as measured at sharpnessTime, the last time since the row before; empty where none was. A record's manifest names
 * further columns: with weight decay dataLoss, the loss without it; in the clock of ln L logTime ln t and logLoss ln L, and energyDefect is then
 * that of ln L(0) − ln L(t) against ∫‖∇ln L‖² dτ.
 */
export const SERIES_COLUMNS = [
  "t",
  "canonicalTime",
  "loss",
  "residualNorm",
  "gradientNorm",
  "lambdaEff",
  "energyDefect",
  "stepSize",
  "gradientEvaluations",
  "acceptedSteps",
  "parameterDistance",
  "sharpness",
  "sharpnessTime",
] as const;

/** `descent.csv`, one row per learning rate η and compared step k: t = kη, GD's own loss, ‖θ(t) − θ_k‖, ‖F(t) − F_k‖, |L(t) − L_k|. */
export const DESCENT_COLUMNS = [
  "learningRate",
  "step",
  "t",
  "loss",
  "parameterGap",
  "functionGap",
  "lossGap",
] as const;

/**
 * `flows.csv`, one row per flow (gradient flow, and those of `compare.flows`), learning rate η and compared step k: its kind, step, t = kη, distance
 * ‖θ − θ_k‖ from descent's θ_k and meanDistance ‖θ − θ̄_k‖ from descent's running average about step k, loss L at its θ; what it says of descent, blank where
 * it says nothing: meanLoss (the mean of L(θ_k) over an oscillation), meanSquaredGradient (of ‖∇L(θ_k)‖²) and variance (of ‖θ_k − θ‖²); the same
 * as descent's running averages have it (flow/average.ts), blank where none are taken; gradientEquivalents, its evaluations up to there in gradients by
 * the arithmetic of their graphs, blank for gradient flow. Behind these the columns that its kinds have of their own, with descent's variance along each direction for which one
 * predicts it (descentVariance.1, …), and those of measures taken on it.
 */
export const FLOW_COLUMNS = [
  "kind",
  "learningRate",
  "step",
  "t",
  "distance",
  "meanDistance",
  "loss",
  "meanLoss",
  "meanSquaredGradient",
  "variance",
  "descentMeanLoss",
  "descentMeanSquaredGradient",
  "descentVariance",
  "gradientEquivalents",
] as const;

/**
 * `gaps.csv`, one row per learning rate η and compared step k, where compare.leadingGap or compare.bound ask for it: gap ‖θ(t) − θ_k‖, leadingGap
 * ‖e(t)‖, leadingGapError ‖θ(t) − θ_k − e(t)‖; with compare.bound the bounds of ‖e‖ with suprema of ‖∇²L‖ and ‖∇L‖, with their values, and with
 * ‖∇²L·∇L‖, and the extreme eigenvalues of ∇²L at the end of that step of the flow.
 */
export const GAP_COLUMNS = [
  "learningRate",
  "step",
  "t",
  "gap",
  "leadingGap",
  "leadingGapError",
  "boundSuprema",
  "boundPointwise",
  "boundForce",
  "lambdaMin",
  "lambdaMax",
] as const;

/**
 * `events.csv`, one row per change of one pre-activation entry: kind crossing, entersSliding or leavesSliding; layer from 1 over the
 * sites of kinks (manifest.problem.sites); sample, unit (row-major within the site) and breakpoint from 0; side where a crossing or leaving entry goes to, or an entering one comes
 * from; sliding, the number of entries that slide after this instant.
 */
export const EVENT_COLUMNS = [
  "t",
  "kind",
  "layer",
  "sample",
  "unit",
  "breakpoint",
  "side",
  "sliding",
] as const;

/** `methods.csv`, one row per change of method under flow.method: auto; costs in gradients per unit of time, as measured and predicted. */
export const METHOD_COLUMNS = ["t", "method", "gradientEvaluations", "costBefore", "costPredicted"] as const;

/** `error-check.csv`, under flow.errorCheck one row per recorded time (of every step: 200 times) as far as the second run got: its loss L there. */
export const ERROR_CHECK_COLUMNS = ["t", "tighterLoss"] as const;

/**
 * `ntk.csv`, one row per time at which the tangent kernel G was taken: residualSquared ‖r‖² and residualSquaredFloor, below which it is
 * the solver's noise; its extreme eigenvalues with what they are worth (kind exact-zero, certified or upper-bound; method; residual;
 * upper, which λ_min does not exceed; resolvable, the method's floor), trace, conditionNumber, effectiveRank (Σλ)²/Σλ², drift
 * ‖G − G(0)‖/‖G(0)‖; lambdaEff ‖θ'‖²/(4cL) and lambdaEffKernel rᵀGr/‖r‖²; rateIntegral ∫4cλ_eff and rateDefect, its distance from
 * ln(‖r(0)‖²/‖r(t)‖²); lazyDefect ‖r − r_frozen‖/‖r‖; the bounds of ‖r‖² with their exponents 4c∫λ_min and 4cλ₀t; margin, its uncertainty
 * by sampling in time and errors of λ_min, verdict and why it is not pass; held, the entries that slide; estimated, what is an average
 * over random probes.
 */
export const NTK_COLUMNS = [
  "t",
  "canonicalTime",
  "loss",
  "residualSquared",
  "residualSquaredFloor",
  "lambdaMin",
  "lambdaMinKind",
  "lambdaMinMethod",
  "lambdaMinResidual",
  "lambdaMinUpper",
  "lambdaMinResolvable",
  "lambdaMax",
  "lambdaMaxResidual",
  "trace",
  "conditionNumber",
  "effectiveRank",
  "drift",
  "lambdaEff",
  "lambdaEffKernel",
  "rateIntegral",
  "rateDefect",
  "lazyDefect",
  "exponent",
  "exponentWorst",
  "bound",
  "boundWorst",
  "margin",
  "marginUncertainty",
  "verdict",
  "verdictReason",
  "held",
  "estimated",
] as const;

/** `ntk-spectrum.csv`: eigenvalue of that rank (1 the largest) at time t, the share of ‖r‖² in its mode and in all modes up to it. */
export const NTK_SPECTRUM_COLUMNS = ["t", "rank", "eigenvalue", "alignment", "cumulative"] as const;

/** `ntk-modes.csv`: (u_iᵀr(t))² in the modes of the kernel at t = 0, beside (u_iᵀr(0))² e^{−4cλ_i t} of that kernel frozen. */
export const NTK_MODE_COLUMNS = ["t", "rank", "lambda0", "energy", "frozenEnergy"] as const;

/** `ntk-density.csv`: where eigenvalues lie and what share of them, all of them or by Lanczos quadrature; weights sum to 1 at each time. */
export const NTK_DENSITY_COLUMNS = ["t", "node", "weight"] as const;

/** Columns of words; all others hold numbers. A blank cell is the empty word there, no value (NaN) elsewhere. */
export const WORD_COLUMNS: readonly string[] = [
  ...["kind", "side", "method"],
  ...["lambdaMinKind", "lambdaMinMethod", "verdict", "estimated"],
];

export type NtkColumn = (typeof NTK_COLUMNS)[number];
export type NtkSpectrumColumn = (typeof NTK_SPECTRUM_COLUMNS)[number];
export type NtkModeColumn = (typeof NTK_MODE_COLUMNS)[number];
export type NtkDensityColumn = (typeof NTK_DENSITY_COLUMNS)[number];
export type FlowColumn = (typeof FLOW_COLUMNS)[number];
export type ErrorCheckColumn = (typeof ERROR_CHECK_COLUMNS)[number];
export type GapColumn = (typeof GAP_COLUMNS)[number];
export type SeriesColumn = (typeof SERIES_COLUMNS)[number];
export type DescentColumn = (typeof DESCENT_COLUMNS)[number];
