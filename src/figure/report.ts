/** The report of a run or a sweep: one HTML file with its figures alive, its results, checks, config, circumstances and commands. */

import { basename, join } from "node:path";
import type { TopLevelSpec } from "vega-lite";
import { attachFiles } from "../record/attachments.js";
import { quote } from "../record/command.js";
import { type Facts, readResultFacts } from "../record/facts.js";
import { readIfPresent } from "../record/files.js";
import type { Manifest, RepositoryState } from "../record/manifest.js";
import { type RunRecord, readRecord } from "../record/reader.js";
import { attachSweepFiles, CODE, readSweep, type SweepManifest } from "../record/sweep.js";
import { type JobState, readJobs } from "../record/sweep-states.js";
import { figuresOf } from "./figures.js";
import { captionOf } from "./render.js";
import { describeChecks, show } from "./report-checks.js";
import { figure, folded, listing, page, runTable, section, table, text } from "./report-page.js";
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
  const drawn = figuresOf(record).flatMap(({ name, build }) => {
    const drawing = build(record);
    return drawing === null ? [] : [{ name, spec: drawing.spec }];
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
    section(
      "To reproduce",
      listing(commandsOf(manifest, source, namesFiles([config["dataset"], config["model"]]))),
    ),
  ]);
}

async function reportSweep(directory: string, sweep: SweepManifest): Promise<string> {
  const states = await readJobs(directory, sweep);
  const built = await buildSweepFigures(directory, { manifest: sweep, states });
  const drawn = built.flatMap(({ name, drawing }) =>
    drawing === null ? [] : [{ name, spec: drawing.spec }],
  );
  const measured = states.some(({ facts }) => facts?.has("ntk.verdict"));
  const columns = [
    "status",
    "parameters",
    "parametersPerTarget",
    "loss",
    "decay.rate",
    "decay.rSquared",
    "decay.law",
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
    section(
      "Runs",
      runTable(
        ["run", ...sweep.fields, ...columns.map((name) => HEADS[name] ?? name)],
        rows,
        besides(states),
      ),
    ),
    section("Study", "<p>As written; comments say where values come from.</p>", listing(source)),
    ...(first === null ? [] : [circumstances(first)]),
    section(
      "To reproduce",
      listing(
        commandsOf(
          { program: null, study: null, ...first, folder: sweep.folder, command: sweep.command },
          source === "" ? null : source,
          states.some(({ facts }) =>
            namesFiles(
              [...(facts ?? [])].map(([name, value]) => (/^(dataset|model)\./.test(name) ? value : null)),
            ),
          ),
        ),
      ),
      ...(sweep.study === CODE ? [] : [folded("each run alone", listing(alone.join("\n")))]),
    ),
  ]);
}

/** Heads of columns, short. */
const HEADS: Readonly<Record<string, string>> = {
  parameters: "P",
  parametersPerTarget: "P/nM",
  loss: "loss L",
  "decay.rate": "fitted decay rate of ‖r‖²",
  "decay.rSquared": "R²",
  "decay.law": "law",
  energyDefect: "energy defect",
  "ntk.verdict": "bound by λ_min",
  wallSeconds: "seconds",
};

/** Facts that differ between any two runs. */
const CIRCUMSTANCES = /^(hash|started|finished|process\..*|program\..*|study\..*)$/;

/** What differs between the runs of a sweep, for people, what the table of runs shows first. */
function besides(states: readonly JobState[]) {
  const names = [...new Set(states.flatMap(({ facts }) => [...(facts?.keys() ?? [])]))].filter(
    (name) => !CIRCUMSTANCES.test(name),
  );
  const differing = names.filter((name) => {
    const first = states[0]?.facts?.get(name);
    return states.some(({ facts }) => facts?.get(name) !== first);
  });
  const lead = Object.keys(HEADS);
  const rank = (name: string) => (lead.includes(name) ? lead.indexOf(name) : lead.length);
  differing.sort((a, b) => rank(a) - rank(b));
  return states.map(({ job, facts }) => ({
    name: job.name,
    facts: Object.fromEntries(differing.map((name) => [name, show(facts?.get(name))])),
  }));
}

/** The ends of names by which the files of a study are known. */
const FILE = /\.(npy|npz|csv|tsv|txt|gz|bin|safetensors)$|idx\d/i;

/** Whether a config names files. */
function namesFiles(config: unknown): boolean {
  if (typeof config === "string") return FILE.test(config);
  return typeof config === "object" && config !== null && Object.values(config).some(namesFiles);
}

function factTable(facts: Facts): string {
  return table(
    ["name", "value"],
    [...facts].map(([name, value]) => [name, value === null ? "–" : String(value)]),
  );
}

