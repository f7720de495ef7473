/** Whether a run is to be trusted: each check is good, doubtful or bad, with the reason in words. Thresholds are relative to the run's own scales. */
import {
  describeLaw,
  energyTerms,
  MOST_ENERGY_DEFECT,
  type RunResult,
  whyNoError,
} from "../record/result.js";
import { formatNumber } from "./axis.js";

export type Verdict = "good" | "doubtful" | "bad";

export interface Assessment {
  readonly name: string;
  readonly verdict: Verdict;
  readonly reason: string;
}

/** The limits that a study set, as against the end time. */
const LIMITS = ["lossReached", "stationary", "maxEvaluations"];
/** Of the fall of the loss; one in a hundred is seen on no figure. */
const GOOD_ENERGY_DEFECT = 0.01;
/** |ratio − 1| of the mean rate of ‖r‖² and that of 4cλ_eff, the same number along every gradient flow but for the sum over rows. */
const [SAME_RATE, SIMILAR_RATE] = [0.05, 0.25];
/** The solver's error at the end in parts of the distance that θ moved. */
const [SMALL_ERROR, LARGE_ERROR] = [1e-3, 0.05];

/** All that can be said of a run; what it has no numbers for is left out. */
export function assess(result: RunResult): Assessment[] {
  return [
    assessEnd(result),
    ...assessEnergy(result),
    ...assessKinks(result),
    ...assessError(result),
    ...assessDecay(result),
    ...assessKernel(result),
    ...assessDescents(result),
  ];
}

function assessEnd({ status, message }: RunResult): Assessment {
  const name = "the run reached its end";
  if (status === "reachedEnd") return { name, verdict: "good", reason: message };
  if (LIMITS.includes(status)) return { name, verdict: "good", reason: `${message} A limit of the study.` };
  if (status === "interrupted" || status === "unresolved")
    return { name, verdict: "doubtful", reason: message };
  return { name, verdict: "bad", reason: message };
}

/** L falls by ∫‖∇L‖² along a gradient flow and along no other curve, and it never rises. */
function assessEnergy(result: RunResult): Assessment[] {
  const { energyDefect: defect, lossRise } = result;
  const { loss, integral } = energyTerms(result);
  const name = "energy falls as along a gradient flow";
  if (lossRise)
    return [
      {
        name,
        verdict: "bad",
        reason: `the loss rises from ${formatNumber(lossRise.from)} to ${formatNumber(lossRise.to)} by t = ${formatNumber(lossRise.time)}; along a gradient flow it never does. Lower flow.rtol or the step.`,
      },
    ];
  if (defect === null) return [];
  const reason = `${loss} fell by ${integral} up to ${formatNumber(defect, 2)} of it`;
  if (defect <= GOOD_ENERGY_DEFECT) return [{ name, verdict: "good", reason }];
  const remedy = "lower flow.rtol, or see the notes";
  return [
    { name, verdict: defect <= MOST_ENERGY_DEFECT ? "doubtful" : "bad", reason: `${reason} only; ${remedy}` },
  ];
}

function assessKinks({ events, boundaries }: RunResult): Assessment[] {
  if (events === null) return [];
  const name = "kinks are followed";
  const { unsettled = 0, unsettledWeights = 0, ambiguous = 0, branches = [], crossings } = events;
  const forced = (events.forcedSteps ?? 0) + (events.eulerSteps ?? 0);
  if (unsettled > 0)
    return [{ name, verdict: "bad", reason: `${unsettled} of its decisions at kinks did not settle` }];
  if (boundaries === "detect")
    return [
      {
        name,
        verdict: "doubtful",
        reason: `${crossings} crossings were counted, not located; the tolerance promises nothing there`,
      },
    ];
  const doubts = [
    ...(forced > 0 ? [`${forced} steps erred by more than the tolerance`] : []),
    ...(unsettledWeights > 0
      ? [`${unsettledWeights} times weights of sliding entries had not settled when they were taken`]
      : []),
    ...(branches.length > 0
      ? [`at ${branches.length} entries the run's error decides along which branch it goes`]
      : []),
  ];
  if (doubts.length > 0) return [{ name, verdict: "doubtful", reason: doubts.join("; ") }];
  if (ambiguous > 0)
    return [
      {
        name,
        verdict: "doubtful",
        reason: `at ${ambiguous} instants a boundary repels on both sides: another solution is as good`,
      },
    ];
  return [
    {
      name,
      verdict: "good",
      reason: `${crossings} crossings, boundaries ${boundaries}; every decision settled`,
    },
  ];
}

