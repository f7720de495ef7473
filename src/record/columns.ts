/** The columns of a record's tables. Units: times and rates in those of the configured loss; no wall-clock, so that equal runs give equal bytes. */

/**
 * `series.csv`, one row per recorded time of the flow: t, canonicalTime τ = 2ct, loss L = c‖r‖², residualNorm ‖r‖, gradientNorm ‖∇L‖,
 * lambdaEff ‖∇L‖²/(4cL), energyDefect (relative), stepSize h, the two running counts, parameterDistance ‖θ − θ0‖,
 * sharpness λ_max(∇²L) as last measured.
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
 * `events.csv`, one row per change of one pre-activation entry: kind crossing, entersSliding or leavesSliding; layer from 1 over the
 * activated layers; sample, unit and breakpoint from 0; side where a crossing or leaving entry goes to, or an entering one comes
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

export type SeriesColumn = (typeof SERIES_COLUMNS)[number];
export type DescentColumn = (typeof DESCENT_COLUMNS)[number];
