/** From zod's issues to sentences with constraint, value and remedy. Knows no files and no lines. */
import { closest, distance } from "fastest-levenshtein";
import type { z } from "zod";
import { alternatives, descend, fieldsOf, literals, shapeOf, unwrap, valueAt } from "./walk.js";

/** A fault at a place in the config. */
export interface Finding {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** The fault at a dotted path. */
export function at(path: string, message: string): Finding {
  return { path: path.split("."), message };
}

/** The findings of one zod issue on `input` under the schema `root`. */
export function describeIssue(issue: z.core.$ZodIssue, root: z.core.$ZodType, input: unknown): Finding[] {
  const glued = describeGlued(issue, root, input);
  if (glued !== null) return [{ path: issue.path, message: glued }];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      message: describeUnknownKey(key, root, input, issue.path),
    }));
  }
  const isMissing = valueAt(input, issue.path) === undefined;
  if (issue.code === "invalid_union" && issue.errors.length > 0 && !isMissing) {
    // Of the ways to write the value, the one that fits farthest is what was meant.
    const depth = (issues: readonly z.core.$ZodIssue[]): number =>
      Math.max(...issues.map(({ path }) => path.length));
    const meant = issue.errors.reduce((p, q) => (depth(q) > depth(p) ? q : p));
    if (depth(meant) > 0)
      return meant.flatMap((inner) =>
        describeIssue({ ...inner, path: [...issue.path, ...inner.path] }, root, input),
      );
    const field = descend(root, input, issue.path);
    const def = field === null ? null : unwrap(field.schema).def;
    const options = def?.type === "union" ? def.options : [];
    const ways = issue.errors.flatMap((way, k) => {
      const noun = options[k] === undefined ? null : nounOfSchema(options[k]);
      return noun === null ? way.flatMap((inner) => describeWay(inner)) : [noun];
    });
    const got = `got ${show(valueAt(input, issue.path))}.`;
    return [{ path: issue.path, message: `must be ${[...new Set(ways)].join(" or ")}, ${got}` }];
  }
  return [{ path: issue.path, message: describeValue(issue, root, input) }];
}

/** One way of writing a value, from why it does not fit. */
function describeWay(issue: z.core.$ZodIssue): string[] {
  if (issue.code === "invalid_type") return [NOUNS[issue.expected] ?? issue.expected];
  if (issue.code === "invalid_value") return [oneOf(issue.values.map(String))];
  if (issue.code === "too_small" || issue.code === "too_big")
    return [describeLimit(issue).replace(/^be /, "")];
  return [];
}

function describeValue(issue: z.core.$ZodIssue, root: z.core.$ZodType, input: unknown): string {
  const value = valueAt(input, issue.path);
  if (value === undefined) return describeMissing(issue, root, input);
  const got = `got ${show(value)}.`;
  switch (issue.code) {
    case "invalid_type":
      return `must be ${nounOf(issue.expected, root, input, issue.path)}, ${got}${issue.expected === "object" ? sectionHint(value, root, input, issue.path) : hintOf(value, issue.expected)}`;
    case "too_small":
    case "too_big": {
      // [0,1] is a list of 0 and 1.
      const decimal = value === 0 && issue.inclusive === false && typeof issue.path.at(-1) === "number";
      return `must ${describeLimit(issue)}, ${got}${decimal ? " Write decimals with a point: 0.1, not 0,1." : ""}`;
    }
    case "not_multiple_of":
      return `must be a multiple of ${issue.divisor}, ${got}`;
    case "invalid_value":
      return `must be ${oneOf(issue.values.map(String))}, ${got}${suggest(value, issue.values.map(String))}`;
    case "invalid_union": {
      const options = unionOptions(issue);
      return `must be ${oneOf(options)}, ${got}${suggest(value, options)}`;
    }
    default:
      return `${issue.message}, ${got}`;
  }
}

function describeMissing(issue: z.core.$ZodIssue, root: z.core.$ZodType, input: unknown): string {
  if (issue.code === "invalid_union" && issue.errors.length === 0) {
    // Without its discriminator zod looks at no other key: a slip in it would go unnamed.
    const name = String(issue.path.at(-1));
    const section = valueAt(input, issue.path.slice(0, -1));
    const slip = typeof section === "object" && section !== null ? nearest(name, Object.keys(section)) : null;
    const hint = slip === null ? "" : ` ${slip} is an unknown key; did you mean ${name}?`;
    return `is required: ${oneOf(unionOptions(issue))}.${hint}`;
  }
  const field = descend(root, input, issue.path);
  const description = field === null ? "" : unwrap(field.schema).description;
  return description === "" ? "is required." : `is required: ${description}`;
}