function assessError({ errorCheck }: RunResult): Assessment[] {
  if (errorCheck === null) return [];
  const name = "the solver's error is small";
  const { relativeToDistance: error, tighterRtol } = errorCheck;
  const why = whyNoError(errorCheck) ?? (error === null ? "the flow did not move" : null);
  if (error === null || why !== null) return [{ name, verdict: "doubtful", reason: `not known: ${why}` }];
  const reason = `${formatNumber(error)} of the distance moved, against a run at rtol ${formatNumber(tighterRtol)}`;
  return [
    { name, verdict: error <= SMALL_ERROR ? "good" : error <= LARGE_ERROR ? "doubtful" : "bad", reason },
  ];
}

function assessDecay({ decay }: RunResult): Assessment[] {
  if (decay === null) return [];
  const { law, logFall, meanRateFromLambdaEff } = decay;
  const [from, to] = decay.window;
  // Of the whole fall, whatever its law; records of older versions have the fitted rate alone.
  const rate = logFall === undefined ? decay.rate : logFall / (to - from);
  const ratio = meanRateFromLambdaEff / rate;
  const gap = Math.abs(ratio - 1);
  return [
    {
      name: "the decay is exponential",
      verdict: law === "exponential" ? "good" : law === "varying" ? "bad" : "doubtful",
      reason: `${describeLaw(decay, (value) => formatNumber(value))}; ‖r‖² fitted by exp(${formatNumber(-decay.rate)} t) for t from ${formatNumber(from)} to ${formatNumber(to)} with R² = ${formatNumber(decay.rSquared, 4)}`,
    },
    {
      name: "‖r‖² falls as λ_eff says",
      verdict: gap <= SAME_RATE ? "good" : gap <= SIMILAR_RATE ? "doubtful" : "bad",
      reason: `the mean of 4cλ_eff there is ${formatNumber(ratio)} of the mean rate at which ‖r‖² falls, whatever the law`,
    },
  ];
}

function assessKernel({ ntk }: RunResult): Assessment[] {
  if (ntk === null || ntk.times === 1) return [];
  const verdict = ({ pass: "good", violated: "bad" } as const)[ntk.verdict] ?? "doubtful";
  return [
    {
      name: "the bound by λ_min holds",
      verdict,
      reason: `${ntk.verdict}${ntk.verdictReason === null ? "" : `: ${ntk.verdictReason}`}`,
    },
  ];
}

/** Descent with η is stable as long as the sharpness is below its limit, 2/η without momentum. */
function assessDescents({ descent, sharpness }: RunResult): Assessment[] {
  return descent.map((run) => {
    const name = `descent with η = ${formatNumber(run.learningRate, 6)} is stable`;
    if (run.diverged) return { name, verdict: "bad", reason: `it diverged at step ${run.divergedAtStep}` };
    const gap =
      run.parameterGap === null ? "" : `‖θ − θₖ‖ = ${formatNumber(run.parameterGap)} at its last step`;
    if (sharpness === null || sharpness.largest === null)
      return {
        name,
        verdict: "doubtful",
        reason: ["not known: it did not diverge, and no sharpness was measured", gap]
          .filter(Boolean)
          .join("; "),
      };
    if (sharpness.largest > run.sharpnessLimit)
      return {
        name,
        verdict: "doubtful",
        reason: `the flow's sharpness reaches ${formatNumber(sharpness.largest)}, above the ${formatNumber(run.sharpnessLimit)} that it bears; ${gap}`,
      };
    const reason = `the flow's sharpness stays below ${formatNumber(run.sharpnessLimit)} where it was measured`;
    return { name, verdict: "good", reason: [reason, gap].filter(Boolean).join("; ") };
  });
}
