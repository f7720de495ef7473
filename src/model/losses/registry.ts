/** All losses: a new one is a file and a line here. */
import { z } from "zod";
import { crossEntropy } from "./cross-entropy.js";
import type { LossModule } from "./define.js";
import { exponential } from "./exponential.js";
import { hinge } from "./hinge.js";
import { huber } from "./huber.js";
import { logistic } from "./logistic.js";
import { squared } from "./squared.js";

export const lossModules = [squared, crossEntropy, logistic, exponential, huber, hinge] as const;

/** A loss as a config says it; each kind has fields of its own. */
export interface LossSpec {
  readonly kind: string;
  readonly reduction: string;
  readonly regularisation?: Regularisation;
  readonly [field: string]: unknown;
}

/** λ/2‖θ‖² beside the loss of the data. */
export interface Regularisation {
  readonly weightDecay: number;
  /** Whether biases are among θ there. */
  readonly biases: boolean;
}

const WEIGHTS: Readonly<Record<string, string>> = {
  "half-mean-sample": "1/(2n)",
  "half-sum": "1/2",
  sum: "1",
  mean: "1/n",
};

const regularisation = z
  .strictObject({
    weightDecay: z
      .number()
      .nonnegative()
      .describe(
        "λ: λ/2‖θ‖² is added to the loss, and λθ to its gradient, of flow and descents. `loss` in results is then that sum; `dataLoss` is what it is without.",
      ),
    biases: z.boolean().default(true).describe("Whether biases count in ‖θ‖² too."),
  })
  .exactOptional()
  .describe("A penalty beside the loss of the data. Absent: none.");

/** The words of a reduction are the losses' own. */
function reductionOf({ reductions, isSquared }: LossModule) {
  const names = Object.keys(reductions) as [string, ...string[]];
  const text = isSquared
    ? "c = 1/(2n), 1/2, 1 or 1/(nM). It sets the unit of time and of every learning rate."
    : `L is the ${names.map((name) => `${name} (${WEIGHTS[name]}·Σℓ)`).join(" or the ")} over the samples, whose outputs are summed. It sets the unit of time and of every learning rate.`;
  return z.enum(names).default(names[0]).describe(text);
}

const options = lossModules.map((module) => {
  const { kind, text, fields } = module;
  const name = z.literal(kind);
  return z.strictObject({
    kind: kind === squared.kind ? name.default(kind).optional().describe(text) : name.describe(text),
    reduction: reductionOf(module),
    ...fields,
    regularisation,
  });
});

export const lossSchema = z
  .discriminatedUnion("kind", options as unknown as [z.ZodObject, z.ZodObject, ...z.ZodObject[]])
  .describe("The loss.") as unknown as z.ZodType<LossSpec>;

/** @throws Error for a kind that is none */
export function lossModule(kind: string): LossModule {
  const found = lossModules.find((module) => module.kind === kind);
  if (found === undefined) throw new Error(`loss: there is no kind ${kind}.`);
  return found;
}