function describeUnknownKey(
  key: string,
  root: z.core.$ZodType,
  input: unknown,
  path: readonly PropertyKey[],
): string {
  const slip = describeSlip(key, valueAt(input, [...path, key]));
  if (slip !== null) return slip;
  const section = descend(root, input, path);
  if (section === null) return "unknown key.";
  const union = alternatives(unwrap(section.schema).def);
  if (union !== null) {
    const owners = union.options
      .filter(({ shape }) => Object.hasOwn(shape, key))
      .flatMap(({ values }) => values);
    const chosen =
      valueAt(section.value, [union.discriminator]) ?? union.options.find((o) => o.byDefault)?.values[0];
    if (owners.length > 0) {
      return `is only for ${union.discriminator}: ${owners.join(", ")}, not for ${show(chosen)}; leave it out.`;
    }
  }
  const known = Object.keys(fieldsOf(section.schema, section.value) ?? {});
  const near = nearest(key, known);
  if (near !== null) return `unknown key; did you mean ${near}?`;
  const home = path.length === 0 ? sectionsWith(key, root)[0] : undefined;
  return home === undefined
    ? `unknown key; known here: ${known.join(", ")}.`
    : `unknown key; did you mean ${home}.${key}?`;
}

/** A key without a value that is a slip of punctuation: `rtol:1e-10`, and the 5 of `tEnd: 1,5` inside braces. Null for others. */
export function describeSlip(key: string, value: unknown): string | null {
  if (value !== null && value !== undefined) return null;
  const [, name, sign, rest] = /^([A-Za-z][\w.]*)\s*([:=])\s*(\S.*)$/s.exec(key) ?? [];
  if (sign === ":") return `unknown key; put a space after the colon: ${name}: ${rest}.`;
  if (sign === "=") return `unknown key; write a colon and a space: ${name}: ${rest}.`;
  if (!LOOKS_NUMERIC.test(key)) return null;
  return "unknown key: the comma before it ends the value. Write numbers with a decimal point (1.5, not 1,5) and without thousands separators.";
}

/** @param why the loss has no tail to follow */
export const logClockRefusal = (why: string): string =>
  `log follows exponential tails: ${why}; leave it out, or take loss.kind: exponential, logistic or cross-entropy.`;

/** A section that is a text because its only key and the value have no space between: `loss:` above `reduction:half-sum`. */
function describeGlued(issue: z.core.$ZodIssue, root: z.core.$ZodType, input: unknown): string | null {
  const value = valueAt(input, issue.path);
  const [, name, sign, rest] =
    typeof value === "string" ? (/^([A-Za-z]\w*)\s*([:=])\s*(\S.*)$/s.exec(value) ?? []) : [];
  const section = name === undefined ? null : descend(root, input, issue.path);
  if (section === null) return null;
  const { def } = unwrap(section.schema);
  const shapes = alternatives(def)?.options.map(({ shape }) => shape) ?? [shapeOf(def) ?? {}];
  if (!shapes.some((shape) => Object.hasOwn(shape, name!))) return null;
  const advice = sign === ":" ? "put a space after the colon" : "write a colon and a space";
  return `must be a section (keys and values), got ${show(value)}; ${advice}: ${name}: ${rest}.`;
}

