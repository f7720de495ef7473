/**
 * What a loss module is: its fields as a config has them, its graph over outputs and targets, and what is true of it. Theory asks a loss
 * for its capabilities and never for its name.
 */
import type { z } from "zod";
import type { GraphBuilder, Node } from "../../graph/index.js";
import type { ActivationSpec } from "../activation.js";

/** real: any numbers; signs: ±1; classes: one row per sample that sums to 1, all its weight on one class where labels are certain. */
export type TargetKind = "real" | "signs" | "classes";

/** What of the data a loss may depend on. */
export interface LossData {
  /** n */
  readonly samples: number;
  /** M */
  readonly outputs: number;
  /** Whether every row of the targets has one 1 and zeros; only asked where targets are classes. */
  readonly isOneHot: boolean;
}

/** The nodes a loss is built of. */
export interface LossInputs extends LossData {
  /** F [n, M] */
  readonly output: Node;
  /** [n, M] */
  readonly targets: Node;
}

/** A kink of a loss: σ(z), z [n, M], stands at a site like those of activations. */
export interface LossSite {
  readonly activation: ActivationSpec;
  z(b: GraphBuilder, output: Node, targets: Node): Node;
}

export interface LossModule<Fields = never> {
  readonly kind: string;
  /** One sentence for the config reference. */
  readonly text: string;
  readonly fields: z.ZodRawShape;
  readonly targets: TargetKind;
  /** Factors w of L = w Σ ℓ by the name of the reduction, the default first. */
  readonly reductions: Readonly<Record<string, (data: LossData) => number>>;
  /** Where it has kinks; absent for differentiable losses. */
  readonly site?: LossSite;
  /** ℓ, of any shape: its entries are summed. `activated` is σ at the site. */
  terms(b: GraphBuilder, inputs: LossInputs, fields: Fields, activated: Node | null): Node;
  /** Whether Σ ℓ is ‖F − y‖². */
  readonly isSquared?: true;
  /** Whether its pieces meet with a jump of ∇²ℓ. */
  readonly isPiecewise?: true;
  /** Whether these fields make certain labels uncertain; absent: they never do. */
  softens?(fields: Fields): boolean;
  /** What Σ ℓ is at least for these targets [n, M]; absent: 0. */
  least?(targets: Float64Array, data: LossData, fields: Fields): number;
  /** ln ℓ where ℓ has an exponential tail, finite however small ℓ is; null where these data leave it none. */
  logTerms?(b: GraphBuilder, inputs: LossInputs, fields: Fields): Node | null;
  /**
   * By how much an error of this part of the outputs' sizes moves L.
   * @param targets ‖y‖, and with it what a centred family takes off
   */
  rounding(
    loss: number,
    part: number,
    weight: number,
    data: LossData,
    fields: Fields,
    targets: number,
  ): number;
}

/** A loss module, its fields typed by their schema. */
export function defineLoss<const F extends z.ZodRawShape>(
  module: Omit<LossModule<z.output<z.ZodObject<F>>>, "fields"> & { readonly fields: F },
): LossModule {
  return module as unknown as LossModule;
}

/** Of losses that are not squared: over samples, whose outputs are summed. */
export const plainReductions = { mean: ({ samples }: LossData) => 1 / samples, sum: () => 1 } as const;

/**
 * By how much rounding moves Σ φ(v) for tails φ: φ moves by part·|v|φ at most, and where L is small |v| is about |ln L|.
 */
export function tailRounding(
  loss: number,
  part: number,
  weight: number,
  { samples, outputs }: LossData,
): number {
  const scale = weight * samples * outputs;
  return loss > 0 ? part * loss * (2 + Math.abs(Math.log(loss / scale))) : 0;
}
