/** The law of a study's descents. */
import type { Config } from "../config/schema.js";
import { type DescentLaw, GRADIENT } from "../flow/index.js";

export function descentLaw({ kind = "gradient", momentum = 0.9 }: Config["descent"]): DescentLaw {
  return kind === "gradient" ? GRADIENT : { kind, momentum };
}
