/** The config reference in Markdown, rendered from the schema. What the program refuses today is left out. */
import { z } from "zod";
import { type Layers, layerModules } from "../model/index.js";
import { show } from "./messages.js";
import { configSchema } from "./schema.js";
import { alternatives, type Field, literals, type Shape, shapeOf, unwrap } from "./walk.js";

const PREAMBLE = `# The config

Rendered from the schema by \`npm run docs:config\`; do not edit.

A config is one YAML file. File names in it are relative to its folder. A key without a value counts as left out, with a
note; an unknown key is an error, with a value or without. \`--set key.key=value\` changes a value for one run (the value is read as YAML; entries of lists by
number, \`--set descent.learningRates.0=0.1\`).
`;

/** docs/config.md. */
export function renderConfigReference(): string {
  const sections = Object.entries(configSchema.shape).map(([name, schema]) => ({
    name,
    field: unwrap(schema),
  }));
  const isSection = ({ field }: { field: Field }) =>
    alternatives(field.def) !== null || shapeOf(field.def) !== null;
  const plain = sections.filter((section) => !isSection(section));
  return [
    PREAMBLE,
    `## Top level\n\n${renderTable(plain)}`,
    ...sections.filter(isSection).map(({ name, field }) => renderSection(name, field)),
    renderLayers(),
  ].join("\n");
}

function renderSection(path: string, field: Field): string {
  const need = field.optional ? "May be left out." : "Required.";
  const head = `## ${path}\n\n${field.description} ${need}\n`;
  const union = alternatives(field.def);
  if (union === null) {
    const fields = fieldList(shapeOf(field.def) ?? {});
    return [head, renderTable(fields), ...fields.flatMap((entry) => renderNested(path, entry))].join("\n");
  }
  const { options } = union;
  const common = Object.keys(options[0]!.shape).filter(
    (key) =>
      key !== union.discriminator && options.every(({ shape }) => shape[key] === options[0]!.shape[key]),
  );
  const parts = [head];
  const nested = new Map<string, Field>();
  for (const option of options) {
    const entries = fieldList(option.shape);
    const own = entries.filter(({ name }) => name !== union.discriminator && !common.includes(name));
    const chosen = entries.find(({ name }) => name === union.discriminator)!.field;
    const names = option.values.map((value) => `\`${union.discriminator}: ${value}\``).join(", ");
    parts.push(
      `**${names}**${option.byDefault ? ` (${quote(chosen.fallback)} if left out)` : ""}: ${chosen.description}\n`,
    );
    if (own.length > 0) parts.push(renderTable(own));
    for (const { name, field: inner } of entries) nested.set(name, inner);
  }
  if (common.length > 0 && options.length > 1) {
    const entries = fieldList(options[0]!.shape).filter(({ name }) => common.includes(name));
    parts.push(`For every \`${union.discriminator}\`:\n`, renderTable(entries));
  }
  return [
    ...parts,
    ...[...nested].flatMap(([name, inner]) => renderNested(path, { name, field: inner })),
  ].join("\n");
}

/** The kinds of layers, described once: `model.layers` and every list of layers within. */
function renderLayers(): string {
  const kinds = layerModules.map((module) => {
    const fields = fieldList(module.fields(LAYERS));
    const head = `### kind: ${module.kind}\n\n${module.text}\n`;
    return fields.length === 0 ? head : `${head}\n${renderTable(fields)}`;
  });
  return [
    "## Layers\n",
    "Lists of layers, first to last, in `model.layers` and inside layers that hold some. Shapes are those of one sample. Every layer may have an `init` of its own, as [`model.init`](#modelinit) without `file`: for its parameters and those within.\n",
    ...kinds,
  ].join("\n");
}

const LAYERS = z.array(z.any()).describe("Layers.") as Layers;

/** Activations and initialisers are the same in a teacher as in the model: described once. */
function renderNested(path: string, { name, field }: { name: string; field: Field }): string[] {
  if (field.def.type === "array" && name !== "layers")
    return renderNested(path, { name, field: { ...unwrap(field.def.element), optional: field.optional } });
  if (alternatives(field.def) === null && shapeOf(field.def) === null) return [];
  if (path === "model" && name === "layers") return [];
  if (path === "dataset.network") return [`\`${path}.${name}\`: as [\`model.${name}\`](#model${name}).\n`];
  return [renderSection(`${path}.${name}`, field)];
}

function fieldList(shape: Shape): { name: string; field: Field }[] {
  return Object.entries(shape).map(([name, schema]) => ({ name, field: unwrap(schema) }));
}

function renderTable(fields: readonly { name: string; field: Field }[]): string {
  const rows = fields.map(({ name, field }) => {
    const fallback = field.optional
      ? field.fallback === undefined
        ? "absent"
        : quote(field.fallback)
      : "required";
    return `| \`${name}\` | ${describeType(field)} | ${fallback} | ${field.description.replaceAll("|", "\\|")} |`;
  });
  return `| field | type | default | meaning |\n|---|---|---|---|\n${rows.join("\n")}\n`;
}

function describeType({ def }: Field): string {
  const values = literals(def);
  if (values.length > 0) return values.map(quote).join(", ");
  if (alternatives(def) !== null || shapeOf(def) !== null) return "section";
  if (def.type === "array") return `list of ${describeType(unwrap(def.element))}`;
  if (def.type === "tuple") return `list of ${def.items.length}`;
  if (def.type === "any") return "layers";
  if (def.type === "union") return def.options.map((option) => describeType(unwrap(option))).join(" or ");
  if (def.type === "string") return "text";
  if (def.type === "record") return "section";
  if (def.type === "boolean") return "`true`, `false`";
  return describeNumber(def);
}

function describeNumber(def: Field["def"]): string {
  const checks = ("checks" in def ? (def.checks ?? []) : []).map(
    (check) => check._zod.def as unknown as NumberCheck,
  );
  const integer =
    checks.some((check) => check.check === "number_format") || ("format" in def && def.format === "safeint");
  // Of a limit that a field narrows the narrower one counts, which comes last.
  const limits = (["greater_than", "less_than"] as const).flatMap((wanted) => {
    const limit = checks.findLast(({ check }) => check === wanted);
    if (limit === undefined) return [];
    const [strict, inclusive] = wanted === "greater_than" ? [">", "≥"] : ["<", "≤"];
    return [`${limit.inclusive ? inclusive : strict} ${limit.value}`];
  });
  return [integer ? "integer" : "number", limits.join(", ")].filter((part) => part !== "").join(" ");
}

interface NumberCheck {
  readonly check: string;
  readonly value?: number;
  readonly inclusive?: boolean;
}

function quote(value: unknown): string {
  if (typeof value === "number") return `\`${show(value)}\``;
  const text = typeof value === "string" ? value : JSON.stringify(value);
  // A section that is filled in from its own defaults.
  return text === "{}"
    ? "its defaults"
    : `\`${text.replaceAll('"', "").replaceAll(/([:,])(?=\S)/g, "$1 ")}\``;
}
