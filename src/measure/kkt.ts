/**
 * How near θ/‖θ‖ is to a stationary point of the margin: there θ is a combination Σ λ_i∇q_i, λ ≥ 0, of the samples of least margin alone (Lyu
 * and Li 2020). The loss says which λ: −∇L is such a combination, with weights that favour small margins.
 */
import { length } from "../linalg/norm.js";
import { marginsOf, whyNoMargins } from "./margins.js";
import { defineMeasure } from "./measure.js";

export const kkt = defineMeasure({
  name: "kkt",
  text: "Towards a stationary point of the margin: alignment cos(θ, −∇L) → 1 with its distance ‖θ/‖θ‖ + ∇L/‖∇L‖‖ → 0, and slackness Σ p_i(q_i/q − 1) → 0 over the margins q_i, q the least, p_i ∝ e^{−q_i}.",
  look: "The nearer the alignment is to 1 and both residuals are to 0, the nearer the direction of θ is to a stationary point of the margin.",
  refuse: ({ train }) => whyNoMargins(train),
  columns: () => [
    { name: "alignment", label: "cos(θ, −∇L)", axis: "alignment", scale: "linear" },
    { name: "kktStationarity", label: "‖θ/‖θ‖ + ∇L/‖∇L‖‖", axis: "KKT residual", scale: "log" },
    { name: "kktSlackness", label: "Σ p(q/q_min − 1)", axis: "KKT residual", scale: "log" },
  ],
  graphs: (family, _, on) => (on === "train" ? [family.predict(), family.lossGradient("free")] : []),
  follow({ train }) {
    return async (point) => {
      const { theta } = point;
      const gradient = await point.gradient();
      const [size, steepness] = [length(theta), length(gradient)];
      let distance = 0;
      theta.forEach((value, i) => {
        distance += (value / size + (gradient[i] as number) / steepness) ** 2;
      });
      const isKnown = size > 0 && steepness > 0;
      return {
        alignment: isKnown ? 1 - distance / 2 : null,
        kktStationarity: isKnown ? Math.sqrt(distance) : null,
        kktSlackness: slackness(marginsOf(train, await point.outputs(train))),
      };
    };
  },
});

/** Null where a sample is on the wrong side. */
function slackness(margins: Float64Array): number | null {
  const least = margins.reduce((p, q) => Math.min(p, q), Number.POSITIVE_INFINITY);
  if (!(least > 0)) return null;
  let [sum, weights] = [0, 0];
  for (const q of margins) {
    const weight = Math.exp(least - q);
    sum += weight * (q / least - 1);
    weights += weight;
  }
  return sum / weights;
}
