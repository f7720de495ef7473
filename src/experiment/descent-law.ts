/** The law of a study's descents. */
import type { Config } from "../config/schema.js";
import { type DescentLaw, GRADIENT } from "../flow/index.js";

export function descentLaw({ descent, seed }: Pick<Config, "descent" | "seed">): DescentLaw {
  const { kind = "gradient", momentum = 0.9, batch: size, sampling = "epochs" } = descent;
  const law = kind === "gradient" ? GRADIENT : { kind, momentum };
  return size === undefined ? law : { ...law, batch: { size, sampling, seed: descent.seed ?? seed } };
}
