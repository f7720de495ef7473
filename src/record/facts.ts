/** Every single number and word that a record states, by dotted name: what lists, comparisons and sweep figures pick from. */
import type { Manifest } from "./manifest.js";
import type { RunResult } from "./result.js";

export type Fact = number | string | boolean | null;
export type Facts = ReadonlyMap<string, Fact>;

/** The parts of a record that facts are read from. */
export interface FactSources {
  readonly manifest: Manifest;
  readonly result: RunResult | null;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Parts of the manifest that describe no run. */
const HIDDEN = ["format", "formatVersion", "files", "command", "notes", "figures", "message"];

/**
 * Facts by name: of `result.json` as they stand there (`loss`, `decay.rate`, `descent.0.parameterGap`; what a measure cost by its name, `measures.sharpness.seconds`), of the config by the names
 * that `--set` takes (`model.kind`; a list of plain values such as `model.hidden` is one word, `50-50`), of the manifest (`status`,
 * `started`), and `parametersPerTarget` = P/(nM). Where names meet, the result comes first, then the config.
 */
export function readFacts({ manifest, result, config }: FactSources): Facts {
  const facts = new Map<string, Fact>();
  // What measures declare is no fact of the run.
  const { problem, measures: _, ...about } = manifest;
  const parameters = result?.parameters ?? problem?.parameters;
  const samples = result?.samples ?? problem?.samples;
  const outputs = result?.outputs ?? problem?.outputs;
  flatten(named(result), "", facts);
  flatten({ parameters, samples, outputs, inputs: problem?.inputs }, "", facts);
  if (parameters !== undefined && samples !== undefined && outputs !== undefined)
    facts.set("parametersPerTarget", parameters / (samples * outputs));
  flatten(config, "", facts);
  facts.set("status", manifest.status);
  flatten(about, "", facts);
  return facts;
}

/** The facts of `result.json` alone. */
export function readResultFacts(result: RunResult | null): Facts {
  const facts = new Map<string, Fact>();
  flatten(named(result), "", facts);
  return facts;
}

/** What measures cost goes by their names: their places differ from study to study. */
function named(result: RunResult | null): object {
  if (result === null) return {};
  const costs = result.measures.map(({ name, columns: _, ...cost }) => [name, cost]);
  return { ...result, measures: Object.fromEntries(costs) };
}

function flatten(value: unknown, name: string, facts: Map<string, Fact>): void {
  if (value === undefined) return;
  if (Array.isArray(value) && value.every((entry) => typeof entry !== "object" || entry === null)) {
    if (name !== "" && !facts.has(name)) facts.set(name, value.join("-"));
    return;
  }
  if (typeof value === "object" && value !== null) {
    const isWhole = name === "";
    for (const [key, entry] of Object.entries(value)) {
      // `record` is a section of the config, and in the result the path of the record.
      if (isWhole && (HIDDEN.includes(key) || (key === "record" && typeof entry === "string"))) continue;
      flatten(entry, isWhole ? key : `${name}.${key}`, facts);
    }
    return;
  }
  if (!facts.has(name)) facts.set(name, value as Fact);
}

/** The facts of a name; `*` in it stands for every entry of a list, in order. Empty where there is none. */
export function lookUp(facts: Facts, name: string): Fact[] {
  if (!name.includes("*")) return facts.has(name) ? [facts.get(name) as Fact] : [];
  const found: Fact[] = [];
  for (let k = 0; ; k++) {
    const entry = name.replaceAll("*", String(k));
    if (!facts.has(entry)) return found;
    found.push(facts.get(entry) as Fact);
  }
}
