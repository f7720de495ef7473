/** A plain value → a complete config, or all that is wrong with it. Knows no files and no lines. */
import { ConfigError } from "../errors.js";
import { checkSections } from "./checks.js";
import { describeIssue, type Finding, show } from "./messages.js";
import { scaleSections } from "./scale.js";
import type { Sections } from "./schema.js";
import { type Config, configSchema } from "./schema.js";
import type { SweepConfig } from "./schema-sweep.js";
import { isRecord } from "./walk.js";

/** The sections that are sound, all of them if `findings` is empty. */
export interface Validation {
  readonly sections: Sections;
  /** The study's own sweep, of which one run knows nothing. */
  readonly sweep: SweepConfig | null;
  readonly findings: readonly Finding[];
}

/** Checks every field, then the constraints between the sections that are sound by themselves. */
export function validate(given: unknown): Validation {
  const input = withUnitInit(given);
  if (!isRecord(input)) {
    return {
      sections: {},
      sweep: null,
      findings: [{ path: [], message: `must be keys and values, got ${show(input)}.` }],
    };
  }
  const findings: Finding[] = [];
  const sections: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(configSchema.shape)) {
    const section = schema.safeParse(input[name]);
    if (section.success) sections[name] = section.data;
  }
  const whole = configSchema.safeParse(input);
  if (!whole.success) {
    findings.push(...whole.error.issues.flatMap((issue) => describeIssue(issue, configSchema, input)));
  }
  const { scale, sweep = null, ...own } = sections as Sections & { scale?: number; sweep?: SweepConfig };
  findings.push(...checkSections(own));
  if (scale === undefined || findings.length > 0) return { sections: own, sweep, findings };
  const scaled = scaleSections(own, scale);
  findings.push(...scaled.findings, ...checkSections(scaled.sections));
  return { sections: scaled.sections, sweep, findings };
}

/** Parameters of another parametrisation than the standard one are drawn from N(0, 1) where nothing else is said. */
function withUnitInit(input: unknown): unknown {
  if (!isRecord(input) || !isRecord(input["model"])) return input;
  const { model } = input;
  const { parametrisation = "standard", init } = model;
  if (parametrisation === "standard" || (init ?? undefined) !== undefined) return input;
  return { ...input, model: { ...model, init: { kind: "normal", std: 1 } } };
}

/** A config from a plain object, for callers without a file. @throws ConfigError with every problem. */
export function parseConfig(input: unknown): Config {
  const { sections, sweep, findings: faults } = validate(input);
  const stray = { path: ["sweep"], message: "a config from code is one run; expand the sweep yourself." };
  const findings = sweep === null ? faults : [...faults, stray];
  if (findings.length > 0) {
    throw new ConfigError(findings.map(({ path, message }) => ({ path: path.join("."), message })));
  }
  return sections as Config;
}
