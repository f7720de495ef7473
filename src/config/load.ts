/** A YAML file and `--set` overrides → a complete config, or one error with every problem, its file and line. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { ConfigError, type Problem } from "../errors.js";
import type { Measure } from "../measure/index.js";
import type { Network } from "../model/index.js";
import { dropEmptyKeys, type EmptyKey } from "./empty.js";
import { checkFiles, suggestFile } from "./files.js";
import { applyOverrides, parseOverrides } from "./overrides.js";
import { createLocate, type Locate } from "./positions.js";
import { type Config, configSchema } from "./schema.js";
import type { SweepConfig } from "./schema-sweep.js";
import { validate } from "./validate.js";
import { isUnwritten, type ParsedYaml, readYaml } from "./yaml.js";

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
  /** Keys without a value, and what was taken in place of it. */
  readonly notes: readonly string[];
  /** Of a study from code whose network is. */
  readonly network?: Network;
  /** Of a study from code: measures of its own. */
  readonly measures?: readonly Measure[];
}

/** A config is a page of text; anything larger is some other file. */
const LARGEST_SOURCE = 1 << 20;

/**
 * Loads a config.
 * @param options.baseDir what file names in it are relative to, where that is not the file's own folder
 * @throws ConfigError that lists all problems at once.
 */
export async function loadConfig(
  file: string | StudyText,
  options: { readonly set?: readonly string[]; readonly baseDir?: string } = {},
): Promise<LoadedConfig> {
  const text = typeof file === "string" ? await readStudyText(file) : file;
  const study = readStudy(text, options.set ?? []);
  const { input, locate, problems, source, set, notes } = study;
  const baseDir = options.baseDir ?? study.baseDir;
  const { sections, sweep, findings } = validate(input);
  for (const { path, message } of [...findings, ...(await checkFiles(sections, baseDir))]) {
    problems.push({ path: path.map(String).join("."), message, ...locate(path) });
  }
  if (problems.length > 0) throw new ConfigError(problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0)));
  return { config: sections as Config, source, file: text.file, baseDir, set, locate, sweep, notes };
}

/** A study as plain values, unchecked. */
export interface PlainStudy {
  /** The file with the overrides laid over it, without known keys that have no value. */
  readonly input: unknown;
  readonly source: string;
  readonly baseDir: string;
  readonly set: readonly string[];
  readonly locate: Locate;
  /** Faults of the overrides; the caller adds its own. */
  readonly problems: Problem[];
  readonly notes: readonly string[];
}

/** A study's file, read once for all runs that are made of it. */
export interface StudyText {
  readonly file: string;
  readonly source: string;
  readonly yaml: ParsedYaml;
}

/** @throws ConfigError where the file cannot be read or is no YAML */
export async function readStudyText(file: string): Promise<StudyText> {
  const source = await readSource(file);
  const yaml = readYaml(source);
  if (yaml.faults.length === 0) return { file, source, yaml };
  const faults = yaml.faults.map(({ message, offset }) => {
    return { path: "", message: `YAML: ${message}`, file, line: yaml.lines.linePos(offset).line };
  });
  // An indentation is complained of at each item that follows it.
  const distinct = new Map(faults.map((fault) => [`${fault.line}: ${fault.message}`, fault]));
  throw new ConfigError([...distinct.values()]);
}

/** A study with overrides laid over it, its fields unchecked. */
export function readStudy({ file, source, yaml }: StudyText, set: readonly string[]): PlainStudy {
  const { document, lines } = yaml;
  const problems: Problem[] = [];
  const overrides = parseOverrides(set, problems);
  const plain = structuredClone(yaml.value ?? {});
  applyOverrides(plain, overrides, problems);
  const locate = createLocate(file, document, lines, overrides);
  const empty: EmptyKey[] = [];
  const input = dropEmptyKeys(plain, configSchema, empty);
  const notes = empty.flatMap(({ path, consequence }) => {
    const written = overrides.findLast((given) => given.path.every((key, k) => key === String(path[k])));
    const unwritten =
      written === undefined
        ? isUnwritten(document, path)
        : isUnwritten(written.document, path.slice(written.path.length));
    if (!unwritten || consequence === null) return [];
    const { file: place, line } = locate(path);
    const at = `${place}${line === undefined ? "" : `:${line}`}`;
    return [`${at}: ${path.join(".")} has no value; ${consequence}.`];
  });
  return { input, source, baseDir: dirname(resolve(file)), set, locate, problems, notes };
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
        ? `no such file.${(await suggestFile(file)) || " `gradflow init` writes a config to start from."}`
        : code === "EISDIR"
          ? "is a folder; name a study's YAML file. gradflow resume goes on with the run in a folder."
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
