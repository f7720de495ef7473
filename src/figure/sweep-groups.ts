/** The runs of a sweep as groups: which of them one curve stands for, what it is called, and what all of them share. */
import type { Fact } from "../record/facts.js";
import type { SweepManifest } from "../record/sweep.js";
import type { JobState } from "../record/sweep-states.js";
import { formatNumber } from "./axis.js";
import { type FigureSettings, settingsOf } from "./settings.js";

/** A sweep with the state of its runs. */
export interface Sweep {
  readonly manifest: SweepManifest;
  readonly states: readonly JobState[];
}

/** Runs that differ in merged fields only. */
export interface Group {
  readonly label: string;
  readonly states: readonly JobState[];
}

/** The fields that are merged: as asked, else the seeds, of all or of the batches. */
export function mergedFields({ manifest }: Sweep, asked: readonly string[] | undefined): string[] {
  return manifest.fields.filter((field) => (asked ?? SEEDS).includes(field));
}

const SIZES = [
  ["P =", "parameters"],
  ["P/nM =", "parametersPerTarget"],
] as const;

const SEEDS = ["seed", "descent.seed"];

/** Groups of runs with equal values in `fields`, in the order of the sweep; runs without a record are left out. */
export function groupStates(states: readonly JobState[], fields: readonly string[]): Group[] {
  const groups = new Map<string, JobState[]>();
  for (const state of states) {
    if (state.facts === null) continue;
    const key = JSON.stringify(fields.map((field) => state.job.values[field]));
    groups.set(key, [...(groups.get(key) ?? []), state]);
  }
  return [...groups.values()].map((members) => ({ label: labelOf(members, fields), states: members }));
}

/** The axis values, as the runs had them: `hidden 50–50`. */
function labelOf(members: readonly JobState[], fields: readonly string[]): string {
  const { job, facts } = members[0]!;
  return fields
    .map((field) => {
      const value = job.values[field];
      // Under `scale` the widths that ran are not those that the axis names.
      const ran = Array.isArray(value) ? facts?.get(field) : undefined;
      const shown = typeof ran === "string" && /^\d+(-\d+)*$/.test(ran) ? ran.split("-").map(Number) : value;
      return `${shortField(field)} ${describeAxisValue(shown)}`;
    })
    .join(", ");
}

/** `P = 30150, P/nM = 0.603` where the runs of one group agree in it and not all of the sweep do, which its title says; empty else. */
export function describeSize({ states }: Sweep, group: Group): string {
  const [parameters, ratio] = SIZES.map(([, name]) => shared(group.states, name));
  if (SIZES.every(([, name]) => shared(states, name) !== undefined)) return "";
  if (typeof parameters !== "number" || typeof ratio !== "number") return "";
  return `P = ${parameters}, P/nM = ${formatNumber(ratio)}`;
}

/** The value of a fact that all runs agree in; undefined where they do not. */
export function shared(states: readonly JobState[], name: string): Fact | undefined {
  const found = states.flatMap(({ facts }) => (facts === null ? [] : [facts.get(name)]));
  return found.length > 0 && found.every((value) => value === found[0]) ? found[0] : undefined;
}

/** The last word of a dotted name, for legends. */
export function shortField(field: string): string {
  return field.slice(field.lastIndexOf(".") + 1);
}

/** An axis value in a legend: `50–50`, `8 × 100` for many equal ones, `leaky-relu 0.1`. */
export function describeAxisValue(value: unknown): string {
  if (typeof value === "number") return formatNumber(value, 6);
  if (Array.isArray(value) && value.length > 3 && value.every((entry) => entry === value[0]))
    return `${value.length} × ${describeAxisValue(value[0])}`;
  if (Array.isArray(value)) return value.map(describeAxisValue).join("–");
  if (typeof value === "object" && value !== null && "coefficients" in value) {
    const pieces = value.coefficients as readonly (readonly number[])[];
    return `polynomial pieces of degree ${Math.max(...pieces.map((piece) => piece.length)) - 1}`;
  }
  if (typeof value === "object" && value !== null)
    return Object.values(value).map(describeAxisValue).join(" ");
  return String(value);
}

/** What all runs of a sweep ask of their figures: size, title, LaTeX, PDF. Scales and range are those of the sweep's own figures. */
export function sweepSettings({ states }: Pick<Sweep, "states">): FigureSettings {
  const names = ["width", "height", "title", "latex", "pdf"];
  return settingsOf({
    figure: Object.fromEntries(names.map((name) => [name, shared(states, `figure.${name}`)])),
  });
}

/** Of the plotting area. */
export function sizeOf(sweep: Pick<Sweep, "states">): { readonly width: number; readonly height: number } {
  const { width, height } = sweepSettings(sweep);
  return { width, height };
}

/** Title and the line below it: what all runs share of data and network, and what else there is to say. */
export function titleWords(sweep: Sweep, more: readonly string[] = []) {
  const { word, number } = sharedFacts(sweep);
  const { title, latex } = sweepSettings(sweep);
  const slope = number("slope", "model.activation.slope");
  const sizes = SIZES.map(([text, name]) => number(text, name));
  const subtitle = [
    word("model.kind"),
    `${word("model.activation.kind")}${slope === "" ? "" : ` (${slope})`}`,
    ...more,
    ...(sizes.includes("") ? [] : sizes),
    number("n =", "samples"),
    number("N =", "inputs"),
    number("M =", "outputs"),
  ];
  return {
    title: (title ?? sweep.manifest.name).replace(/\p{Cc}/gu, " "),
    latex,
    subtitle: subtitle.filter((fact) => fact !== ""),
  };
}

function sharedFacts({ states }: Sweep) {
  return {
    word: (name: string) => {
      const value = shared(states, name);
      return value === undefined || value === null ? "" : String(value);
    },
    number: (text: string, name: string) => {
      const value = shared(states, name);
      return typeof value === "number" ? `${text} ${formatNumber(value, 4)}` : "";
    },
  };
}

/** How all runs were computed, how many there are, which are missing. `told`: the caption has said what medians and bands are. */
export function sweepFacts(
  sweep: Sweep,
  merged: readonly string[],
  told: boolean,
  middle: Middle = "median",
): string[] {
  const { manifest, states } = sweep;
  const { word, number } = sharedFacts(sweep);
  const merge = merged.map(shortField).join(", ");
  const present = states.filter(({ facts }) => facts !== null).length;
  const status = manifest.jobs.length - present;
  return [
    word("loss.reduction") && `${word("loss.reduction")} loss`,
    word("flow.method"),
    number("steps of", "flow.stepSize") || number("rtol", "flow.rtol"),
    word("boundaries") && `boundaries ${word("boundaries")}`,
    present === 1 ? "1 run" : `${present} runs`,
    merge === "" || told ? "" : `${middle} over ${merge}, from lowest to highest`,
    status === 0 ? "" : `${status} ${status === 1 ? "run has" : "runs have"} no record yet`,
  ].filter((fact) => fact !== "");
}

export type Middle = "median" | "mean";

/** The middle of some numbers, and their ends. */
export function spread(
  values: readonly number[],
  middle: Middle = "median",
): { middle: number; low: number; high: number } {
  const sorted = Float64Array.from(values).sort();
  const half = (sorted.length - 1) / 2;
  const ends = { low: sorted[0]!, high: sorted[sorted.length - 1]! };
  if (middle === "mean") return { ...ends, middle: sorted.reduce((sum, x) => sum + x / sorted.length, 0) };
  return { ...ends, middle: (sorted[Math.floor(half)]! + sorted[Math.ceil(half)]!) / 2 };
}
