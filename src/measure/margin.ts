/**
 * The margin of a classifier and, of homogeneous networks, the normalised and the smoothed margin, which never decreases along a gradient
 * flow once the loss is small (Lyu and Li 2020): a check of the flow like that of its energy.
 */
import { length } from "../linalg/norm.js";
import { degreeOf, marginsOf, whyNoMargins } from "./margins.js";
import { type Column, defineMeasure, type Subject } from "./measure.js";

export const margin = defineMeasure({
  name: "margin",
  text: "The least margin q of the training samples: y·f, of classes the true one's output less the largest other. Of networks with F(sθ) = s^Λ F(θ) also q/‖θ‖^Λ and, for exponential, logistic and cross-entropy, the smoothed margin with the largest part by which it ever fell beyond rounding, which along the flow is an error.",
  look: "Where q is above 0 every training sample is classified rightly. q/‖θ‖^Λ takes the size of θ out: it rises by the direction alone.",
  refuse: ({ train }) => whyNoMargins(train),
  async columns(subject) {
    const least: Column = { name: "margin", label: "least margin q", axis: "margin", scale: "linear" };
    if ((await degreeOf(subject)) === null) return [least];
    const normalised = { axis: "margin over ‖θ‖^Λ", scale: "linear" } as const;
    return [
      least,
      { name: "normalisedMargin", label: "q/‖θ‖^Λ", ...normalised },
      ...(smoothedOf(subject) === null
        ? []
        : [
            { name: "smoothedMargin", label: "smoothed margin", ...normalised },
            {
              name: "smoothedMarginFall",
              label: "largest fall of the smoothed margin",
              axis: "relative fall",
              scale: "log",
            } as const,
          ]),
    ];
  },
  graphs: (family, _, on) => (on === "train" ? [family.predict()] : []),
  async follow(subject) {
    const { train, memory } = subject;
    const degree = await degreeOf(subject);
    const smoothed = smoothedOf(subject);
    const seen = memory.keep("smoothed margin", { largest: 0, fall: 0 });
    return async (point) => {
      const margins = marginsOf(train, await point.outputs(train));
      const least = margins.reduce((p, q) => Math.min(p, q), Number.POSITIVE_INFINITY);
      if (degree === null) return { margin: least };
      const size = length(point.theta) ** degree;
      const normalised = size > 0 ? least / size : null;
      if (smoothed === null) return { margin: least, normalisedMargin: normalised };
      const found = size > 0 ? smoothed(point.loss) : null;
      if (found !== null) {
        const { value, error } = found;
        // What it is at most now, beside the largest that it was at least.
        if (seen.largest > 0) seen.fall = Math.max(seen.fall, 1 - (value + error) / size / seen.largest);
        seen.largest = Math.max(seen.largest, (value - error) / size);
      }
      return {
        margin: least,
        normalisedMargin: normalised,
        smoothedMargin: found === null ? null : found.value / size,
        smoothedMarginFall: found === null ? null : seen.fall,
      };
    };
  },
});

/**
 * The smoothed margin times ‖θ‖^Λ from the loss: ln(1/ΣL) of exponentials, −ln(e^{ΣL} − 1) of logistic and cross-entropy, which is the soft
 * margin of the sum, and what rounding of the loss makes of it; null while it is not positive, where nothing is known of it. Null for losses that
 * have none.
 */
function smoothedOf({
  train,
  lossRounding,
}: Subject): ((loss: number) => { value: number; error: number } | null) | null {
  const { kind, weight, vanishes } = train.family.criterion;
  if (!vanishes) return null;
  return (loss) => {
    const sum = loss / weight;
    const isExponential = kind === "exponential";
    const value = isExponential ? -Math.log(sum) : -Math.log(Math.expm1(sum));
    const slope = isExponential ? 1 / sum : -1 / Math.expm1(-sum);
    const error = (slope * lossRounding(loss)) / weight;
    return value > 0 && Number.isFinite(value) ? { value, error } : null;
  };
}
