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

const names = fields.map(({ name }) => name) as [string, ...string[]];

const inWords = fields.map(({ name, text }) => `${name}: ${text}`).join(" ");

export const compareSchema = z
  .strictObject({
    flows: z
      .array(z.enum(names))
      .min(1)
      .describe(
        `Flows that describe descent, one of each for each learning rate, compared with it where gradient flow is. ${inWords}`,
      ),
    ...sections,
  })
  .describe(
    "Flows that claim to be closer to descent than gradient flow is, set beside it: flows.csv has their distances, `flows` in result.json the last ones.",
  );

/** The settings of a kind, its defaults where nothing is said. */
export function fieldSettings(compare: z.output<typeof compareSchema>, kind: FieldKind): unknown {
  const given = (compare as Readonly<Record<string, unknown>>)[kind.name];
  return given ?? z.strictObject(kind.fields).parse({});
}
