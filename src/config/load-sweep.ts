/** A study with a sweep → every run of it, checked before the first one starts. */
import { ConfigError, type Problem } from "../errors.js";
import { crossAxes, mergeAxes, type Point, parseAxes, readAxes } from "./axes.js";
import { checkDistances, checkReferences, describeEmpty } from "./checks-figures.js";
import { type Digests, hashConfig } from "./hash.js";
import { type LoadedConfig, loadConfig, readStudy, readStudyText, type StudyText } from "./load.js";
import { describeIssue, type Finding } from "./messages.js";
import { configSchema } from "./schema.js";
import { type SweepFigure, sweepSchema } from "./schema-sweep.js";
import { isRecord } from "./walk.js";

/** One run of a sweep: the study with these values. */
export interface SweepJob extends Point {
  /** The arguments of `--set` that make it of the study: `gradflow run <study> --set …` repeats this run alone. */
  readonly set: readonly string[];
  readonly loaded: LoadedConfig;
  readonly hash: string;
}

export interface LoadedSweep {
  readonly file: string;
  readonly name: string;
  readonly source: string;
  /** The arguments of `--set` and of `-m`. */
  readonly set: readonly string[];
  readonly multiply: readonly string[];
  /** Axis fields in the order of the axes. */
  readonly fields: readonly string[];
  readonly jobs: readonly SweepJob[];
  readonly figures: readonly SweepFigure[];
  /** Keys without a value, and what was taken in place of it, in the study or in any run, and figures that cannot have anything to show. */
  readonly notes: readonly string[];
  /** Of a sweep from code: the module whose function `study` makes its studies, null where this process alone has it, and what file names are relative to. */
  readonly code?: { readonly module: string | null; readonly folder: string };
}

const MULTIPLY = "-m key=value,value";

/**
 * Loads a sweep. `multiply` are the arguments of `-m`, laid over the axes of the study.
 * @throws ConfigError that lists the problems of the axes, or of every run, at once.
 */
export async function loadSweep(
  file: string,
  options: { readonly set?: readonly string[]; readonly multiply?: readonly string[] } = {},
): Promise<LoadedSweep> {
  const { set = [], multiply = [] } = options;
  const text = await readStudyText(file);
  const { input, source, locate, problems, notes: own } = readStudy(text, set);
  const given = isRecord(input) ? input["sweep"] : undefined;
  const findings: Finding[] = [];
  const parsed = sweepSchema.safeParse(given ?? { axes: [{}] });
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => ({ ...issue, path: ["sweep", ...issue.path] }));
    findings.push(...issues.flatMap((issue) => describeIssue(issue, configSchema, input)));
  }
  const asked = parseAxes(multiply, problems);
  const axes = mergeAxes(
    given === undefined || !parsed.success ? [] : readAxes(parsed.data.axes, findings),
    asked,
  );
  const fields = axes.flatMap((axis) => axis.map(({ field }) => field));
  if (axes.length === 0 && findings.length + problems.length === 0)
    findings.push({
      path: ["sweep"],
      message: `is required: name what varies under sweep.axes, or with ${MULTIPLY}.`,
    });
  for (const text of set) {
    const field = text.split("=", 1)[0]!.trim();
    if (fields.includes(field))
      problems.push({
        path: field,
        message: `varies in the sweep; use -m ${field}=… to change its values.`,
        file: `--set ${text}`,
      });
  }
  const refuse = (found: readonly Finding[]) => {
    problems.push(
      ...found.map(({ path, message }) => ({ path: path.map(String).join("."), message, ...locate(path) })),
    );
    if (problems.length > 0) throw new ConfigError(problems);
  };
  const points = findings.length + problems.length === 0 ? crossAxes(axes, findings) : [];
  refuse(findings);
  const figures = parsed.success ? parsed.data.figures : [];
  refuse(checkReferences(figures, points));
  const jobs = await loadJobs(text, set, points);
  refuse(checkDistances(figures, jobs));
  const notes = [
    ...new Set([...own, ...jobs.flatMap(({ loaded }) => loaded.notes), ...describeEmpty(figures, jobs)]),
  ];
  return { file, name: jobs[0]!.loaded.config.name, source, set, multiply, fields, jobs, figures, notes };
}

async function loadJobs(
  text: StudyText,
  set: readonly string[],
  points: readonly Point[],
): Promise<SweepJob[]> {
  const digests: Digests = new Map();
  const problems = new Map<string, Problem>();
  const jobs: SweepJob[] = [];
  for (const point of points) {
    const values = Object.entries(point.values).map(([field, value]) => `${field}=${JSON.stringify(value)}`);
    const all = [...set, ...values, "sweep=null"];
    try {
      const loaded = await loadConfig(text, { set: all });
      const { hash } = await hashConfig(loaded.config, loaded.baseDir, digests);
      jobs.push({ ...point, set: all, loaded, hash });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      for (const problem of error.problems) {
        const own = { ...problem, message: `${problem.message}${kindHint(problem.path, point)}` };
        problems.set(JSON.stringify(own), own);
      }
    }
  }
  if (problems.size > 0) throw new ConfigError([...problems.values()]);
  return jobs;
}

/** Where a kind varies by itself and the fault is another field of its section: that each kind has fields of its own. */
function kindHint(path: string, { values }: Point): string {
  const kinds = Object.keys(values).filter((field) => field.endsWith(".kind"));
  const section = kinds.map((field) => field.slice(0, -".kind".length)).find((name) => path.startsWith(name));
  if (section === undefined) return "";
  const kind = String(values[`${section}.kind`]);
  return ` ${section}.kind varies and is ${kind} here, and every kind has fields of its own; let ${section} vary whole: -m '${section}={kind: ${kind}, …},{kind: …}'.`;
}
