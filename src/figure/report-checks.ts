/** What a report says of the identities that a run carries, of the verdict on its bound, and of descent beside it. */

import { describeImportCheck } from "../record/import-check.js";
import { describeLaw, energyTerms, type NtkResult, type RunResult, whyNoError } from "../record/result.js";
import { assess } from "./assess.js";
import { formatNumber } from "./axis.js";
import { folded, section, table, verdicts } from "./report-page.js";

/** A number to five digits, a word as it is, a dash for what does not exist. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return "–";
  return typeof value === "number" ? formatNumber(value, 5) : String(value);
}

/** What the identities of a run came to; every line says what was compared with what. */
export function checkRows(result: RunResult): [string, string][] {
  const { energyDefect, notSquared = null, lossRise, decay, errorCheck, sharpness, events, ntk } = result;
  const { drop, integral } = energyTerms(result);
  const rows: [string, string][] = [
    ["energy balance", `|${drop} − ${integral}| / (${drop}) = ${show(energyDefect)}`],
  ];
  if (lossRise)
    rows.push([
      "the loss rises",
      `${show(lossRise.from)} at t = ${show(lossRise.fromTime)} to ${show(lossRise.to)} at t = ${show(lossRise.time)}; along a gradient flow it never does`,
    ]);
  if (notSquared !== null)
    rows.push(["canonical time, ‖r‖, λ_eff, decay of ‖r‖²", `not defined: ${notSquared}`]);
  else if (decay === null) rows.push(["decay of ‖r‖²", "not fitted"]);
  else
    rows.push(
      [
        "decay of ‖r‖²",
        `fitted exp(−${show(decay.rate)} t) on [${show(decay.window[0])}, ${show(decay.window[1])}], R² = ${formatNumber(decay.rSquared, 5)}; ${describeLaw(decay, show)}`,
      ],
      [
        "effective rate",
        `mean 4cλ_eff there ${show(decay.meanRateFromLambdaEff)}, ${show(decay.meanRateFromLambdaEff / decay.rate)} of the fitted rate`,
      ],
    );
  if (ntk !== null) rows.push(...describeKernel(ntk));
  if (errorCheck !== null) {
    const why = whyNoError(errorCheck);
    rows.push([
      "solver's error",
      why !== null
        ? `not known: ${why}`
        : `‖θ − θ*‖ = ${show(errorCheck.error)}, ${show(errorCheck.relativeToDistance)} of the distance moved; θ* at rtol ${show(errorCheck.tighterRtol)}`,
    ]);
  }
  if (sharpness !== null)
    rows.push([
      "sharpness",
      `λ_max(∇²L) at most ${show(sharpness.largest)}, ${show(sharpness.value)} at t = ${show(sharpness.time)}`,
    ]);
  const { stability } = result;
  if (stability != null)
    rows.push([
      `largest stable η over ${stability.steps} steps`,
      `${show(stability.monotone.learningRate)} falling at every step, ${show(stability.linear?.learningRate ?? null)} linearly; by λ_max(θ₀) alone ${show(stability.limit)}`,
    ]);
  if (result.importCheck != null) rows.push(["ONNX file", describeImportCheck(result.importCheck)]);
  rows.push(["boundaries", result.boundaries]);
  for (const [name, value] of Object.entries(events ?? {})) rows.push([`  ${name}`, show(value)]);
  return rows;
}

/** The section of a run's report. */
export function describeChecks(result: RunResult): string {
  const gaps = result.descent.map((run) => [
    formatNumber(run.learningRate, 6),
    String(run.steps),
    ...[run.loss, run.parameterGap, run.functionGap, run.lossGap].map(show),
    formatNumber(run.sharpnessLimit, 4),
    run.diverged ? `diverged at step ${run.divergedAtStep}` : "",
  ]);
  return section(
    "Checks",
    verdicts(assess(result)),
    folded("the numbers behind", table([], checkRows(result))),
    ...(gaps.length === 0
      ? []
      : [
          "<p>Gradient descent beside the flow, at its last step; where it diverged, at the last one compared before:</p>",
          table(["η", "steps", "loss", "‖θ − θₖ‖", "‖F − Fₖ‖", "|L − Lₖ|", "2/η", ""], gaps),
        ]),
  );
}

function describeKernel(ntk: NtkResult): [string, string][] {
  const { initial, final, verdicts } = ntk;
  const lambdaMin = ({ value, kind, method, reason }: NtkResult["initial"]["lambdaMin"]): string =>
    `${show(value)} (${[kind, method, ...(reason === null ? [] : [reason])].join(", ")})`;
  const rows: [string, string][] = [
    [
      "λ_min(JJᵀ)",
      `${lambdaMin(initial.lambdaMin)} at t = 0, ${lambdaMin(final.lambdaMin)} at t = ${show(ntk.time)}`,
    ],
  ];
  if (ntk.times === 1) return rows;
  const counts = Object.entries(verdicts).map(([name, count]) => `${name} ${count}`);
  return [
    ...rows,
    [
      "bound ‖r‖² ≤ ‖r(0)‖² e^(−4c∫λ_min)",
      `${ntk.verdict}; of ${ntk.times - 1} times: ${counts.join(", ")}; margin ${show(ntk.margin)} ± ${show(ntk.marginUncertainty)} in ln ‖r‖², exponent ${show(ntk.exponent)}${ntk.verdictReason === null ? "" : `; ${ntk.verdictReason}`}`,
    ],
    [
      "least λ_min",
      `${show(ntk.lambdaZero)} (${ntk.lambdaZeroKind}) at t = ${show(ntk.lambdaZeroTime)}; zero exactly at ${ntk.exactZeros} of ${ntk.times} times`,
    ],
    ["∫4cλ_eff", `within ${show(ntk.rateDefect)} of ln(‖r(0)‖²/‖r(t)‖²)`],
  ];
}
