/** A loss on its data: what it weighs, what is known of it, and its graphs. */
import type { GraphBuilder, Node } from "../../graph/index.js";
import type { Layout } from "../parameters.js";
import { logSumExp } from "../softplus.js";
import type { LossData, LossModule, LossSite, TargetKind } from "./define.js";
import { type LossSpec, lossModule, type Regularisation } from "./registry.js";

export interface Loss {
  readonly kind: string;
  readonly targets: TargetKind;
  /** w of L = w Σ ℓ, weight decay left out. */
  readonly weight: number;
  /** c where L = c‖F − y‖² and nothing else; null otherwise. */
  readonly factor: number | null;
  /** Why `factor` is null: what rests on the squared loss is then not defined. Null where it is a number. */
  readonly notSquared: string | null;
  readonly site: LossSite | null;
  /** Whether ∇²L of the outputs jumps somewhere without a kink. */
  readonly isPiecewise: boolean;
  /** Whether training may bring L to any size above zero: exponential tails without weight decay or doubt in the labels. */
  readonly vanishes: boolean;
  /** Why there is no ln L; null where there is. */
  readonly notLogarithmic: string | null;
  /** Null without weight decay. */
  readonly regularisation: Regularisation | null;
  /** What L is at least for these targets [n, M]; null where nobody knows, as with weight decay. */
  least(targets: Float64Array): number | null;
  /** By how much rounding by `part` of the outputs may move a loss of this size; see define.ts. */
  rounding(loss: number, part: number, targets: number): number;
  /** L of the data [], from F and y [n, M] and, where the loss has a site, σ there. */
  data(b: GraphBuilder, output: Node, targets: Node, activated: Node | null): Node;
  /** ln L: by log-sum-exp where nothing keeps L from zero, however small; only where `notLogarithmic` is null. */
  logarithm(b: GraphBuilder, output: Node, targets: Node, penalty: Node | null): Node;
  /** The same loss of so many of `of` samples, weighted so that its mean over all choices of them is this one. */
  forBatch(size: number, of: number): Loss;
  /** λ/2‖θ‖² []; null without weight decay. */
  penalty(b: GraphBuilder, theta: Node, layout: Layout): Node | null;
}

/** @param data n, M, and for classes whether the targets are certain (default) */
export function createLoss(
  { regularisation, reduction, ...fields }: LossSpec,
  data: Pick<LossData, "samples" | "outputs"> & Partial<LossData>,
): Loss {
  const module = lossModule(fields.kind);
  const weightOf = module.reductions[reduction];
  if (weightOf === undefined) throw new Error(`loss: ${fields.kind} has no reduction ${reduction}.`);
  const isOneHot = data.isOneHot !== false && module.softens?.(fields as never) !== true;
  const known: LossData = { ...data, isOneHot };
  const decays = regularisation !== undefined && regularisation.weightDecay > 0;
  return build(module, weightOf(known), known, fields as never, decays ? regularisation : null);
}

/** Why a loss is not c‖F − y‖², known before its data; null where it is. */
export function whyNotSquared({ kind, regularisation }: LossSpec): string | null {
  return whyNot(lossModule(kind), (regularisation?.weightDecay ?? 0) > 0);
}

const whyNot = ({ kind, isSquared }: LossModule, decays: boolean): string | null => {
  if (isSquared !== true) return `they belong to the squared loss, and this is ${kind}`;
  return decays ? "they belong to the squared loss alone, and weight decay adds λ/2‖θ‖² to it" : null;
};

/** L = c‖F − y‖² with any c. */
export function squaredLoss(factor: number): Loss {
  return build(lossModule("squared"), factor, { samples: 1, outputs: 1, isOneHot: false }, {} as never, null);
}

function build(
  module: LossModule,
  weight: number,
  known: LossData,
  fields: never,
  regularisation: Regularisation | null,
): Loss {
  const { kind } = module;
  const notSquared = whyNot(module, regularisation !== null);
  const at = (output: Node, targets: Node) => ({ ...known, output, targets });
  return {
    kind,
    weight,
    targets: module.targets,
    factor: notSquared === null ? weight : null,
    notSquared,
    site: module.site ?? null,
    isPiecewise: module.isPiecewise === true,
    vanishes: vanishes(),
    notLogarithmic: module.logTerms === undefined ? `${kind} has no exponential tail` : null,
    regularisation,
    least: (targets) =>
      regularisation === null ? weight * (module.least?.(targets, known, fields) ?? 0) : null,
    rounding: (loss, part, targets) =>
      module.rounding(loss, part, weight, known, fields, targets) +
      (regularisation === null ? 0 : part * loss),
    data: (b, output, targets, activated) =>
      b.scale(b.total(module.terms(b, at(output, targets), fields, activated)), weight),
    logarithm(b, output, targets, penalty) {
      if (module.logTerms === undefined) throw new Error(`loss: ${kind} has no logarithm.`);
      const terms = penalty === null ? module.logTerms(b, at(output, targets), fields) : null;
      if (terms === null) {
        const data = b.scale(b.total(module.terms(b, at(output, targets), fields, null)), weight);
        return b.log(penalty === null ? data : b.add(data, penalty));
      }
      const all = terms.shape.map((_, axis) => axis);
      return b.add(b.reshape(logSumExp(b, terms, all), []), b.constant(Math.log(weight)));
    },
    forBatch: (size, of) =>
      build(module, (weight * of) / size, { ...known, samples: size }, fields, regularisation),
    penalty(b, theta, layout) {
      if (regularisation === null) return null;
      const { weightDecay, biases } = regularisation;
      const decayed = biases ? theta : b.mul(theta, b.constant(maskOf(layout), [layout.size]));
      return b.scale(b.total(b.mul(decayed, theta)), weightDecay / 2);
    },
  };

  function vanishes(): boolean {
    if (module.logTerms === undefined || regularisation !== null) return false;
    return module.targets !== "classes" || known.isOneHot;
  }
}

/** 1 for every number of θ that is not part of a bias. */
function maskOf({ parameters, size }: Layout): Float64Array {
  const mask = new Float64Array(size).fill(1);
  for (const { law, offset, size: own } of parameters)
    if (law.kind === "bias") mask.fill(0, offset, offset + own);
  return mask;
}
