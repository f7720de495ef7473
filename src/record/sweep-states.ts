/** What the runs of a sweep came to, as their records tell it, and the table of that. */
import { join } from "node:path";
import { type Fact, type Facts, readFacts, readResultFacts } from "./facts.js";
import { readJsonObject } from "./files.js";
import { inTurn } from "./in-turn.js";
import { contentFolder, type Manifest, readManifest } from "./manifest.js";
import { readResult } from "./reader.js";
import { energyTerms, MOST_ENERGY_DEFECT } from "./result.js";
import type { SweepJobRecord, SweepManifest } from "./sweep.js";
import { formatTable } from "./table.js";

/** A run's outcome as its record tells it: null where no record stands. */
export interface JobState {
  readonly job: SweepJobRecord;
  readonly directory: string;
  readonly manifest: Manifest | null;
  readonly facts: Facts | null;
  /** Those of its result alone; empty where it has none. */
  readonly results: Facts;
}

/** What stands on disk of every run. @param known what was read of a run before and holds, null where it is to be read */
export async function readJobs(
  directory: string,
  manifest: SweepManifest,
  known: (job: SweepJobRecord, index: number) => JobState | null = () => null,
): Promise<JobState[]> {
  return inTurn(manifest.jobs, async (job, index): Promise<JobState> => {
    const before = known(job, index);
    if (before !== null) return before;
    const folder = join(directory, job.name);
    const found = await readRunFacts(folder);
    const { manifest: own = null, facts = null, results = new Map<string, Fact>() } = found ?? {};
    return { job, directory: folder, manifest: own, facts, results };
  });
}

/** Manifest and facts of one record without its tables; null where the folder holds none. */
export async function readRunFacts(
  directory: string,
): Promise<{ manifest: Manifest; facts: Facts; results: Facts } | null> {
  const manifest = await readManifest(directory);
  if (manifest === null) return null;
  const folder = contentFolder(directory, manifest);
  const result = await readResult(folder);
  const config = (await readJsonObject(join(folder, "config.resolved.json"))) ?? {};
  return { manifest, facts: readFacts({ manifest, result, config }), results: readResultFacts(result) };
}

/** Runs whose curves are not the gradient flow: by the energy identity (the largest defect), or by decisions at kinks that did not settle. */
export function unresolvedRuns(states: readonly JobState[]): {
  readonly count: number;
  /** Of the energy identity, and what it compares. */
  readonly largest: ({ readonly defect: number } & ReturnType<typeof energyTerms>) | null;
  readonly unsettled: number;
} {
  const found = states.map(({ results }) => {
    const defect = Number(results.get("energyDefect") ?? 0);
    return {
      ...{ defect, isOff: defect > MOST_ENERGY_DEFECT },
      ...energyTerms(results.has("logLoss") ? { logLoss: null } : {}),
      isUnsettled: Number(results.get("events.unsettled") ?? 0) > 0,
    };
  });
  const off = found.filter(({ isOff }) => isOff);
  return {
    count: found.filter(({ isOff, isUnsettled }) => isOff || isUnsettled).length,
    largest: off.length === 0 ? null : off.reduce((most, run) => (run.defect > most.defect ? run : most)),
    unsettled: found.filter(({ isUnsettled }) => isUnsettled).length,
  };
}

/** Factors by which the loss of runs rises that, along a gradient flow, never does. */
export function lossRises(states: readonly JobState[]): number[] {
  return states
    .map(({ results }) => Number(results.get("lossRise.to") ?? 0) / Number(results.get("lossRise.from") ?? 1))
    .filter((factor) => factor > 0);
}

/** Columns of results.csv that come first, where they are known; then the axes, then every number and word of the results. */
const FIRST = ["status", "parameters", "samples", "outputs", "parametersPerTarget"];

/** Text of results.csv. */
export function formatResults(fields: readonly string[], states: readonly JobState[]): string {
  const names = new Set(FIRST);
  for (const { results } of states)
    for (const [name, value] of results) if (value !== null && value !== "") names.add(name);
  const columns = ["job", ...fields, ...[...names].filter((name) => !fields.includes(name))];
  const rows = states.map(({ job, facts }) => {
    const own = Object.fromEntries(fields.map((field) => [field, cell(job.values[field])]));
    const found = Object.fromEntries([...names].map((name) => [name, facts?.get(name) ?? null]));
    return { ...found, ...own, job: job.name };
  });
  return formatTable(columns, rows);
}

function cell(value: unknown): Fact {
  return typeof value === "number" || typeof value === "string" || typeof value === "boolean"
    ? value
    : JSON.stringify(value);
}
