/** Axes: where ticks stand and what they say, on linear and logarithmic scales; columns and clocks in words. */
import { show } from "./ask.js";

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

function power(exponent) {
  const digits = [...String(Math.abs(exponent))].map((digit) => SUPERSCRIPTS[Number(digit)]).join("");
  return `10${exponent < 0 ? "⁻" : ""}${digits}`;
}

/** Multiples of 1, 2 or 5 times a power of ten, about `count` of them. */
function linearTicks(min, max, count) {
  const raw = (max - min) / Math.max(count, 1);
  if (!(raw > 0)) return [min];
  const magnitude = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * magnitude >= raw) * magnitude;
  const ticks = [];
  for (let k = Math.ceil(min / step); k * step <= max + step * 1e-9 && ticks.length < 50; k++)
    ticks.push(Number((k * step).toPrecision(12)));
  return ticks;
}

/**
 * Ticks of a scale that holds log₁₀ of the values: whole decades, the decades' 2 and 5 where there is room, plain steps within one decade.
 */
function logTicks(min, max, count) {
  const decades = max - min;
  if (decades < 1)
    return linearTicks(10 ** min, 10 ** max, count)
      .filter((value) => value > 0)
      .map(Math.log10);
  const step = Math.max(1, Math.ceil(decades / Math.max(count, 1)));
  const ticks = [];
  for (let k = Math.ceil(min / step) * step; k <= max; k += step) ticks.push(k);
  if (step > 1 || decades * 3 > count) return ticks;
  const between = [];
  for (let k = Math.floor(min); k <= max; k++)
    for (const factor of [1, 2, 5]) between.push(k + Math.log10(factor));
  return between.filter((tick) => tick >= min && tick <= max);
}

export const ticks = (min, max, count, log) => (log ? logTicks : linearTicks)(min, max, count);

/** Of a tick as it stands on its scale. */
export function tickLabel(tick, log) {
  if (!log) return show(tick, 6);
  if (Math.abs(tick - Math.round(tick)) < 1e-9) {
    const exponent = Math.round(tick);
    return exponent >= -3 && exponent <= 3
      ? String(Number((10 ** exponent).toPrecision(1)))
      : power(exponent);
  }
  return show(10 ** tick, 3);
}

/** What a picture may be drawn over: a short name, and what stands at the axis. */
export const CLOCKS = {
  t: { name: "time t", title: "time t" },
  tau: { name: "canonical time τ", title: "canonical time τ = 2ct" },
  k: { name: "steps", title: "steps (k of descent, accepted steps of the flow)" },
  evaluations: { name: "gradients", title: "gradients (evaluations of the flow, steps of descent)" },
};

const WORDS = {
  t: "time t",
  canonicalTime: "canonical time τ",
  loss: "loss L",
  dataLoss: "loss without weight decay",
  residualNorm: "residual ‖r‖",
  gradientNorm: "gradient ‖∇L‖",
  lambdaEff: "effective eigenvalue λ_eff",
  energyDefect: "energy defect, relative",
  stepSize: "step size h",
  gradientEvaluations: "gradient evaluations",
  acceptedSteps: "accepted steps",
  parameterDistance: "distance moved ‖θ − θ₀‖",
  sharpness: "sharpness λ_max(∇²L)",
  sharpnessTime: "time of the sharpness",
  logTime: "ln t",
  logLoss: "ln L",
  parameterGap: "gap in parameters ‖θ − θₖ‖",
  functionGap: "gap in outputs ‖F − Fₖ‖",
  lossGap: "gap in loss |L − Lₖ|",
  distance: "distance of other flows from descent ‖θ − θₖ‖",
  meanLoss: "mean loss around the central flow or the rod",
  meanSquaredGradient: "mean of ‖∇L‖² around the central flow or the rod",
  variance: "variance of descent around its central flow",
  gradientEquivalents: "work of other flows, in gradients",
  gap: "gap in parameters ‖θ(t) − θₖ‖",
  leadingGap: "leading gap ‖e‖",
  leadingGapError: "what the leading gap leaves out ‖θ − θₖ − e‖",
  boundSuprema: "bound on the leading gap, by suprema",
  boundPointwise: "bound on the leading gap, pointwise",
  boundForce: "bound on the leading gap, by ‖∇²L ∇L‖",
  lambdaMin: "λ_min of the tangent kernel",
  lambdaMax: "λ_max of the tangent kernel",
  trace: "trace of the tangent kernel",
  conditionNumber: "condition number of the tangent kernel",
  effectiveRank: "effective rank of the tangent kernel",
  drift: "drift of the tangent kernel, relative",
  margin: "margin of the bound, in ln ‖r‖²",
  bound: "bound on ‖r‖²",
  residualSquared: "residual squared ‖r‖²",
  held: "entries held at kinks",
};

/** A column in words: its own label where the record has one, known ones, the name in words otherwise. */
export function columnWords(name, labels = {}) {
  if (Object.hasOwn(labels, name)) return labels[name];
  if (Object.hasOwn(WORDS, name)) return WORDS[name];
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
