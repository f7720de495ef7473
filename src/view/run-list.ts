/** The table of runs as the page asks for it: chosen and sorted by the same words as `gradflow list`. */
import { type Facts, lookUp } from "../record/facts.js";
import { compareBy, parseCondition } from "../record/query.js";
import type { Catalogue, Entry } from "./catalogue.js";

/**
 * `where` conditions, all of which hold; `find` a part of the path; `sort` a name, `-name` descending; `columns` names by commas.
 * A run of a sweep names it, and `sweeps` holds each sweep of the runs that are listed.
 * Cells are numbers and words as records state them, lists of them where a name has a `*`.
 * @throws ConfigError where a condition makes no sense
 */
export function listRuns(catalogue: Catalogue, query: URLSearchParams) {
  const conditions = query.getAll("where").map(parseCondition);
  const parts = query.getAll("find").map((part) => part.toLowerCase());
  const columns = (query.get("columns") ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const entries = catalogue.entries();
  const chosen = entries.filter(
    ({ name, facts }) =>
      parts.every((part) => name.toLowerCase().includes(part)) && conditions.every((holds) => holds(facts)),
  );
  chosen.sort(orderBy(query.get("sort") ?? ""));
  const sweeps = new Map<number, SweepRow>();
  const sweepOf = ({ directory }: Entry): number | null => {
    const found = catalogue.sweeps.of(directory);
    if (found === undefined) return null;
    const { id, name, manifest } = found;
    if (!sweeps.has(id)) sweeps.set(id, { id, name, status: manifest.status, total: manifest.jobs.length });
    return id;
  };
  return {
    ...{
      root: catalogue.root,
      total: entries.length,
      progress: catalogue.progress(),
      faults: catalogue.faults(),
    },
    names: catalogue.names(),
    runs: chosen.map((entry) => {
      const { id, name, open, grown, facts } = entry;
      return {
        ...{ id, name, open, grown, sweep: sweepOf(entry), status: facts.get("status") ?? "" },
        cells: columns.map((column) => cellOf(facts, column)),
      };
    }),
    sweeps: [...sweeps.values()],
  };
}

interface SweepRow {
  readonly id: number;
  readonly name: string;
  readonly status: string;
  /** Runs that it is made of, begun or not. */
  readonly total: number;
}

function orderBy(sort: string): (a: Entry, b: Entry) => number {
  if (sort === "" || sort === "record") return (a, b) => byName(a.name, b.name);
  if (sort === "-record") return (a, b) => byName(b.name, a.name);
  const order = compareBy(sort);
  return (a, b) => order(a.facts, b.facts);
}

/** Numbers in names by their size: hidden-9 before hidden-10. */
const { compare: byName } = new Intl.Collator("en", { numeric: true });

function cellOf(facts: Facts, column: string) {
  const found = lookUp(facts, column);
  return column.includes("*") ? found : (found[0] ?? null);
}
