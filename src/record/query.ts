/** Choosing among records by their facts: `status=reachedEnd`, `loss<0.1`, sorted by a fact. */
import { ConfigError } from "../errors.js";
import { type Fact, type Facts, lookUp } from "./facts.js";

const CONDITION = /^([\w.*]+)(=|!=|<=|>=|<|>)(.*)$/;

/** A test of facts from its text. A name that a record lacks fails every test but `!=`. @throws ConfigError */
export function parseCondition(text: string): (facts: Facts) => boolean {
  const [, name, relation, wanted] = CONDITION.exec(text.trim()) ?? [];
  if (name === undefined || relation === undefined || wanted === undefined)
    throw new ConfigError(
      `--where ${text}: must have the form name=value, with =, !=, <, <=, > or >=, e.g. status=reachedEnd.`,
    );
  const number = wanted.trim() === "" ? Number.NaN : Number(wanted);
  if (relation.length > 0 && /[<>]/.test(relation) && Number.isNaN(number))
    throw new ConfigError(`--where ${text}: ${relation} compares numbers, got ${JSON.stringify(wanted)}.`);
  const holds = (fact: Fact): boolean => {
    const equal = typeof fact === "number" ? fact === number : String(fact) === wanted.trim();
    if (relation === "=") return equal;
    if (typeof fact !== "number") return false;
    if (relation === "<") return fact < number;
    if (relation === "<=") return fact <= number;
    return relation === ">" ? fact > number : fact >= number;
  };
  return (facts) => {
    const found = lookUp(facts, name);
    if (relation === "!=")
      return !found.some((fact) =>
        typeof fact === "number" ? fact === number : String(fact) === wanted.trim(),
      );
    return found.some(holds);
  };
}

/** An order by one fact: ascending, `-name` descending; records without the fact come last. */
export function compareBy(name: string): (a: Facts, b: Facts) => number {
  const descending = name.startsWith("-");
  const key = descending ? name.slice(1) : name;
  return (a, b) => {
    const [x, y] = [a.get(key) ?? null, b.get(key) ?? null];
    if (x === null || y === null) return Number(x === null) - Number(y === null);
    const order =
      typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en");
    return descending ? -order : order;
  };
}
