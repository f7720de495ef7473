/** Measures of a program's own: what they must say of themselves, their settings, and what is made of wrong answers before they reach a record. */
import { createHash } from "node:crypto";
import type { LoadedConfig } from "../config/load.js";
import { describeIssue, type Finding } from "../config/messages.js";
import { isRecord } from "../config/walk.js";
import { figures } from "../figure/figures.js";
import { fields as flowKinds } from "../flow/fields/registry.js";
import { type Column, type Measure, measureSection, measures, type Values } from "../measure/index.js";
import { DESCENT_COLUMNS, FLOW_COLUMNS, SERIES_COLUMNS } from "../record/columns.js";

type MeasureSections = LoadedConfig["config"]["measure"];

/** Columns that tables have, or may have, without any measure. */
const TAKEN: ReadonlySet<string> = new Set([
  ...[...SERIES_COLUMNS, ...DESCENT_COLUMNS, ...FLOW_COLUMNS, "dataLoss", "logTime", "logLoss"],
]);

export interface OwnMeasures {
  readonly measures: readonly Measure[];
  /** The sections of `measure` that name them, complete, each with a digest of its code. */
  readonly sections: MeasureSections;
  readonly findings: readonly Finding[];
}

/** @param asked what `measure` says of them: settings by their names; those that it leaves out have their defaults */
export function ownMeasures(given: unknown, asked: Readonly<Record<string, unknown>>): OwnMeasures {
  const findings = checkShape(given);
  if (findings.length > 0) return { measures: [], sections: {} as MeasureSections, findings };
  const own = given as readonly Measure[];
  const sections: Record<string, unknown> = {};
  const names = flowKinds.map(({ name }) => name);
  for (const measure of own) {
    const schema = measureSection(measure, names);
    const input = asked[measure.name] ?? {};
    const parsed = schema.safeParse(input);
    if (parsed.success) sections[measure.name] = { ...parsed.data, code: digest(measure) };
    else
      for (const issue of parsed.error.issues)
        for (const { path, message } of describeIssue(issue, schema, input))
          findings.push({ path: ["measure", measure.name, ...path], message });
  }
  return { measures: own.map(guarded), sections: sections as MeasureSections, findings };
}

/** Of a complete config, the measures that a program made: those whose section has a digest of code. */
export function namesOfOwn({ measure }: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(isRecord(measure) ? measure : {}).flatMap(([name, section]) =>
    isRecord(section) && "code" in section ? [name] : [],
  );
}

function checkShape(given: unknown): Finding[] {
  if (!Array.isArray(given))
    return [{ path: ["measures"], message: "must be a list of measures, which defineMeasure makes." }];
  const taken = [...measures.map(({ name }) => name), "ntk", ...figures.map(({ name }) => name)];
  return given.flatMap((measure: Partial<Measure> | null, k): Finding[] => {
    const path = ["measures", String(k)];
    if (typeof measure?.columns !== "function" || typeof measure.follow !== "function")
      return [{ path, message: "must be a measure, with columns and follow; defineMeasure makes one." }];
    const name = String(measure.name);
    if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(name))
      return [
        {
          path: [...path, "name"],
          message: `must consist of letters, digits and '-', got ${JSON.stringify(name)}.`,
        },
      ];
    const before = [...taken, ...given.slice(0, k).map((other) => other?.name)];
    return before.includes(name)
      ? [{ path: [...path, "name"], message: `${name} is taken; choose another name.` }]
      : [];
  });
}

/** Of what it computes, so that the hash of a study tells measures apart. */
function digest(measure: Measure): string {
  const text = [measure.columns, measure.follow, measure.refuse ?? ""].map(String).join("\n");
  return createHash("sha256").update(text).digest("hex");
}

/**
 * The same measure, which sees a copy of θ, declares columns that tables can have, and answers with numbers for these; else it ends the run with an
 * error that names it.
 */
function guarded(measure: Measure): Measure {
  const blame = (message: string): never => {
    throw new TypeError(`measure ${measure.name}: ${message}`);
  };
  const attempt = async <T>(work: () => T | Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      throw new Error(`measure ${measure.name}: ${cause instanceof Error ? cause.message : cause}`, {
        cause,
      });
    }
  };
  const columnsOf: Measure["columns"] = async (subject, settings) => {
    const columns = await attempt(() => measure.columns(subject, settings));
    if (!Array.isArray(columns)) return blame("columns must give a list of columns.");
    columns.forEach((column: Partial<Column>, k) => {
      const { name, scale } = column;
      if (typeof name !== "string" || !/^[A-Za-z][\w.-]*$/.test(name))
        blame(
          `a column's name must consist of letters, digits, '.', '_' and '-', got ${JSON.stringify(name)}.`,
        );
      if (TAKEN.has(name as string) || columns.findIndex((other) => other.name === name) < k)
        blame(`the column ${name} is there already; choose another name.`);
      if (!["log", "linear", "none"].includes(scale as string))
        blame(`the scale of ${name} must be log, linear or none, got ${JSON.stringify(scale)}.`);
    });
    return columns;
  };
  return {
    ...measure,
    columns: columnsOf,
    async follow(subject, settings) {
      const names = (await columnsOf(subject, settings)).map(({ name }) => name);
      const take = await attempt(() => measure.follow(subject, settings));
      if (typeof take !== "function") return blame("follow must give a function of a point.");
      return async (point) => {
        const values: unknown = await attempt(() => take({ ...point, theta: point.theta.slice() }));
        if (typeof values !== "object" || values === null)
          return blame("must answer with an object of values by column.");
        for (const [name, value] of Object.entries(values)) {
          if (!names.includes(name))
            blame(`answers with the column ${name}, and declares ${names.join(", ") || "none"}.`);
          if (typeof value !== "number" && (value ?? null) !== null)
            blame(`${name} must be a number, or null where there is none, got ${JSON.stringify(value)}.`);
        }
        return values as Values;
      };
    },
  };
}
