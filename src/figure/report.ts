/** The report of a run or a sweep: one HTML file with its figures alive, its results, checks, config, circumstances and commands. */
import { join } from "node:path";
import type { TopLevelSpec } from "vega-lite";
import { attachFiles } from "../record/attachments.js";
import { type Facts, readResultFacts } from "../record/facts.js";
import { readIfPresent } from "../record/files.js";
import type { Manifest, RepositoryState } from "../record/manifest.js";
import { type RunRecord, readRecord } from "../record/reader.js";
import { attachSweepFiles, CODE, readSweep, type SweepManifest } from "../record/sweep.js";
import { readJobs } from "../record/sweep-states.js";
import { figuresOf } from "./figures.js";
import { describeChecks, show } from "./report-checks.js";
import { folded, listing, page, section, table, text } from "./report-page.js";
import { buildSweepFigures } from "./sweep-figures.js";
import { describeAxisValue } from "./sweep-groups.js";
import { compile, logger, None, VEGA_SOURCE } from "./vega.js";

export const REPORT = "report.html";

/** Writes `report.html` into a record or a sweep. Returns its path. @throws ConfigError where the folder is neither. */
export async function writeReport(directory: string, force = false): Promise<string> {
  const sweep = await readSweep(directory);
  if (sweep === null) {
    const record = await readRecord(directory, { thinned: true });
    await attachFiles(directory, { [REPORT]: await reportRun(record) }, { force, of: record.manifest });
  } else await attachSweepFiles(directory, { [REPORT]: await reportSweep(directory, sweep) }, force);
  return join(directory, REPORT);
}

async function reportRun(record: RunRecord): Promise<string> {
  const { manifest, result, config, directory } = record;
  const drawn = figuresOf(record).flatMap((figure) => {
    const drawing = figure.build(record);
    return drawing === null ? [] : [{ name: figure.name, spec: drawing.spec }];
  });
  const source = await readIfPresent(join(directory, "config.yaml"));
  const status =
    result === null
      ? `${manifest.status}${manifest.failure ? `: ${manifest.failure}` : ""}`
      : `${result.status}: ${result.message}`;
  return assemble(String(config["name"] ?? "run"), status, drawn, [
    ...(result === null ? [] : [describeChecks(result)]),
    ...(result === null || result.notes.length === 0
      ? []
      : [section("Notes", `<ul>${result.notes.map((note) => `<li>${text(note)}</li>`).join("")}</ul>`)]),
    ...(result === null
      ? []
      : [section("Results", folded("every number of result.json", factTable(readResultFacts(result))))]),
    section(
      "Study",
      ...(source === null
        ? []
        : ["<p>As written; comments say where values come from.</p>", listing(source)]),
      folded("complete, with every default", listing(JSON.stringify(config, null, 2))),
    ),
    circumstances(manifest),
    section("To reproduce", listing(commandsOf(manifest))),
  ]);
}

async function reportSweep(directory: string, sweep: SweepManifest): Promise<string> {
  const built = await buildSweepFigures(directory);
  const drawn = built.flatMap(({ name, drawing }) =>
    drawing === null ? [] : [{ name, spec: drawing.spec }],
  );
  const states = await readJobs(directory, sweep);
  const measured = states.some(({ facts }) => facts?.has("ntk.verdict"));
  const columns = [
    "status",
    "parameters",
    "parametersPerTarget",
    "loss",
    "decay.rate",
    "decay.rSquared",
    "energyDefect",
    ...(measured ? ["ntk.verdict"] : []),
    "wallSeconds",
  ];
  const rows = states.map(({ job, facts }) => [
    job.name,
    ...sweep.fields.map((field) => describeAxisValue(job.values[field])),
    ...columns.map((name) => show(facts?.get(name))),
  ]);
  const source = (await readIfPresent(join(directory, "sweep.yaml"))) ?? "";
  const first = states.find(({ manifest }) => manifest !== null)?.manifest ?? null;
  const alone = states.map(({ job }) =>
    quote(["gradflow", "run", sweep.study, ...job.set.flatMap((word) => ["--set", word])]),
  );
  return assemble(sweep.name, `${sweep.status}: ${states.length} runs`, drawn, [
    section("Runs", table(["run", ...sweep.fields, ...columns], rows)),
    section("Study", "<p>As written; comments say where values come from.</p>", listing(source)),
    ...(first === null ? [] : [circumstances(first)]),
    section(
      "To reproduce",
      listing(commandsOf({ program: null, study: null, ...first, command: sweep.command })),
      ...(sweep.study === CODE ? [] : [folded("each run alone", listing(alone.join("\n")))]),
    ),
  ]);
}

