/** The local Polyak–Łojasiewicz ratio ‖∇L‖²/(L − L*), whose infimum along a curve is the rate at which it promises the loss to fall. */
import { z } from "zod";
import { length } from "../linalg/norm.js";
import { defineMeasure } from "./measure.js";

/** Roundings above which L − L* is known to a per cent. */
const CLEAR = 100;

export const polyakLojasiewicz = defineMeasure({
  name: "polyakLojasiewicz",
  text: "The ratio μ = ‖∇L‖²/(L − L*), and the least so far: along the flow L − L* falls at the rate μ, and by at least exp(−t·least). Blank where L is below leastLoss, or L − L* not much more than its rounding. For the squared loss with L* = 0 it is 4cλ_eff.",
  look: "Where μ stays level the loss decays exponentially at that rate; where μ falls like 1/t the loss falls like a power of t.",
  fields: {
    leastLoss: z
      .number()
      .exactOptional()
      .describe(
        "L*, what the loss is at least. Absent: 0, of uncertain classes the entropy of the targets, where there is no weight decay.",
      ),
  },
  async refuse({ train, theta0, leastLoss }, settings) {
    if (settings.leastLoss === undefined)
      return leastLoss === null
        ? "needs to know what this loss is at least; set measure.polyakLojasiewicz.leastLoss."
        : null;
    const { loss } = await (await train.compile(train.family.loss())).run({ theta: theta0 });
    const initial = loss![0] as number;
    return settings.leastLoss > initial
      ? `leastLoss is what the loss is at least, and at the start it is ${initial}, below ${settings.leastLoss}; lower it.`
      : null;
  },
  columns: () => [
    { name: "polyakLojasiewicz", label: "μ", axis: "‖∇L‖²/(L − L*)", scale: "log" },
    { name: "leastPolyakLojasiewicz", label: "least μ so far", axis: "‖∇L‖²/(L − L*)", scale: "log" },
  ],
  graphs: (family, _, on) => (on === "train" ? [family.lossGradient("free")] : []),
  follow({ leastLoss, lossRounding, memory }, settings) {
    const bottom = settings.leastLoss ?? (leastLoss as number);
    const state = memory.keep("least", { value: Number.POSITIVE_INFINITY });
    return async (point) => {
      const above = point.loss - bottom;
      if (!(above > CLEAR * lossRounding(point.loss)))
        return { polyakLojasiewicz: null, leastPolyakLojasiewicz: null };
      // The quotient first: squares of small gradients vanish before the ratio does.
      const part = length(await point.gradient()) / Math.sqrt(above);
      const ratio = part * part;
      state.value = Math.min(state.value, ratio);
      return { polyakLojasiewicz: ratio, leastPolyakLojasiewicz: state.value };
    };
  },
});
