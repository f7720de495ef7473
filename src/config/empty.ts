/** Keys without a value: they count as left out where the schema knows them. Unknown ones stay, to be refused. */
import type { z } from "zod";
import { show } from "./messages.js";
import { fieldsOf, isRecord, unwrap } from "./walk.js";

/** A known key without a value, and what stands for it. */
export interface EmptyKey {
  readonly path: readonly PropertyKey[];
  /** Null where the field is required. */
  readonly consequence: string | null;
}

/** `input` without the nulls of known keys, which go to `found`. */
export function dropEmptyKeys(
  input: unknown,
  schema: z.core.$ZodType,
  found: EmptyKey[],
  path: readonly PropertyKey[] = [],
): unknown {
  const { def } = unwrap(schema);
  if (Array.isArray(input)) {
    const element = def.type === "array" ? def.element : null;
    return element === null
      ? input
      : input.map((entry, i) => dropEmptyKeys(entry, element, found, [...path, i]));
  }
  if (!isRecord(input)) return input;
  const fields = fieldsOf(schema, input);
  const kept = Object.entries(input).flatMap(([key, value]) => {
    const field = fields !== null && Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (field === undefined) return [[key, value] as const];
    const here = [...path, key];
    if (value !== null) return [[key, dropEmptyKeys(value, field, found, here)] as const];
    found.push({ path: here, consequence: consequenceOf(field) });
    return [];
  });
  // fromEntries defines a key `__proto__` as a key, to be refused as unknown.
  return Object.fromEntries(kept);
}

function consequenceOf(field: z.core.$ZodType): string | null {
  const { optional, fallback } = unwrap(field);
  if (!optional) return null;
  if (fallback === undefined) return "it counts as left out";
  return isRecord(fallback) ? "its defaults are taken" : `its default ${show(fallback)} is taken`;
}
