/** How far the parameters go: beside the bound that every gradient flow obeys, and along themselves. */
import { distance, length } from "../linalg/norm.js";
import { dot } from "../linalg/vectors.js";
import { defineMeasure } from "./measure.js";

export const growth = defineMeasure({
  name: "growth",
  text: "‖θ‖; relativeDistance, ‖θ − θ₀‖/‖θ₀‖, small where training is lazy; growthRatio, ‖θ − θ₀‖ over its bound √(t(L(0) − L(t))), which no gradient flow exceeds and a descent at t = kη may; ⟨θ, ∇L⟩, negative where the flow moves θ outwards.",
  look: "A distance that stays small beside ‖θ₀‖ is lazy training. No gradient flow has a growth ratio above 1; where ⟨θ, ∇L⟩ is negative θ moves outwards.",
  columns: () => [
    { name: "parameterNorm", label: "‖θ‖", axis: "‖θ‖", scale: "log" },
    {
      name: "relativeDistance",
      label: "‖θ − θ₀‖/‖θ₀‖",
      axis: "‖θ − θ₀‖/‖θ₀‖",
      scale: "log",
    },
    {
      name: "growthRatio",
      label: "‖θ − θ₀‖ over its bound",
      axis: "‖θ − θ₀‖/√(t(L(0) − L))",
      scale: "linear",
    },
    { name: "dissipation", label: "⟨θ, ∇L⟩", axis: "⟨θ, ∇L⟩", scale: "linear" },
  ],
  graphs: (family, _, on) => (on === "train" ? [family.loss(), family.lossGradient("free")] : []),
  async follow({ train, theta0 }) {
    const program = await train.compile(train.family.loss());
    const { loss } = await program.run({ theta: theta0 });
    const initial = (loss as Float64Array)[0] as number;
    const start = length(theta0);
    return async (point) => {
      const { t, theta } = point;
      const bound = Math.sqrt(t) * Math.sqrt(initial - point.loss);
      return {
        parameterNorm: length(theta),
        relativeDistance: start > 0 ? distance(theta, theta0) / start : null,
        // At t = 0, and where the loss has not fallen, there is no bound.
        growthRatio: bound > 0 ? distance(theta, theta0) / bound : null,
        dissipation: dot(theta, await point.gradient()),
      };
    };
  },
});
