/** `--set a.b.c=value`: parsing, and setting the value in the plain config before it is checked. */
import type { Document } from "yaml";
import type { Problem } from "../errors.js";
import { show } from "./messages.js";
import { isRecord } from "./walk.js";
import { readYaml } from "./yaml.js";

/** One override: the words of the command line, the keys and the value (read as YAML). */
export interface Override {
  readonly text: string;
  readonly path: readonly string[];
  readonly value: unknown;
  /** The value as it was written. */
  readonly document: Document;
}

/** Names that reach into JavaScript's prototypes; never keys of a config. */
const FORBIDDEN = ["__proto__", "constructor", "prototype"];

/** How an override is cited in a problem, in place of file and line. */
export function citeOverride(text: string): string {
  return `--set ${text}`;
}

/** Reads the arguments of `--set`; faulty ones go to `problems` and are left out. */
export function parseOverrides(texts: readonly string[], problems: Problem[]): Override[] {
  return texts.flatMap((text) => {
    const fail = (message: string) => {
      problems.push({ path: "", message, file: citeOverride(text) });
      return [];
    };
    const equals = text.indexOf("=");
    if (equals < 1) return fail("must have the form key.key=value, e.g. flow.rtol=1e-8.");
    const path = text.slice(0, equals).trim().split(".");
    if (path.some((key) => key === "")) return fail("has an empty key between the dots.");
    const forbidden = path.find((key) => FORBIDDEN.includes(key));
    if (forbidden !== undefined) return fail(`${forbidden} is not a key of the config.`);
    const { document, value, faults } = readYaml(text.slice(equals + 1));
    if (faults[0] !== undefined) return fail(`the value is not valid YAML: ${faults[0].message}`);
    return [{ text, path, value, document }];
  });
}

/** Sets the overrides in `root`, in order, creating sections on the way; faulty ones go to `problems`. */
export function applyOverrides(root: unknown, overrides: readonly Override[], problems: Problem[]): void {
  for (const { text, path, value } of overrides) {
    let here = root;
    path.forEach((key, depth) => {
      if (!isRecord(here) && !isIndex(here, key)) {
        const where = path.slice(0, depth).join(".") || "the config";
        const message = Array.isArray(here)
          ? `${where} is a list of ${here.length}; ${show(key)} is not a place in it.`
          : `${where} is not a section, it holds ${show(here)}.`;
        if (here !== undefined) problems.push({ path: path.join("."), message, file: citeOverride(text) });
        here = undefined;
        return;
      }
      const container = here as Record<string, unknown>;
      if (depth === path.length - 1) container[key] = value;
      else {
        if (!Object.hasOwn(container, key) || container[key] === null) container[key] = {};
        here = container[key];
      }
    });
  }
}

function isIndex(list: unknown, key: string): boolean {
  return Array.isArray(list) && /^\d+$/.test(key) && Number(key) <= list.length;
}
