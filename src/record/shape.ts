/**
 * The types of what JSON files hold, checked where they are read: a file that somebody edited or damaged is bad input, not an error
 * deep in a figure. Shapes are typed by the interfaces that they stand for: a new field needs its line.
 */
import { ConfigError } from "../errors.js";

/** Where a value is not what it should be, and what that is; null where all is well. */
export type Check = (
  value: unknown,
  path: string,
) => { readonly path: string; readonly wanted: string } | null;

/** Of every field of an interface. */
export type Shape<T> = { readonly [K in keyof T]-?: Check };

const kind =
  (wanted: string, holds: (value: unknown) => boolean): Check =>
  (value, path) =>
    holds(value) ? null : { path, wanted };

/** NaN and ±∞ are written as null. */
export const number = kind("a number", (value) => typeof value === "number" || value === null);
export const text = kind("a text", (value) => typeof value === "string");
export const flag = kind("true or false", (value) => typeof value === "boolean");
/** A part of a path: no folder above, no folder below. */
export const folderName = kind(
  "the name of one folder",
  (value) => typeof value === "string" && /^[^/\\]+$/.test(value) && !/^\.\.?$/.test(value),
);
/** A path that stays below where it starts. */
export const innerPath = kind(
  "a path inside the folder",
  (value) =>
    typeof value === "string" && value !== "" && !/^[/\\]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)/.test(value),
);

export function nullable(check: Check): Check {
  return (value, path) => (value === null ? null : check(value, path));
}

export function optional(check: Check): Check {
  return (value, path) => (value === undefined ? null : check(value, path));
}

export function list(check: Check): Check {
  return (value, path) => {
    if (!Array.isArray(value)) return { path, wanted: "a list" };
    for (const [i, entry] of value.entries()) {
      const fault = check(entry, `${path}.${i}`);
      if (fault !== null) return fault;
    }
    return null;
  };
}

/** An object with these fields; others are let pass. */
export function fields<T>(shape: Shape<T>): Check {
  return (value, path) => {
    if (!isObject(value)) return { path, wanted: "an object" };
    for (const [name, check] of Object.entries<Check>(shape)) {
      const own = Object.hasOwn(value, name) ? value[name] : undefined;
      const fault = check(own, path === "" ? name : `${path}.${name}`);
      if (fault !== null) return fault;
    }
    return null;
  };
}

/** An object of equal values under any names. */
export function record(check: Check): Check {
  return (value, path) => {
    if (!isObject(value)) return { path, wanted: "an object" };
    for (const [name, entry] of Object.entries(value)) {
      const fault = check(entry, `${path}.${name}`);
      if (fault !== null) return fault;
    }
    return null;
  };
}

/** Anything. */
export const anything: Check = () => null;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value of a file, as what it was checked for. @throws ConfigError naming file, field, what was wanted and found */
export function requireShape<T>(file: string, value: unknown, shape: Shape<T>): T {
  const fault = fields(shape)(value, "");
  if (fault === null) return value as T;
  const found = fault.path
    .split(".")
    .reduce((here: unknown, key) => (here as Record<string, unknown>)?.[key], value);
  const got = found === undefined ? "nothing" : JSON.stringify(found).slice(0, 40);
  throw new ConfigError(
    `${file}: ${fault.path} must be ${fault.wanted}, got ${got}; the file is damaged or of another version of gradflow: restore it, or run again into another folder.`,
  );
}
