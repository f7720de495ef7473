/** Huber's loss: squared near the target, linear beyond; as torch.nn.HuberLoss, summed over the outputs of a sample. */
import { z } from "zod";
import { defineLoss, plainReductions } from "./define.js";

export const huber = defineLoss({
  kind: "huber",
  text: "ℓ = r²/2 where |r| ≤ delta, delta·(|r| − delta/2) beyond, of every entry of r = F − y.",
  fields: { delta: z.number().positive().default(1).describe("Residual from which on it grows linearly.") },
  targets: "real",
  isPiecewise: true,
  reductions: plainReductions,
  terms(b, { output, targets }, { delta }) {
    const residual = b.sub(output, targets);
    const piece = b.pieceOf(residual, [-delta, delta]);
    // r·(r/2) within, r·(±delta) − delta²/2 beyond.
    const half = b.mul(residual, b.lookup(piece, [0, 0.5, 0]));
    const slope = b.add(half, b.lookup(piece, [-delta, 0, delta]));
    return b.sub(b.mul(residual, slope), b.lookup(piece, [delta ** 2 / 2, 0, delta ** 2 / 2]));
  },
  rounding(loss, part, weight, _data, { delta }, targets) {
    const residual = Math.sqrt((2 * loss) / weight) + loss / (weight * delta);
    const error = part * (targets + residual);
    return weight * error * (Math.min(residual, delta) + error);
  },
});