const LOOKS_NUMERIC = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** What to do where a text stands in place of a number or a truth value. */
function hintOf(value: unknown, expected: string): string {
  if (typeof value !== "string" && typeof value !== "number") return "";
  const text = String(value).trim();
  if (expected === "array" && /^[+-]?[\d.]+([,\s]+[+-]?[\d.]+)*$/.test(text)) return ` Write [${text}].`;
  if (typeof value !== "string") return "";
  if (expected === "boolean")
    return /^(yes|no|on|off|true|false|y|n)$/i.test(text)
      ? ` Write ${/^(yes|on|true|y)$/i.test(text) ? "true" : "false"}, without quotes.`
      : "";
  if (expected !== "number" && expected !== "int") return "";
  if (LOOKS_NUMERIC.test(text)) return " Leave out the quotes.";
  if (/[\u2010-\u2015\u2212]/.test(text)) return " Write the minus sign of the keyboard, -.";
  if (/^[+-]?\d{1,3}([_,' \u00a0\u202f]\d{3})+(\.\d*)?$/.test(text))
    return ` Write it without separators: ${text.replace(/[^\d.+-]/g, "")}.`;
  if (/^[+-]?\d*,\d+([eE][+-]?\d+)?$/.test(text)) return ` Write a decimal point: ${text.replace(",", ".")}.`;
  if (/^[+-]?[\d.]+e[+-]?$/i.test(text)) return " The exponent is missing.";
  if (/^[+-]?[\d.]+\s*([dD]|(\*|x|·|×)?\s*10\s*(\^|\*\*))/.test(text)) return " Write powers of ten as 1e-6.";
  return "";
}

/** How a value in place of a section is written as one: by the kind that it names, or as its only required field. */
function sectionHint(
  value: unknown,
  root: z.core.$ZodType,
  input: unknown,
  path: readonly PropertyKey[],
): string {
  const field = descend(root, input, path);
  if (field === null || (typeof value !== "string" && typeof value !== "number")) return "";
  const { def } = unwrap(field.schema);
  const fields = Object.entries(shapeOf(def) ?? {});
  const { discriminator, options } = alternatives(def) ?? {
    discriminator: "kind",
    options: fields.flatMap(([name, schema]) =>
      name === "kind" ? [{ values: literals(unwrap(schema).def) }] : [],
    ),
  };
  const kind = nearest(
    String(value),
    options.flatMap(({ values }) => values),
  );
  if (kind !== null) return ` Write { ${discriminator}: ${kind} }.`;
  const required = fields.filter(([, schema]) => !unwrap(schema).optional);
  return required.length === 1 ? ` Write { ${required[0]![0]}: ${value} }.` : "";
}

/** The top-level sections that have a field of that name. */
function sectionsWith(key: string, root: z.core.$ZodType): string[] {
  return Object.entries(shapeOf(unwrap(root).def) ?? {}).flatMap(([section, schema]) => {
    const { def } = unwrap(schema);
    const shapes = alternatives(def)?.options.map((option) => option.shape) ?? [shapeOf(def) ?? {}];
    return shapes.some((shape) => Object.hasOwn(shape, key)) ? [section] : [];
  });
}

const NOUNS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a finite number",
  int: "an integer",
  boolean: "true or false",
  object: "a section (keys and values)",
  array: "a list",
  tuple: "a list",
};

/** zod reports a text where an integer belongs as "not a number"; the schema knows better. */
function nounOf(
  expected: string,
  root: z.core.$ZodType,
  input: unknown,
  path: readonly PropertyKey[],
): string {
  const field = descend(root, input, path);
  const def = field === null ? null : unwrap(field.schema).def;
  const integer = expected === "number" && def !== null && "format" in def && def.format === "safeint";
  return NOUNS[integer ? "int" : expected] ?? expected;
}

/** What values of a schema are called; null where its issues say it better. */
function nounOfSchema(schema: z.core.$ZodType): string | null {
  const { def } = unwrap(schema);
  if (def.type === "number")
    return "format" in def && def.format === "safeint" ? "an integer" : "a finite number";
  if (def.type === "tuple") {
    const nouns = new Set(def.items.map((item) => nounOfSchema(item)?.replace(/^an? /, "") ?? "entrie"));
    return `a list of ${def.items.length} ${nouns.size === 1 ? `${[...nouns][0]}s` : "entries"}`;
  }
  return null;
}

function describeLimit(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const bound = issue.code === "too_small" ? issue.minimum : issue.maximum;
  if (issue.origin === "string" && bound === 1) return "not be empty";
  if (issue.origin === "array" || issue.origin === "string") {
    const unit = issue.origin === "array" ? "entries" : "characters";
    return `have at ${issue.code === "too_small" ? "least" : "most"} ${bound} ${unit}`;
  }
  if (issue.code === "too_small")
    return issue.inclusive ? `be at least ${bound}` : `be greater than ${bound}`;
  return issue.inclusive ? `be at most ${bound}` : `be less than ${bound}`;
}

function unionOptions(issue: z.core.$ZodIssueInvalidUnion): string[] {
  // zod lists `undefined` where the discriminator has a default.
  const { options } = issue as unknown as { options?: unknown[] };
  return (options ?? []).filter((option) => option !== undefined).map(String);
}

function oneOf(options: readonly string[]): string {
  return options.length === 1 ? options[0]! : `one of ${options.join(", ")}`;
}

/** What people call kinds, by what they are called here. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  ...{ mnist: "idx", "fashion-mnist": "idx", emnist: "idx", kmnist: "idx", cifar: "cifar10" },
  ...{ csv: "file", npy: "file", mse: "squared", mlp: "dnn" },
};

function suggest(value: unknown, options: readonly string[]): string {
  const other = typeof value === "string" ? OTHER_NAMES[value.toLowerCase()] : undefined;
  if (other !== undefined && options.includes(other)) return ` Did you mean ${other}?`;
  const near = typeof value === "string" ? nearest(value, options) : null;
  return near === null || options.length === 1 ? "" : ` Did you mean ${near}?`;
}

/** The nearest name by edit distance, if it is near enough to be a slip: up to 2 edits, or a third of the length. */
export function nearest(name: string, known: readonly string[]): string | null {
  if (known.length === 0) return null;
  const folded = known.find(
    (candidate) => candidate.toLowerCase() === name.toLowerCase().replaceAll(/[_-]/g, ""),
  );
  if (folded !== undefined) return folded;
  const near = closest(name, known);
  return distance(name, near) <= Math.max(2, Math.floor(name.length / 3)) ? near : null;
}

/** A value as the reader wrote it, shortened. */
export function show(value: unknown): string {
  if (typeof value === "number") {
    return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential() : String(value);
  }
  if (Array.isArray(value) && value.length === 0) return "an empty list";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
