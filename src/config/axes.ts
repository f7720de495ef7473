/** The axes of a sweep: values from lists and ranges, from YAML and from `-m`; crossed and zipped into jobs with names. */
import { createHash } from "node:crypto";
import type { Problem } from "../errors.js";
import { describeSlip, type Finding, show } from "./messages.js";
import { isRecord } from "./walk.js";
import { readYaml } from "./yaml.js";

/** Fields that change in step, each with equally many values. */
export type Axis = readonly { readonly field: string; readonly values: readonly unknown[] }[];

/** One run of a sweep. */
export interface Point {
  /** Made from the values: fit for a folder, the same at every start. */
  readonly name: string;
  /** The value of every axis field. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** Runs that one sweep may have; more is a slip in a range. */
const MOST_JOBS = 10_000;
const LONGEST_NAME = 80;

/** Reads `sweep.axes`. Faults go to `findings`. */
export function readAxes(axes: readonly Readonly<Record<string, unknown>>[], findings: Finding[]): Axis[] {
  return axes.flatMap((entry, i) => {
    const axis = Object.entries(entry).flatMap(([field, given]) => {
      const fail = (message: string) => {
        findings.push({ path: ["sweep", "axes", i, field], message });
        return [];
      };
      const values = isRange(given) ? expandRange(given, fail) : Array.isArray(given) ? given : null;
      const slip = describeSlip(field, given) ?? slipOf(given);
      if (slip !== null) return fail(slip);
      if (values === null)
        return fail(`must be a list of values or a range { from, to }, got ${show(given)}.`);
      if (values.length === 0 && !isRange(given))
        return fail("must have at least one value, got an empty list.");
      return values.length === 0 ? [] : [{ field, values: values as unknown[] }];
    });
    return axis.length === 0 ? [] : checkAxis(axis, ["sweep", "axes", i], findings);
  });
}

/** Reads the arguments of `-m`: `field=a,b`, `field=0..4`, and `field=a,b;other=c,d` for fields in step. */
export function parseAxes(texts: readonly string[], problems: Problem[]): Axis[] {
  return texts.flatMap((text) => {
    const cite = (message: string) => {
      problems.push({ path: "", message, file: `-m ${text}` });
      return [];
    };
    const axis = text.split(";").flatMap((part) => {
      const equals = part.indexOf("=");
      if (equals < 1) return cite("must have the form key.key=value,value, e.g. seed=0,1,2 or seed=0..4.");
      const field = part.slice(0, equals).trim();
      const { value: list, faults } = readYaml(`[${part.slice(equals + 1)}]`);
      if (faults[0] !== undefined) return cite(`the values are not valid YAML: ${faults[0].message}`);
      const values = (list as unknown[]).flatMap((value) => shorthand(value, cite));
      return values.length === 0 ? cite("must name at least one value.") : [{ field, values }];
    });
    const findings: Finding[] = [];
    const checked = axis.length === 0 ? [] : checkAxis(axis, [], findings);
    for (const { message } of findings) cite(message);
    return checked;
  });
}

/** `0..4` and `{from: …, to: …}` in a list stand for their values. */
function shorthand(value: unknown, fail: (message: string) => never[]): unknown[] {
  if (isRange(value)) return expandRange(value, fail);
  const ends = typeof value === "string" ? /^(-?\d+)\.\.(-?\d+)$/.exec(value) : null;
  return ends === null ? [value] : expandRange({ from: Number(ends[1]), to: Number(ends[2]) }, fail);
}

/** A slip of punctuation in the keys of what should be a range. */
function slipOf(given: unknown): string | null {
  if (!isRecord(given)) return null;
  const slips = Object.entries(given).map(([key, value]) => describeSlip(key, value));
  return slips.find((slip) => slip !== null) ?? null;
}

interface Range {
  readonly from: unknown;
  readonly to: unknown;
  readonly step?: unknown;
  readonly points?: unknown;
  readonly spacing?: unknown;
}

function isRange(value: unknown): value is Range {
  return isRecord(value) && "from" in value && "to" in value;
}

function expandRange(range: Range, fail: (message: string) => never[]): number[] {
  const { from, to, step, points, spacing = "linear", ...others } = range as Range & Record<string, unknown>;
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined)
    return fail(`${unknown} is not a part of a range; there are from, to, step, points, spacing.`);
  if (!isNumber(from) || !isNumber(to) || to < from)
    return fail(`must be a range with numbers from ≤ to, got ${show(range)}.`);
  if (spacing !== "linear" && spacing !== "log")
    return fail(`spacing must be linear or log, got ${show(spacing)}.`);
  if (points === undefined) {
    if (spacing === "log") return fail("a range with spacing: log needs points.");
    const stride = step ?? 1;
    if (!isNumber(stride) || !(stride > 0)) return fail(`step must be greater than 0, got ${show(stride)}.`);
    // Half a step in a million more, so that 0 to 1 by 0.1 ends at 1.
    const count = Math.floor((to - from) / stride + 5e-7) + 1;
    if (count > MOST_JOBS)
      return fail(`the range has ${count} values, more than ${MOST_JOBS}; enlarge step.`);
    return Array.from({ length: count }, (_, k) => tidy(from + k * stride));
  }
  if (step !== undefined) return fail("a range has step or points, not both.");
  if (!Number.isInteger(points) || (points as number) < 2 || (points as number) > MOST_JOBS)
    return fail(`points must be an integer from 2 to ${MOST_JOBS}, got ${show(points)}.`);
  if (spacing === "log" && !(from > 0))
    return fail(`a range with spacing: log must begin above 0, got ${from}.`);
  const count = points as number;
  return Array.from({ length: count }, (_, k) => {
    const share = k / (count - 1);
    if (k === count - 1) return to;
    return tidy(spacing === "log" ? from * (to / from) ** share : from + (to - from) * share);
  });
}

