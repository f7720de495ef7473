/** The outcome of a sweep as text for a person, and as JSON. */
import { join } from "node:path";
import type { SweepResult } from "../experiment/sweep.js";
import { type JobState, lossRises, unresolvedRuns } from "../record/sweep-states.js";
import { formatColumns, formatFact, formatNumber, formatPath } from "./format.js";

/** What a summary takes of a sweep, just ended or read back. */
export type SummarisedSweep = Pick<SweepResult, "directory" | "fields" | "states" | "figures" | "notes">;

/** What `--json` prints. */
export function sweepAsJson<S extends SummarisedSweep>({ states, ...result }: S) {
  return {
    ...result,
    runs: states.map(({ job, directory, manifest, results }) => ({
      name: job.name,
      values: job.values,
      status: manifest?.status ?? null,
      failure: manifest?.failure ?? null,
      record: directory,
      results: Object.fromEntries(results),
    })),
  };
}

/** Facts of the table below the axes. */
const COLUMNS: readonly (readonly [title: string, fact: string])[] = [
  ["status", "status"],
  ["P", "parameters"],
  ["P/nM", "parametersPerTarget"],
  ["loss", "loss"],
  ["rate", "decay.rate"],
  ["R²", "decay.rSquared"],
  ["gradients", "gradientEvaluations"],
  ["seconds", "wallSeconds"],
];

/** A table of all runs, and what to know of them, below `headline`. */
export function summariseSweep(sweep: SummarisedSweep, headline: string): string {
  const { states, directory, figures, notes } = sweep;
  const missing = states.filter((state) => state.facts === null);
  const head = ["run", ...COLUMNS.map(([title]) => title)];
  const rows = states.map((state) => [
    state.job.name,
    ...COLUMNS.map(([, fact]) => formatFact(state.facts?.get(fact))),
  ]);
  const failures = states.flatMap(failureOf);
  const picture = figures.find((name) => name.endsWith(".png"));
  return [
    headline,
    "",
    ...formatColumns([head, ...rows]),
    "",
    ...(missing.length === 0
      ? []
      : [
          `note: ${missing.length} runs were not started or could not begin; start the sweep again to do them.`,
        ]),
    ...failures.map((text) => `note: ${text}`),
    ...energyNote(states),
    ...riseNote(states),
    ...notes.map((note) => `note: ${note}`),
    `sweep: ${formatPath(directory)}`,
    `results: ${formatPath(join(directory, "results.csv"))}`,
    ...(picture === undefined ? [] : [`figure: ${formatPath(join(directory, picture))}`]),
    "",
  ].join("\n");
}

/** How many runs do not resolve the gradient flow, which a note of each explains. */
function energyNote(states: readonly JobState[]): string[] {
  const { count, largest, unsettled } = unresolvedRuns(states);
  if (count === 0) return [];
  const why = [
    largest === null
      ? ""
      : `${largest.integral} is off by up to ${formatNumber(largest.defect, 2)} times what ${largest.loss} fell by`,
    unsettled === 0 ? "" : `in ${unsettled} of them decisions at kinks did not settle`,
  ].filter((reason) => reason !== "");
  return [
    `note: ${count} of ${states.length} runs do not resolve the gradient flow: ${why.join("; ")}. The notes in their result.json say why.`,
  ];
}

/** How many runs have a loss that rises. */
function riseNote(states: readonly JobState[]): string[] {
  const factors = lossRises(states);
  return factors.length === 0
    ? []
    : [
        `note: along ${factors.length} of ${states.length} runs the loss rises, by a factor of up to ${formatNumber(Math.max(...factors), 3)}, which it never does along a gradient flow. The notes in their result.json say when, and what to do.`,
      ];
}

function failureOf({ job, manifest }: JobState): string[] {
  return manifest?.failure ? [`${job.name} failed: ${manifest.failure.split("\n", 1)[0]}`] : [];
}
