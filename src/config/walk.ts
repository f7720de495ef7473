/** Reading zod schemas as data: which fields stand where. Serves the error messages and the reference. */
import type { z } from "zod";

type Schema = z.core.$ZodType;
type Definition = z.core.$ZodTypes["_zod"]["def"];

/** A field without its wrappers. */
export interface Field {
  readonly schema: Schema;
  readonly def: Definition;
  readonly description: string;
  /** Whether the field may be left out. */
  readonly optional: boolean;
  /** What stands there when it is left out; undefined for none. */
  readonly fallback: unknown;
}

/** Takes off optional, default and prefault. */
export function unwrap(wrapped: Schema): Field {
  let schema = wrapped;
  let description = "";
  let optional = false;
  let fallback: unknown;
  for (;;) {
    const def = (schema as z.core.$ZodTypes)._zod.def;
    description ||= (schema as z.ZodType).description ?? "";
    if (def.type === "lazy") {
      schema = def.getter();
      continue;
    }
    if (def.type === "default" || def.type === "prefault") fallback ??= def.defaultValue;
    else if (def.type !== "optional") return { schema, def, description, optional, fallback };
    optional = true;
    schema = def.innerType;
  }
}

/** The alternatives of a discriminated union, each with the values of its discriminator; null for other schemas. */
export function alternatives(
  def: Definition,
): { discriminator: string; options: { values: string[]; byDefault: boolean; shape: Shape }[] } | null {
  if (def.type !== "union" || !("discriminator" in def)) return null;
  const discriminator = String(def.discriminator);
  const options = def.options.map((option) => {
    const shape = shapeOf(unwrap(option).def) ?? {};
    const field = unwrap(shape[discriminator]!);
    return { values: literals(field.def), byDefault: field.optional, shape };
  });
  return { discriminator, options };
}

/** The fields of an object, by name. */
export type Shape = Readonly<Record<string, Schema>>;

/** The fields of an object schema; null for other schemas. */
export function shapeOf(def: Definition): Shape | null {
  return def.type === "object" ? def.shape : null;
}

/** The values a literal or enumeration admits. */
export function literals(def: Definition): string[] {
  if (def.type === "literal") return def.values.map(String);
  return def.type === "enum" ? Object.values(def.entries).map(String) : [];
}

/** The fields that may stand in the section `schema`, given the value that stands there (it holds the discriminator). */
export function fieldsOf(schema: Schema, value: unknown): Shape | null {
  const { def } = unwrap(schema);
  const union = alternatives(def);
  if (union === null) return shapeOf(def);
  // A discriminator without a value counts as left out.
  const chosen = (isRecord(value) ? value[union.discriminator] : undefined) ?? null;
  const option = union.options.find(({ values, byDefault }) =>
    chosen === null ? byDefault : values.includes(String(chosen)),
  );
  return option?.shape ?? null;
}

/** The schema and the value at a path below a root, or null where the schema has nothing there. */
export function descend(
  root: Schema,
  value: unknown,
  path: readonly PropertyKey[],
): { schema: Schema; value: unknown } | null {
  let schema = root;
  let here = value;
  for (const key of path) {
    const { def } = unwrap(schema);
    const next =
      def.type === "array"
        ? def.element
        : typeof key === "number"
          ? elementOf(def)
          : ownField(fieldsOf(schema, here), key);
    if (next === undefined) return null;
    schema = next;
    here = valueAt(here, [key]);
  }
  return { schema, value: here };
}

/** What the entries are where a list is one way of writing the value. */
function elementOf(def: Definition): Schema | undefined {
  if (def.type !== "union") return undefined;
  const list = def.options.map((option) => unwrap(option).def).find((option) => option.type === "array");
  return list?.type === "array" ? list.element : undefined;
}

function ownField(shape: Shape | null, key: PropertyKey): Schema | undefined {
  return shape !== null && Object.hasOwn(shape, key) ? shape[String(key)] : undefined;
}

/** The value at a path, own keys only; undefined where there is none. */
export function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let here = value;
  for (const key of path) {
    if (here === null || typeof here !== "object" || !Object.hasOwn(here, key)) return undefined;
    here = (here as Record<PropertyKey, unknown>)[key];
  }
  return here;
}

/** Whether a value is a mapping (not a list, not null). */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