function circumstances(manifest: Manifest): string {
  const {
    command,
    files,
    format,
    formatVersion,
    drawn,
    started,
    finished,
    problem,
    program,
    study,
    ...rest
  } = manifest;
  const times = { started: showTime(started), finished: finished === null ? null : showTime(finished) };
  const states = {
    ...(program ? { "commit of gradflow": describeState(program) } : {}),
    ...(study ? { "commit of the study": describeState(study) } : {}),
  };
  const rows = Object.entries({ ...rest, ...times, ...states, ...problem }).filter(
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

/** To the second; the manifest has it to the millisecond. */
const showTime = (iso: string): string => iso.replace(/^(\S+)T(\d\d:\d\d:\d\d)\S*Z$/, "$1 $2 UTC");

function describeState({ commit, dirty }: RepositoryState): string {
  const dirtiness = dirty === null ? ", unknown whether changed" : dirty ? ", with changes beside it" : "";
  return `${commit}${dirtiness}`;
}

/**
 * What to type for the same numbers, in any folder: the study is written there first, unless it names files of its own, whose folder is entered.
 * @param source of the study, null where there is none
 */
function commandsOf(
  {
    command,
    program,
    study,
    gradflow,
    folder,
  }: Pick<Manifest, "command" | "program" | "study"> & Partial<Pick<Manifest, "gradflow" | "folder">>,
  source: string | null,
  hasFiles: boolean,
): string {
  const checkout = (state: RepositoryState | null, whose: string) =>
    state
      ? [`git checkout ${state.commit}    # ${whose}${state.dirty ? ", which had changes beside" : ""}`]
      : [];
  const at = command.findIndex((word, k) => k > 1 && /\.ya?ml$/i.test(word));
  const file = at < 0 ? null : basename(command[at]!);
  const words = command.map((word, k) => (k === at ? file! : word));
  // Of a program that used the library its own.
  if (command[0] !== "gradflow" || file === null || source === null)
    return [
      ...checkout(program, "gradflow itself"),
      "npm ci",
      command[0] === "gradflow" ? `npx ${quote(command)}` : quote(command),
    ].join("\n");
  const set = program
    ? [...checkout(program, "gradflow itself"), "npm ci"]
    : [`npm install gradflow@${gradflow ?? "latest"}`];
  const end = endOf(source);
  return [
    "# gradflow",
    ...set,
    ...(study?.commit === program?.commit ? [] : checkout(study, "the repository of the study")),
    "# the study and its run",
    ...(hasFiles && folder !== undefined
      ? [`cd ${quote([folder])}    # where the files are that the study names`]
      : []),
    `cat > ${quote([file])} <<'${end}'`,
    source.trimEnd(),
    end,
    `npx ${quote(words)}`,
  ].join("\n");
}

/** A word that no line of the text is. */
function endOf(source: string): string {
  let end = "END";
  while (source.split("\n").includes(end)) end += "_";
  return end;
}

async function assemble(
  name: string,
  status: string,
  drawn: readonly { readonly name: string; readonly spec: TopLevelSpec }[],
  sections: readonly string[],
): Promise<string> {
  const silent = logger(None);
  const specs = drawn.map(
    ({ spec }, k) => [`figure-${k}`, compile(enliven(spec), { logger: silent }).spec] as const,
  );
  const figures = drawn.map((one, k) =>
    figure(`figure-${k}`, one.name, captionOf(one.spec), curvesOf(one.spec)),
  );
  // All figures of a run say the same below their title.
  const subtitles = new Set(
    drawn.map(({ spec }) => String((spec.title as { subtitle?: unknown })?.subtitle ?? "")),
  );
  const lines = [...[...subtitles].filter((line) => line !== ""), status];
  const head = `<h1>${text(name)}</h1>\n${lines.map((line) => `<p class="status">${text(line)}</p>`).join("\n")}`;
  const body = [head, `<div class="figures">${figures.join("\n")}</div>`, ...sections];
  return page(name, body.join("\n"), Object.fromEntries(specs), VEGA_SOURCE);
}

/**
 * The same picture without the words that the page has around it, with tooltips: every mark tells its row, lines by points that cannot be seen. Curves
 * named in the signal `hiddenCurves` are not drawn.
 */
function enliven(spec: TopLevelSpec): TopLevelSpec {
  const { title: _, ...plain } = spec as unknown as Record<string, unknown>;
  const params = [{ name: "hiddenCurves", value: [] }];
  return { ...withTooltips(plain), params, padding: 5 } as unknown as TopLevelSpec;
}

/** Names of curves in the data of a spec, in their order. */
function curvesOf(view: object): string[] {
  const {
    data,
    layer = [],
    vconcat = [],
  } = view as {
    data?: { values?: readonly { curve?: unknown }[] };
    layer?: readonly object[];
    vconcat?: readonly object[];
  };
  const own = (data?.values ?? []).flatMap(({ curve }) => (typeof curve === "string" ? [curve] : []));
  return [...new Set([...own, ...[...layer, ...vconcat].flatMap(curvesOf)])];
}

function withTooltips(view: Record<string, unknown>): Record<string, unknown> {
  const inner = (views: unknown) => (views as Record<string, unknown>[]).map(withTooltips);
  const { mark, layer, vconcat, data } = view as {
    mark?: Record<string, unknown>;
    data?: { values?: readonly object[] };
    layer?: unknown;
    vconcat?: unknown;
  };
  return {
    ...view,
    ...(layer === undefined ? {} : { layer: inner(layer) }),
    ...(vconcat === undefined ? {} : { vconcat: inner(vconcat) }),
    ...(data?.values?.some((row) => "curve" in row)
      ? { transform: [{ filter: "indexof(hiddenCurves, datum.curve) < 0" }] }
      : {}),
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
