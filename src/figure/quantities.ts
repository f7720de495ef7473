/** What columns, results and fields are called on axes: words with symbols, never the dotted name of a file. */

/** By column, or by the last words of a dotted name. */
const TITLES: Readonly<Record<string, string>> = {
  t: "time t",
  canonicalTime: "canonical time τ = 2ct",
  step: "descent step k",
  loss: "loss L",
  initialLoss: "loss L at the start",
  tighterLoss: "loss L of errorCheck's second run",
  dataLoss: "loss L of the data alone",
  lossGap: "gap in loss |L(t) − Lₖ|",
  distance: "distance from descent ‖θ − θₖ‖",
  meanDistance: "distance from descent’s mean",
  meanLoss: "predicted mean loss of descent",
  descentMeanLoss: "mean loss of descent",
  variance: "predicted variance of descent",
  descentVariance: "variance of descent",
  residualNorm: "residual ‖r‖",
  gradientNorm: "norm of the gradient ‖∇L‖",
  lambdaEff: "effective eigenvalue λ_eff",
  energyDefect: "defect of the energy balance, relative",
  stepSize: "step size h",
  gradientEvaluations: "gradient evaluations",
  acceptedSteps: "accepted steps",
  parameterDistance: "distance from the start ‖θ − θ₀‖",
  parameterGap: "parameter gap ‖θ(t) − θₖ‖",
  functionGap: "function gap ‖F(t) − Fₖ‖",
  sharpness: "sharpness λ_max(∇²L)",
  sharpnessTime: "time t of the sharpness",
  "sharpness.value": "sharpness λ_max(∇²L)",
  "sharpness.largest": "largest sharpness λ_max(∇²L)",
  polyakLojasiewicz: "μ = ‖∇L‖²/(L − L*)",
  logTime: "ln t",
  logLoss: "ln L",
  learningRate: "learning rate η",
  learningRates: "learning rates η",
  "stability.limit": "2/λ_max(∇²L) at θ₀",
  "monotone.learningRate": "largest η at which descent falls at every step",
  "linear.learningRate": "largest η at which descent falls linearly",
  "limits.least": "least 2/λ_max(∇²L) along the descent",
  "descent.*.time": "time t = kη",
  parameters: "parameters P",
  samples: "samples n",
  inputs: "inputs N",
  outputs: "outputs M",
  parametersPerTarget: "parameters per target P/nM",
  seed: "seed",
  "decay.rate": "fitted decay rate of ‖r‖²",
  "decay.rSquared": "R² of the exponential fit",
  "decay.meanRateFromLambdaEff": "4cλ_eff over the fitted window",
  "lambdaMin.value": "λ_min of the tangent kernel",
  "lambdaMin.upper": "upper bound of λ_min of the tangent kernel",
  lambdaMin: "λ_min of the tangent kernel",
  lambdaMinUpper: "upper bound of λ_min of the tangent kernel",
  lambdaMax: "λ_max of the tangent kernel",
  lambdaZero: "least λ_min of the tangent kernel along the run",
  trace: "trace of the tangent kernel",
  conditionNumber: "condition number of the tangent kernel",
  effectiveRank: "effective rank of the tangent kernel (Σλ)²/Σλ²",
  drift: "drift of the tangent kernel ‖G − G(0)‖/‖G(0)‖",
  residualSquared: "squared residual ‖r‖²",
  bound: "bound of ‖r‖² by ∫λ_min",
  boundWorst: "bound of ‖r‖² by the least λ_min",
  margin: "margin of the bound in ln ‖r‖²",
  exponent: "exponent 4c∫λ_min",
  rateIntegral: "∫4cλ_eff",
  rateDefect: "defect of ∫4cλ_eff",
  lazyDefect: "distance from the frozen kernel ‖r − r_frozen‖/‖r‖",
  "events.crossings": "crossings of boundaries",
  "events.slidingEntries": "entries into sliding",
  "events.slidingExits": "exits from sliding",
  referenceDistance: "distance ‖θ − θ′‖ from the reference",
  "events.corners": "instants at which boundaries intersect",
  "events.coincidences": "instants at which boundaries are reached at once",
  "events.maxSliding": "most entries sliding at once",
  "events.timeSliding": "time in which some entry slides",
  "events.firstSliding": "time t of the first slide",
  wallSeconds: "computing time in seconds",
  hidden: "hidden widths",
  rtol: "relative tolerance rtol",
  atol: "absolute tolerance atol",
  tEnd: "end time t",
  slope: "slope of the activation",
  momentum: "momentum β",
  weightDecay: "weight decay",
  scale: "scale of the sizes",
  "output.scale": "output scale α",
  relativeDistance: "‖θ − θ₀‖/‖θ₀‖",
  "relativeDistance.last": "‖θ − θ₀‖/‖θ₀‖ at the end",
  "testLoss.last": "test loss at the end",
};

/** Which moment a result is of, by a word of its dotted name. */
const MOMENTS: Readonly<Record<string, string>> = { initial: "at the start", final: "at the end" };

/** The title of an axis that shows a column, a number of a result or a field of a study. */
export function titleOf(name: string): string {
  const words = name.split(".").filter((word) => word !== "*" && !/^\d+$/.test(word));
  const tail = [3, 2, 1]
    .map((count) => words.slice(-count).join("."))
    .find((end) => Object.hasOwn(TITLES, end));
  const title = tail === undefined ? spoken(words) : TITLES[tail]!;
  const moment = words.slice(0, -1).flatMap((word) => MOMENTS[word] ?? [])[0];
  const isDescent = words[0] === "descent" && words.length > 1 && !words.at(-1)!.startsWith("learningRate");
  return [title, ...(isDescent ? ["of descent"] : []), ...(moment === undefined ? [] : [moment])].join(" ");
}

/** `flow.maxSteps` as `max steps (flow)`. */
function spoken(words: readonly string[]): string {
  const plain = (word: string) => word.replaceAll(/([a-z0-9])([A-Z])/g, "$1 $2").toLowerCase();
  const last = plain(words.at(-1) ?? "");
  const sections = words.slice(0, -1).map(plain);
  return sections.length === 0 ? last : `${last} (${sections.join(", ")})`;
}
