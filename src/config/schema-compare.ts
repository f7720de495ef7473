/** The part of the config about flows that are set beside descent. */
import { z } from "zod";
import { type FieldKind, fields } from "../flow/fields/registry.js";

/** Sections of kinds that have something to set; each says its own type. */
const sections = Object.fromEntries(
  fields
    .filter((kind) => Object.keys(kind.fields).length > 0)
    .map((kind) => [
      kind.name,
      z.strictObject(kind.fields).exactOptional().describe(`Settings of ${kind.label}. ${kind.text}`),
    ]),
);

/** Of compare.average, where it is not said. */
export const AVERAGE_WINDOW = 40;

const names = fields.map(({ name }) => name) as [string, ...string[]];

const inWords = fields.map(({ name, text }) => `${name}: ${text}`).join(" ");

export const compareSchema = z
  .strictObject({
    flows: z
      .array(z.enum(names))
      .default([])
      .describe(
        `Flows that describe descent, one of each for each learning rate, compared with it where gradient flow is. ${inWords}`,
      ),
    leadingGap: z
      .boolean()
      .default(false)
      .describe(
        "Integrate the leading gap e' = −∇²L·e + (η/2)∇²L·∇L along the flow, which θ(t) − θ_k is to first order in η: gaps.csv has it beside the gap. At crossings of kinks it jumps as descent's do, with flow.boundaries: exact; along the slide of one entry it is the gap to the mean of descent's chatter, and it ends where more is at a kink at once.",
      ),
    bound: z
      .boolean()
      .default(false)
      .describe(
        "The leading gap with three a-posteriori bounds of it by λ_min(∇²L) along the flow: with suprema of ‖∇²L‖ and ‖∇L‖ (Elkabetz and Cohen 2021), with their values, with ‖∇²L·∇L‖. A Lanczos search for λ_min at each step of the flow.",
      ),
    average: z
      .int()
      .min(2)
      .multipleOf(2)
      .exactOptional()
      .describe(
        "Steps of descent, an even number, over which its running averages are taken: of θ, from which flows.csv has each flow's distance, of loss and ‖∇L‖², and its variance along each direction that a flow predicts one for. A second descent makes the same steps ahead of the first. Absent: 40 where a flow of the list describes descent's mean (central, rod), none otherwise.",
      ),
    ...sections,
  })
  .describe(
    "Flows that claim to be closer to descent than gradient flow is, set beside it: flows.csv has their distances, `flows` in result.json the last ones.",
  );

/** Steps that descent is averaged over; null where no flow asks for its mean. */
export function averageWindow(compare: z.output<typeof compareSchema> | undefined): number | null {
  if (compare === undefined) return null;
  const described = fields.some(({ name, describesMean }) => describesMean && compare.flows.includes(name));
  return compare.average ?? (described ? AVERAGE_WINDOW : null);
}

/** The settings of a kind, its defaults where nothing is said. */
export function fieldSettings(compare: z.output<typeof compareSchema>, kind: FieldKind): unknown {
  const given = (compare as Readonly<Record<string, unknown>>)[kind.name];
  return given ?? z.strictObject(kind.fields).parse({});
}
