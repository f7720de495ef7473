/** The flows beside descent as text for a person. */
import type { FlowResult, RunResult } from "../record/result.js";
import { formatColumns, formatNumber, roundTimes } from "./format.js";

/** The flows beside descent, gradient flow among them, and in words which description of descent held until when. */
export function describeFlows({ flows, descent }: RunResult): string[] {
  if (flows.length === 0) return [];
  const hasMean = flows.some(({ meanDistance }) => meanDistance !== null);
  const groups = descent.map(({ learningRate, steps }) => ({
    ...{ learningRate, steps },
    own: flows.filter((flow) => flow.learningRate === learningRate),
  }));
  const rows = groups.flatMap(({ learningRate, steps, own }) =>
    own.map((flow, k) => [
      ...[k === 0 ? formatNumber(learningRate, 6) : "", flow.label, formatNumber(flow.distance)],
      ...(hasMean ? [formatNumber(flow.meanDistance), formatNumber(meanOf(flow, "meanDistance"))] : []),
      flow.heldUntil === null ? "never" : `t = ${formatNumber(flow.heldUntil)}`,
      flow.gradientEquivalents === null || flow.steps === 0
        ? ""
        : formatNumber(flow.gradientEquivalents / flow.steps, 3),
      flow.message === null && flow.steps === steps ? "" : endOf(flow),
    ]),
  );
  const head = [
    ...["η", "flow", "‖θ − θₖ‖"],
    ...(hasMean ? ["to its mean", "over the run"] : []),
    ...["within 5 % to", "gradients a step", ""],
  ];
  const way = hasMean
    ? "from descent's running average and its mean over the run; within 5 % of the way that descent or this average has gone"
    : "within 5 % of the way ‖θₖ − θ₀‖ that descent has gone";
  return [
    "",
    `  flows beside descent at its last compared step; ${way}, up to that time`,
    ...formatColumns([head, ...rows]),
    ...groups.flatMap(({ learningRate, steps, own }) => [
      ...describeClosest(
        learningRate,
        steps,
        own.filter(({ begun }) => begun === "run"),
      ),
      ...describePredictions(learningRate, own),
    ]),
  ];
}

const meanOf = (flow: FlowResult, column: string): number | null => flow.means[column] ?? null;

function endOf({ status, time, message }: FlowResult): string {
  return `${status} after t = ${formatNumber(time)}${message === null ? "" : `: ${roundTimes(message)}`}`;
}

/** Which of them held until when; and the closest of those that got as far as descent did. */
function describeClosest(learningRate: number, steps: number, flows: readonly FlowResult[]): string[] {
  const subject = `  η = ${formatNumber(learningRate, 6)}`;
  const held = flows
    .filter(({ heldUntil }) => heldUntil !== null)
    .map(({ label, heldUntil, time, steps: last }) =>
      heldUntil === time && last === steps
        ? `${label} to the end`
        : `${label} until t = ${formatNumber(heldUntil)}`,
    );
  const not = flows.filter(({ heldUntil }) => heldUntil === null).map(({ label }) => label);
  const described = [
    ...(held.length === 0 ? [] : [`by ${held.join(", ")}`]),
    ...(not.length === 0 ? [] : [`not even at first by ${not.join(", ")}`]),
  ];
  const distanceOf = (flow: FlowResult) => flow.meanDistance ?? flow.distance;
  const there = flows.filter((flow) => flow.steps === steps && distanceOf(flow) !== null);
  const gradient = there.find(({ kind }) => kind === "gradient");
  const others = there.filter((flow) => flow !== gradient);
  const words = [`${subject}: descent is described to 5 % ${described.join("; ")}.`];
  if (gradient === undefined || others.length === 0) return words;
  const best = others.reduce((p, q) => (distanceOf(q)! < distanceOf(p)! ? q : p));
  const [near, far] = [distanceOf(best)!, distanceOf(gradient)!];
  if (near >= far)
    return [...words, `${subject}, step ${steps}: no flow is closer to descent than gradient flow.`];
  const times = near > 0 ? `, ${formatNumber(far / near, 3)} times as close as gradient flow` : "";
  return [
    ...words,
    `${subject}, step ${steps}: closest to descent: ${best.label}${times}.`,
    ...describeShares(subject, gradient, others),
  ];
}

/** Distances from descent's mean over the run, in that of gradient flow. */
function describeShares(subject: string, gradient: FlowResult, others: readonly FlowResult[]): string[] {
  const whole = meanOf(gradient, "meanDistance");
  if (whole === null || !(whole > 0)) return [];
  const shares = others.map(
    (flow) => `${flow.label} ${formatNumber(meanOf(flow, "meanDistance")! / whole, 3)}`,
  );
  return [`${subject}, over the run, in gradient flow's distance from descent's mean: ${shares.join(", ")}.`];
}

/** What flows say of descent's mean, beside its running averages: both as means over the run. */
function describePredictions(learningRate: number, flows: readonly FlowResult[]): string[] {
  return flows.flatMap((flow) => {
    const pairs = PREDICTED.flatMap(({ column, of, name }) => {
      const [said, found] = [meanOf(flow, column), meanOf(flow, of)];
      return said === null || found === null || flow.kind === "gradient"
        ? []
        : [`${name} ${formatNumber(said)} for ${formatNumber(found)}`];
    });
    return pairs.length === 0
      ? []
      : [`  η = ${formatNumber(learningRate, 6)}, over the run: ${flow.label} predicts ${pairs.join(", ")}.`];
  });
}

const PREDICTED = [
  { column: "meanLoss", of: "descentMeanLoss", name: "mean loss" },
  { column: "meanSquaredGradient", of: "descentMeanSquaredGradient", name: "mean ‖∇L‖²" },
  { column: "variance", of: "descentVariance", name: "variance" },
] as const;
