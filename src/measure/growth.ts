/** How far the parameters go: beside the bound that every gradient flow obeys, and along themselves. */
import { distance, length } from "../linalg/norm.js";
import { dot } from "../linalg/vectors.js";
import { defineMeasure } from "./measure.js";

/** Roundings above which a difference of losses is known to a per cent. */
const CLEAR = 200;

export const growth = defineMeasure({
  name: "growth",
  text: "‖θ‖; relativeDistance, ‖θ − θ₀‖/‖θ₀‖, small where training is lazy; growthRatio, ‖θ − θ₀‖ over its bound √(t(L(0) − L(t))), which no gradient flow exceeds and a descent at t = kη may (blank while the loss has not fallen by more than its rounding); ⟨θ, ∇L⟩, negative where the flow moves θ outwards.",
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
  async follow({ train, theta0, lossRounding }) {
    const program = await train.compile(train.family.loss());
    const { loss } = await program.run({ theta: theta0 });
    const initial = (loss as Float64Array)[0] as number;
    const start = length(theta0);
    return async (point) => {
      const { t, theta } = point;
      const [drop, rounding] = [initial - point.loss, lossRounding(Math.max(initial, point.loss))];
      // The largest that the bound can be.
      const bound = drop > CLEAR * rounding ? Math.sqrt(t) * Math.sqrt(drop + 2 * rounding) : 0;
      return {
        parameterNorm: length(theta),
        relativeDistance: start > 0 ? distance(theta, theta0) / start : null,
        // At t = 0, and where the loss is not known to have fallen, there is no bound.
        growthRatio: bound > 0 ? distance(theta, theta0) / bound : null,
        dissipation: dot(theta, await point.gradient()),
      };
    };
  },
});