function factTable(facts: Facts): string {
  return table(
    ["name", "value"],
    [...facts].map(([name, value]) => [name, value === null ? "–" : String(value)]),
  );
}

function circumstances(manifest: Manifest): string {
  const { command: _, files: __, problem, program, study, ...rest } = manifest;
  const states = {
    ...(program ? { "commit of gradflow": describeState(program) } : {}),
    ...(study ? { "commit of the study": describeState(study) } : {}),
  };
  const rows = Object.entries({ ...rest, ...states, ...problem }).filter(
    ([, value]) => value !== null && typeof value !== "object",
  );
  return section(
    "Circumstances",
    table(
      [],
      rows.map(([name, value]) => [name, String(value)]),
    ),
  );
}

function describeState({ commit, dirty }: RepositoryState): string {
  const dirtiness = dirty === null ? ", unknown whether changed" : dirty ? ", with changes beside it" : "";
  return `${commit}${dirtiness}`;
}

/** What to type for the same numbers. */
function commandsOf({ command, program, study }: Pick<Manifest, "command" | "program" | "study">): string {
  const checkout = (state: RepositoryState | null, whose: string) =>
    state
      ? [`git checkout ${state.commit}    # ${whose}${state.dirty ? ", which had changes beside" : ""}`]
      : [];
  return [
    ...checkout(program, "gradflow itself"),
    "npm ci",
    ...(study?.commit === program?.commit ? [] : checkout(study, "the repository of the study")),
    // Of a program that used the library its own.
    command[0] === "gradflow" ? `npx ${quote(command)}` : quote(command),
  ].join("\n");
}

function quote(words: readonly string[]): string {
  return words
    .map((word) => (/^[\w./:=@,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(" ");
}

async function assemble(
  name: string,
  status: string,
  drawn: readonly { readonly name: string; readonly spec: TopLevelSpec }[],
  sections: readonly string[],
): Promise<string> {
  const silent = logger(None);
  const specs = drawn.map(
    (figure, k) => [`figure-${k}`, compile(enliven(figure.spec), { logger: silent }).spec] as const,
  );
  const holders = drawn.map(
    (figure, k) => `<figure id="figure-${k}" aria-label="${text(figure.name)}"></figure>`,
  );
  const head = `<h1>${text(name)}</h1>\n<p class="status">${text(status)}</p>`;
  return page(name, [head, ...holders, ...sections].join("\n"), Object.fromEntries(specs), VEGA_SOURCE);
}

/** The same picture with tooltips: every mark tells its row, lines by points that cannot be seen. */
function enliven(spec: TopLevelSpec): TopLevelSpec {
  return withTooltips(spec as unknown as Record<string, unknown>) as unknown as TopLevelSpec;
}

function withTooltips(view: Record<string, unknown>): Record<string, unknown> {
  const inner = (views: unknown) => (views as Record<string, unknown>[]).map(withTooltips);
  const { mark, layer, vconcat } = view as {
    mark?: Record<string, unknown>;
    layer?: unknown;
    vconcat?: unknown;
  };
  return {
    ...view,
    ...(layer === undefined ? {} : { layer: inner(layer) }),
    ...(vconcat === undefined ? {} : { vconcat: inner(vconcat) }),
    ...(typeof mark !== "object" || mark["opacity"] === 0
      ? {}
      : {
          mark: {
            tooltip: { content: "data" },
            ...mark,
            ...(mark["type"] === "line" ? { point: { opacity: 0, size: 90, filled: true } } : {}),
          },
        }),
  };
}
