/** Records side by side: the settings in which they differ, their results, and how far apart their curves and parameters are. */
import { join } from "node:path";
import { type Fact, type FactSources, type Facts, readFacts, readResultFacts } from "./facts.js";
import { readJsonObject } from "./files.js";
import { inTurn } from "./in-turn.js";
import { contentFolder } from "./manifest.js";
import { readColumns, readOutcome } from "./reader.js";
import { arrayDistance } from "./snapshots.js";

export interface Comparison {
  readonly records: readonly string[];
  /** Settings and circumstances that are not the same in all: name, and the value of each record. */
  readonly differences: readonly { readonly name: string; readonly values: readonly (Fact | undefined)[] }[];
  /** Numbers of the results that are not the same in all. */
  readonly results: readonly { readonly name: string; readonly values: readonly (Fact | undefined)[] }[];
  /** Of each further record against the first. */
  readonly distances: readonly Distance[];
  /** What the tables do not say. */
  readonly notes: readonly string[];
}

export interface Distance {
  /** Largest |L − L₁|/L₁ over the times that both recorded, and how many these are; null where there is none. */
  readonly loss: number | null;
  readonly commonTimes: number;
  /** ‖θ − θ₁‖ at the end; null where the sizes or the end times differ, or a run has no end. */
  readonly parameters: number | null;
  /** The same at the start: 0 for the same initial parameters. */
  readonly initialParameters: number | null;
}

/** Circumstances of a run, which differ always or follow from other settings. */
const ALWAYS =
  /^(started|finished|resumed|wallSeconds|gradientSeconds|measures\..*\.seconds|hash|process\..*)$/;
/** Circumstances on which the last digits of equal studies depend. */
const DIGITS = ["node", "platform", "gradflow", "engineVersion"];

/** Compares records; the first is the one that the others are measured against. @throws ConfigError where a folder is no record. */
export async function compareRecords(directories: readonly string[]): Promise<Comparison> {
  const records = await inTurn(directories, readCompared);
  const results = records.map(({ result }) => readResultFacts(result));
  const facts = records.map(readFacts);
  const settings = facts.map((all, k) => new Map([...all].filter(([name]) => !results[k]!.has(name))));
  const differences = differing(settings);
  return {
    records: [...directories],
    differences,
    results: differing(results),
    // One after the other: each reads two tables.
    distances: await inTurn(records.slice(1), (record) => distanceBetween(records[0]!, record), 1),
    notes: [...fileNotes(records), ...digitNotes(differences)],
  };
}

/** Of a record what is compared. */
interface Compared extends FactSources {
  readonly directory: string;
  /** Where its files are. */
  readonly folder: string;
}

async function readCompared(directory: string): Promise<Compared> {
  const { manifest, result } = await readOutcome(directory);
  const folder = contentFolder(directory, manifest);
  const config = (await readJsonObject(join(folder, "config.resolved.json"))) ?? {};
  return { directory, folder, manifest, result, config };
}

/** The hash of a study is that of its settings and of the files that they name. */
function fileNotes(records: readonly Compared[]): string[] {
  const [first, ...others] = records.map(({ manifest, config }) => ({
    hash: manifest.hash,
    config: JSON.stringify(config),
  }));
  return others.some(
    ({ hash, config }) => hash !== first!.hash && config === first!.config && config !== "{}",
  )
    ? [
        "Studies with the same settings have different hashes: a file that they name has changed between the runs.",
      ]
    : [];
}

function digitNotes(differences: Comparison["differences"]): string[] {
  const named = DIGITS.filter((name) => differences.some((difference) => difference.name === name));
  return named.length === 0 ? [] : [`Last digits may differ for these alone: ${named.join(", ")}.`];
}

function differing(facts: readonly Facts[]) {
  const names = [...new Set(facts.flatMap((all) => [...all.keys()]))].filter((name) => !ALWAYS.test(name));
  return names
    .map((name) => ({ name, values: facts.map((all) => all.get(name)) }))
    .filter(({ values }) => values.some((value) => (value ?? null) !== (values[0] ?? null)));
}

async function distanceBetween(first: Compared, other: Compared): Promise<Distance> {
  const [own, theirs] = [await readLosses(first), await readLosses(other)];
  const known = new Map(Array.from(own.t, (t, k) => [t, k]));
  let commonTimes = 0;
  let loss: number | null = null;
  for (let k = 0; k < theirs.t.length; k++) {
    const at = known.get(theirs.t[k]!);
    const gap = at === undefined ? Number.NaN : Math.abs(theirs.loss[k]! / own.loss[at]! - 1);
    if (!Number.isFinite(gap)) continue;
    commonTimes++;
    loss = Math.max(loss ?? 0, gap);
  }
  const ended = first.result !== null && first.result.time === other.result?.time;
  return {
    loss,
    commonTimes,
    parameters: ended ? await arraysApart(first, other, "theta.npy") : null,
    initialParameters: await arraysApart(first, other, "theta0.npy"),
  };
}

function readLosses({ folder }: Compared) {
  return readColumns(join(folder, "series.csv"), ["t", "loss"]);
}

const arraysApart = async ({ folder }: Compared, other: Compared, file: string): Promise<number | null> =>
  (await arrayDistance(join(folder, file), join(other.folder, file))).value;
