/** A YAML file and `--set` overrides → a complete config, or one error with every problem, its file and line. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type Document, LineCounter, parseDocument } from "yaml";
import { ConfigError, type Problem } from "../errors.js";
import { checkFiles } from "./files.js";
import { applyOverrides, parseOverrides } from "./overrides.js";
import { createLocate, type Locate } from "./positions.js";
import type { Config } from "./schema.js";
import type { SweepConfig } from "./schema-sweep.js";
import { validate } from "./validate.js";
import { isRecord } from "./walk.js";

/** A config and where it came from. */
export interface LoadedConfig {
  readonly config: Config;
  /** The text of the file, without the overrides. */
  readonly source: string;
  /** The name the caller gave. */
  readonly file: string;
  /** The absolute folder that file names in the config are relative to. */
  readonly baseDir: string;
  /** The arguments of `--set`, in order. */
  readonly set: readonly string[];
  readonly locate: Locate;
  /** The sweep that the study describes; one run of it does not look there. */
  readonly sweep: SweepConfig | null;
}

/** A config is a page of text; anything larger is some other file. */
const LARGEST_SOURCE = 1 << 20;
/** Bound on how far aliases may multiply the document (yaml's `maxAliasCount`). */
const MAX_ALIAS_COUNT = 100;

/**
 * Loads a config.
 * @param options.baseDir what file names in it are relative to, where that is not the file's own folder
 * @throws ConfigError that lists all problems at once.
 */
export async function loadConfig(
  file: string,
  options: { readonly set?: readonly string[]; readonly baseDir?: string } = {},
): Promise<LoadedConfig> {
  const study = await readStudy(file, options.set ?? []);
  const { input, locate, problems, source, set } = study;
  const baseDir = options.baseDir ?? study.baseDir;
  const { sections, sweep, findings } = validate(input);
  for (const { path, message } of [...findings, ...(await checkFiles(sections, baseDir))]) {
    problems.push({ path: path.map(String).join("."), message, ...locate(path) });
  }
  if (problems.length > 0) throw new ConfigError(problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)));
  return { config: sections as Config, source, file, baseDir, set, locate, sweep };
}

/** A study as plain values, unchecked. */
export interface PlainStudy {
  /** The file with the overrides laid over it, without nulls. */
  readonly input: unknown;
  readonly source: string;
  readonly baseDir: string;
  readonly set: readonly string[];
  readonly locate: Locate;
  /** Faults of the overrides; the caller adds its own. */
  readonly problems: Problem[];
}

/** Reads a study without checking its fields. @throws ConfigError where it is no YAML. */
export async function readStudy(file: string, set: readonly string[]): Promise<PlainStudy> {
  const source = await readSource(file);
  const problems: Problem[] = [];
  const lines = new LineCounter();
  const document = parseYaml(file, source, lines);
  const overrides = parseOverrides(set, problems);
  const input = toPlain(file, document);
  applyOverrides(input, overrides, problems);
  const locate = createLocate(file, document, lines, overrides);
  return { input: withoutNulls(input), source, baseDir: dirname(resolve(file)), set, locate, problems };
}

/** An error about a field found out later, e.g. when the data were read: cites the field's line or its `--set`. */
export function problemAt(loaded: LoadedConfig, path: string, message: string): ConfigError {
  return new ConfigError([{ path, message, ...loaded.locate(path.split(".")) }]);
}

async function readSource(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const message =
      code === "ENOENT"
        ? "no such file. `gradflow init` writes a config to start from."
        : `cannot be read (${code}).`;
    throw new ConfigError([{ path: "", message, file }]);
  }
  if (bytes.length > LARGEST_SOURCE || bytes.includes(0)) {
    throw new ConfigError([
      { path: "", message: "is not a YAML config (binary, or larger than 1 MiB).", file },
    ]);
  }
  return bytes.toString("utf8");
}

function parseYaml(file: string, source: string, lines: LineCounter): Document {
  let document: Document;
  try {
    document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  } catch (error) {
    throw new ConfigError([
      { path: "", message: `YAML: cannot be parsed (${(error as Error).message}).`, file },
    ]);
  }
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    throw new ConfigError(
      faults.map((fault) => ({
        path: "",
        message: `YAML: ${describeFault(fault.code, fault.message, source.slice(...fault.pos))}`,
        file,
        line: lines.linePos(fault.pos[0]).line,
      })),
    );
  }
  return document;
}

function describeFault(code: string, message: string, text: string): string {
  if (code === "DUPLICATE_KEY") return "this key stands in its section already; remove one of the two.";
  if (code === "TAB_AS_INDENT") return "indent with spaces, not tabs.";
  return `${message}${text.trim() === "" || text.includes("\n") ? "" : ` (at ${JSON.stringify(text.slice(0, 40))})`}.`;
}

function toPlain(file: string, document: Document): unknown {
  try {
    return (document.toJS({ maxAliasCount: MAX_ALIAS_COUNT }) as unknown) ?? {};
  } catch (error) {
    throw new ConfigError([{ path: "", message: `YAML: ${(error as Error).message}.`, file }]);
  }
}

/** A key without a value counts as left out. */
function withoutNulls(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const kept = Object.entries(value).filter(([, entry]) => entry !== null);
  // defineProperty as fromEntries does, so that a key `__proto__` stays a key, to be refused as unknown.
  return Object.fromEntries(kept.map(([key, entry]) => [key, withoutNulls(entry)]));
}
