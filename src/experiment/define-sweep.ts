/** A sweep from code: a function of the axes' values makes the studies, here or in worker processes that import it. */
import { realpathSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { crossAxes, type Point, readAxes } from "../config/axes.js";
import { checkDistances, checkReferences, describeEmpty } from "../config/checks-figures.js";
import { hashConfig } from "../config/hash.js";
import type { LoadedConfig } from "../config/load.js";
import type { LoadedSweep, SweepJob } from "../config/load-sweep.js";
import { describeIssue, type Finding, show } from "../config/messages.js";
import { configSchema } from "../config/schema.js";
import { sweepSchema } from "../config/schema-sweep.js";
import { ConfigError, type Problem } from "../errors.js";
import { CODE } from "../record/sweep.js";
import { defineStudy, type StudyOptions } from "./define-study.js";
import type { SweepModule } from "./launcher.js";

/** The study of one run, of the values of its axes alone: the same values make the same study, whenever and wherever. */
export type StudyOf = (values: Readonly<Record<string, unknown>>) => StudyOptions | Promise<StudyOptions>;

export interface SweepDefinition {
  /**
   * A function: all runs go in this process, one after the other. The URL of a module that exports such a function as `study`: they go in
   * worker processes that import it, several at a time.
   */
  readonly study: StudyOf | URL;
  /** As `sweep.axes` in a file; names are free, values are what JSON can say. */
  readonly axes: readonly Readonly<Record<string, unknown>>[];
  /** As `sweep.figures` in a file; default: the losses of all runs. */
  readonly figures?: readonly object[];
  /** What file names in the studies are relative to; default: the working directory. */
  readonly folder?: string;
}

/**
 * Makes the studies of all runs and checks them; `runSweep` runs them.
 * @throws ConfigError with every problem
 */
export async function defineSweep({
  study,
  axes,
  figures,
  folder = process.cwd(),
}: SweepDefinition): Promise<LoadedSweep> {
  const given = { axes, ...(figures && { figures }) };
  refuseUnspeakable(axes);
  const parsed = sweepSchema.safeParse(given);
  const findings: Finding[] = parsed.success
    ? []
    : parsed.error.issues
        .map((issue) => ({ ...issue, path: ["sweep", ...issue.path] }))
        .flatMap((issue) => describeIssue(issue, configSchema, { sweep: given }));
  const points = parsed.success ? crossAxes(readAxes(parsed.data.axes, findings), findings) : [];
  if (!parsed.success || findings.length > 0) throw refusal(findings);
  const strays = checkReferences(parsed.data.figures, points);
  if (strays.length > 0) throw refusal(strays);
  const module = study instanceof URL ? study.href : null;
  const make = module === null ? requireFunction(study) : await importStudy(module);
  const jobs = await makeJobs(make, points, folder);
  const lacks = checkDistances(parsed.data.figures, jobs);
  if (lacks.length > 0) throw refusal(lacks);
  return {
    ...{ file: CODE, name: jobs[0]!.loaded.config.name, set: [], multiply: [], jobs },
    source: `${JSON.stringify({ ...(module !== null && { module }), sweep: given }, null, 2)}\n`,
    fields: Object.keys(points[0]!.values),
    figures: parsed.data.figures,
    notes: describeEmpty(parsed.data.figures, jobs),
    code: { module, folder },
  };
}

function refusal(findings: readonly Finding[]): ConfigError {
  return new ConfigError(
    findings.map(({ path, message }) => ({ path: path.map(String).join("."), message })),
  );
}

/**
 * The study of one run of a sweep, made anew by the module.
 * @throws ConfigError where it is no longer the one that was planned
 */
export async function loadRun(
  { href, folder, hash, threads }: SweepModule,
  values: Point["values"],
): Promise<LoadedConfig> {
  const loaded = await defineStudy(await (await importStudy(href))(values), folder);
  const own = await hashConfig(loaded.config, folder);
  if (own.hash !== hash)
    throw new ConfigError(
      `${href}: of ${describe(values)} it makes another study than when the sweep was planned; a study must depend on the values alone, and the module must not change meanwhile.`,
    );
  return withThreads(loaded, threads);
}

/** The study on at most so many threads. */
export function withThreads(loaded: LoadedConfig, threads: number): LoadedConfig {
  const { config } = loaded;
  const engine = { ...config.engine, threads: Math.min(config.engine.threads, threads) };
  return { ...loaded, config: { ...config, engine } };
}

function requireFunction(study: unknown): StudyOf {
  if (typeof study === "function") return study as StudyOf;
  throw new ConfigError(
    `defineSweep: study must be a function of the axes' values, or the URL of a module that exports one as study (new URL("./wide.js", import.meta.url)), got ${show(study)}.`,
  );
}

/** @throws ConfigError where there is no such module, or it is the program itself, which workers would start anew */
async function importStudy(href: string): Promise<StudyOf> {
  const main = process.argv[1];
  if (main !== undefined && pathToFileURL(realOf(main)).href === href)
    throw new ConfigError(
      `${href}: is the running program, which every worker would run from its beginning; put the function into a module of its own, or give the function itself.`,
    );
  let found: { readonly study?: unknown };
  try {
    found = (await import(href)) as { readonly study?: unknown };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new ConfigError(`${href}: cannot be imported: ${(error as Error).message}.`);
  }
  if (typeof found.study === "function") return found.study as StudyOf;
  const names = Object.keys(found);
  throw new ConfigError(
    `${href}: exports no function study, ${names.length === 0 ? "nothing at all" : `only ${names.join(", ")}`}; add export function study(values) { … }.`,
  );
}

function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** @throws ConfigError where a record, or another process, could not be told a value */
function refuseUnspeakable(axes: SweepDefinition["axes"]): void {
  if (isSpeakable(axes)) return;
  const all = axes.flatMap((axis, i) =>
    Object.entries(axis).map(([field, value]) => ({ path: `sweep.axes.${i}.${field}`, value })),
  );
  throw new ConfigError(
    all
      .filter(({ value }) => !isSpeakable(value))
      .map(({ path, value }) => ({
        path,
        message: `must have values that JSON can say, got ${show(value)}; give names or numbers, and let study make of them what they stand for.`,
      })),
  );
}

function isSpeakable(value: unknown): boolean {
  try {
    return isDeepStrictEqual(JSON.parse(JSON.stringify(value)), value);
  } catch {
    return false;
  }
}

async function makeJobs(make: StudyOf, points: readonly Point[], folder: string): Promise<SweepJob[]> {
  const jobs: SweepJob[] = [];
  const problems = new Map<string, Problem>();
  const digests = new Map<string, string>();
  const known = new Map<string, Point>();
  for (const point of points)
    try {
      const loaded = await defineStudy(await make(structuredClone(point.values)), folder);
      const { hash } = await hashConfig(loaded.config, folder, digests);
      const twin = known.get(hash);
      if (twin !== undefined)
        throw new ConfigError(
          `${describe(twin.values)} and ${describe(point.values)} make the same study; let study use every axis.`,
        );
      known.set(hash, point);
      if (jobs.some(({ loaded: { config } }) => config.name !== loaded.config.name))
        throw new ConfigError([
          { path: "name", message: "must be one for all runs; the axes' values tell them apart." },
        ]);
      jobs.push({ ...point, set: [], loaded, hash });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) {
        const text = `${problem.path} ${problem.message}`;
        if (!problems.has(text))
          problems.set(text, { ...problem, message: `${problem.message} (of ${describe(point.values)})` });
      }
    }
  if (problems.size > 0) throw new ConfigError([...problems.values()]);
  return jobs;
}

function describe(values: Point["values"]): string {
  return Object.entries(values)
    .map(([field, value]) => `${field} = ${JSON.stringify(value)}`)
    .join(", ");
}
