/** A step between two nodes with the mean velocity of the one before: the quadratic through the three, and ∫‖θ'‖² of it. */
import { dot, squaredNorm } from "../../linalg/vectors.js";
import { combine } from "./combine.js";

export interface Dense {
  /** θ(t) for t in the step. */
  interpolate(t: number, out: Float64Array): void;
  /** ∫‖θ'‖² from the start of the step to t. */
  energy(t: number): number;
}

/**
 * @param velocity mean over the step of size h that begins with `theta` at t0
 * @param before that over a step of size `sizeBefore` that ended there, or θ' itself and 0; null makes the step straight
 */
export function denseStep(
  theta: Float64Array,
  velocity: Float64Array,
  before: Float64Array | null,
  t0: number,
  h: number,
  sizeBefore: number,
): Dense {
  const bend =
    before === null ? null : combine(1 / (h + sizeBefore), velocity, -1 / (h + sizeBefore), before);
  return {
    interpolate(t, out) {
      const s = t - t0;
      for (let i = 0; i < out.length; i++)
        out[i] = theta[i]! + s * (velocity[i]! + (bend === null ? 0 : (s - h) * bend[i]!));
    },
    energy(t) {
      const s = t - t0;
      const straight = s * squaredNorm(velocity);
      if (bend === null) return straight;
      const bent = ((2 * s - h) ** 3 + h ** 3) / 6;
      return straight + 2 * s * (s - h) * dot(velocity, bend) + bent * squaredNorm(bend);
    },
  };
}
