/** The part of the config about the largest learning rates of descent: what `gradflow stability` and the section of a study share. */
import { z } from "zod";

export const stabilitySchema = z
  .strictObject({
    steps: z.int().min(20).default(500).describe("Descent steps by which every rate is judged."),
    tolerance: z
      .number()
      .positive()
      .max(0.5)
      .default(1e-3)
      .describe("Relative distance between the rate that passes and the one that fails."),
    leastLoss: z
      .number()
      .exactOptional()
      .describe("L*, which the loss falls towards. Absent: 0 where the loss can reach that."),
  })
  .describe(
    "Search before the run for the largest learning rates at which descent from θ₀ falls at every step, and linearly, as gradflow stability does: `stability` in result.json, for sweeps. Descent is that of the section descent, whose learning rates are not used here.",
  );
