/**
 * What stands between θ and the weights. `standard`: nothing. `ntk`: weights are gain/√fanIn·θ and biases β·θ, so that parameters of variance 1
 * make activations of order 1 and move by O(1/√width) (Jacot et al. 2018, section 3). `mean-field`: the same, but the last weights are
 * gain/fanIn·θ (Mei et al. 2018; Chizat and Bach 2018): features move by O(1), in a time that is longer by the width.
 */
import type { Layout, Parameter } from "./parameters.js";

export const PARAMETRISATIONS = ["standard", "ntk", "mean-field"] as const;

export interface Parametrisation {
  readonly kind: (typeof PARAMETRISATIONS)[number];
  /** Default 1; √2 keeps the size of activations behind ReLU. */
  readonly gain?: number;
  /** β, default 1. */
  readonly biasFactor?: number;
}

/** The factor on a parameter. */
export type ParameterScale = (parameter: Parameter) => number;

/** @param layout null while it is not known yet: the last weights then count as any */
export function parameterScale(
  { kind, gain = 1, biasFactor = 1 }: Parametrisation,
  layout: Layout | null,
): ParameterScale {
  if (kind === "standard") return () => 1;
  const last = layout?.parameters.findLast(({ law }) => law.kind === "weight")?.name;
  return ({ name, law }) => {
    switch (law.kind) {
      case "weight":
        return gain / (kind === "mean-field" && name === last ? law.fanIn : Math.sqrt(law.fanIn));
      case "bias":
        return biasFactor;
      default:
        return 1;
    }
  };
}