/** 12 digits: what was meant, without the dust of binary fractions. */
function tidy(value: number): number {
  return Number(value.toPrecision(12));
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function checkAxis(axis: Axis, path: readonly PropertyKey[], findings: Finding[]): Axis[] {
  const [first, ...others] = axis;
  const odd = others.find(({ values }) => values.length !== first!.values.length);
  if (odd !== undefined) {
    const message = `${odd.field} has ${odd.values.length} values and ${first!.field} ${first!.values.length}; fields in step need equally many.`;
    findings.push({ path: [...path, odd.field], message });
    return [];
  }
  for (const { field, values } of axis) {
    if (/^(name|scale|sweep)(\.|$)/.test(field) || !/^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z0-9]+)*$/.test(field))
      findings.push({
        path: [...path, field],
        message: "cannot vary in a sweep; name a field of one run, e.g. model.hidden.",
      });
    const texts = axis.length === 1 ? values.map((value) => JSON.stringify(value)) : [];
    const first = new Map(texts.map((text, k) => [text, k] as const).reverse());
    const twice = texts.find((text, k) => first.get(text)! < k);
    if (twice !== undefined)
      findings.push({ path: [...path, field], message: `${twice} stands in the list twice.` });
  }
  return [axis];
}

/** The axes of `-m` in place of those of the study that vary the same field, the others added. */
export function mergeAxes(own: readonly Axis[], given: readonly Axis[]): Axis[] {
  const fields = new Set(given.flatMap((axis) => axis.map(({ field }) => field)));
  const kept = own.map((axis) => axis.filter(({ field }) => !fields.has(field)));
  return [...kept.filter((axis) => axis.length > 0), ...given];
}

/** All combinations; the last axis varies fastest. Faults go to `findings`. */
export function crossAxes(axes: readonly Axis[], findings: Finding[]): Point[] {
  const fields = axes.flatMap((axis) => axis.map(({ field }) => field));
  const twice = fields.find((field, k) => fields.indexOf(field) < k);
  if (twice !== undefined) {
    findings.push({ path: ["sweep", "axes"], message: `${twice} is on two axes; name it once.` });
    return [];
  }
  const count = axes.reduce((product, axis) => product * axis[0]!.values.length, 1);
  if (count > MOST_JOBS) {
    findings.push({
      path: ["sweep", "axes"],
      message: `make ${count} runs, more than ${MOST_JOBS}; shorten a list.`,
    });
    return [];
  }
  let points: Record<string, unknown>[] = [{}];
  for (const axis of axes) {
    const steps = axis[0]!.values.map((_, k) =>
      Object.fromEntries(axis.map(({ field, values }) => [field, values[k]])),
    );
    points = points.flatMap((point) => steps.map((step) => ({ ...point, ...step })));
  }
  const names = points.map((values) => nameOf(values, fields));
  const uses = new Map<string, number>();
  for (const name of names) uses.set(name, 1 + (uses.get(name) ?? 0));
  return points.map((values, k) => {
    const name = names[k]!;
    const unclear = name.length > LONGEST_NAME || uses.get(name)! > 1;
    if (!unclear) return { name, values };
    const digest = createHash("sha256").update(JSON.stringify(values)).digest("hex").slice(0, 8);
    return { name: `${name.slice(0, LONGEST_NAME)}-${digest}`, values };
  });
}

/** `hidden-50-50_seed-0`: the last word of each field and its value, of letters that every file system takes. */
function nameOf(values: Readonly<Record<string, unknown>>, fields: readonly string[]): string {
  const short = (field: string) => field.slice(field.lastIndexOf(".") + 1);
  return Object.entries(values)
    .map(([field, value]) => {
      const clear = fields.filter((other) => short(other) === short(field)).length === 1;
      return `${clear ? short(field) : field}-${describeValue(value)}`.replaceAll(/[^A-Za-z0-9.+-]+/g, "-");
    })
    .join("_");
}

/** An axis value in a few letters: `50-50`, `8x100` for many equal ones, `leaky-relu 0.1`. */
function describeValue(value: unknown): string {
  if (Array.isArray(value) && value.length > 3 && value.every((entry) => entry === value[0]))
    return `${value.length}x${describeValue(value[0])}`;
  if (Array.isArray(value)) return value.map(describeValue).join("-");
  if (isRecord(value) && Array.isArray(value["coefficients"]))
    return `${value["kind"]}-degree-${degreeOf(value["coefficients"])}`;
  if (isRecord(value)) return Object.values(value).map(describeValue).join(" ");
  return String(value);
}

/** Of a piecewise polynomial: its coefficients would be no name. */
function degreeOf(pieces: readonly unknown[]): number {
  return Math.max(...pieces.map((piece) => (Array.isArray(piece) ? piece.length - 1 : 0)));
}
