/**
 * Directions in θ that measure a norm: for ξ normal and weights w, Σ_i a_i w_i ξ_i has the standard deviation (Σ_i (a_i w_i)²)^½, so that
 * one product with the Jacobian tells it for every row a. The same in every run.
 */
import { createRandom } from "../../random.js";

export function createProbes(name: string, count: number, length: number): readonly Float64Array[] {
  const random = createRandom(0);
  return Array.from({ length: count }, (_, k) => {
    const stream = random.split(`${name} ${k}`);
    return Float64Array.from({ length }, () => stream.normal());
  });
}
