// Decay rate, R² and λ_min of the first paper's ten architectures: the tables of docs/decay-table.md and docs/papers.md and their picture, from results.csv of
// the sweeps configs/papers/decay.yaml and decay-images.yaml. Some ten minutes of processor time; sweeps that stand already are read.
//   npm run --silent build && node scripts/decay-table.js [folder]        # default: runs/decay-table
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { renderPng, renderSvg } from "../dist/figure/render.js";
import { THEME } from "../dist/figure/theme.js";
import { loadSweep, runSweep } from "../dist/index.js";
import { readCells } from "../dist/record/table.js";

const folder = process.argv[2] ?? "runs/decay-table";
/** An exponential counts as visible where the fit is this straight and ‖r‖² falls this much within its window: a plateau and a power law may look straight, too. */
const STRAIGHT = 0.99;
const FALL = 10;
/** A note of the program says of a flow whose ∫‖∇L‖² is off by more than this part of L₀ − L that it is none. */
const UNRESOLVED = 0.1;
const ACTIVATIONS = ["leaky-relu", "prelu", "relu", "sigmoid"];

const runs = (await Promise.all(["decay", "decay-images"].map(readSweep))).flat();
const kinds = [...new Set(runs.map(({ kind }) => kind))];

/** Computes what is missing of a sweep and reads its results.csv. */
async function readSweep(name) {
  const loaded = await loadSweep(
    fileURLToPath(new URL(`../configs/papers/${name}.yaml`, import.meta.url)),
    {},
  );
  const directory = join(folder, name);
  await runSweep(loaded, { directory, command: ["decay-table"] });
  const { columns, rows } = await readCells(join(directory, "results.csv"));
  return rows.map((cells) => {
    const of = (column) => cells[columns.indexOf(column)] ?? "";
    const number = (column) => (of(column) === "" ? null : Number(of(column)));
    const model = JSON.parse(of("model"));
    const window = /^(\d[\d.]*(?:e[+-]?\d+)?)-(\d[\d.]*(?:e[+-]?\d+)?)$/.exec(of("decay.window"));
    const rate = number("decay.rate");
    const fall = window === null ? 0 : Math.exp(rate * (Number(window[2]) - Number(window[1])));
    return {
      kind: model.kind,
      width: String(model.hidden ?? model.channels),
      activation: JSON.parse(of("model.activation")).kind,
      seed: of("seed"),
      ratio: number("parametersPerTarget"),
      rate,
      rSquared: number("decay.rSquared"),
      lambdaMin: number("ntk.initial.lambdaMin.value"),
      worth: of("ntk.initial.lambdaMin.kind"),
      resolvable: number("ntk.initial.lambdaMin.upper"),
      verdict: of("ntk.verdict"),
      left: number("loss") / number("initialLoss"),
      rise: number("lossRise.from") === null ? 1 : number("lossRise.to") / number("lossRise.from"),
      energyDefect: number("energyDefect"),
      isCut: of("status") === "maxEvaluations",
      ambiguous: (number("events.ambiguous") ?? 0) + (number("events.startAmbiguous") ?? 0),
      isVisible: number("decay.rSquared") >= STRAIGHT && fall >= FALL,
    };
  });
}

const median = (list) => [...list].sort((p, q) => p - q)[list.length >> 1];
const short = (value) =>
  value === 0 ? "0" : Math.abs(value) < 0.01 ? value.toExponential(1) : value.toPrecision(2);
const count = (list, choose) => list.filter(choose).length;

/** λ_min at t = 0 of some runs, by what is known of it: as many words as kinds. */
function lambdas(own) {
  const of = (worth) => own.filter((run) => run.worth === worth);
  const values = of("certified")
    .map(({ lambdaMin }) => lambdaMin)
    .sort((p, q) => p - q);
  const ends = [...new Set(values.slice(0, 1).concat(values.slice(-1)).map(short))];
  const parts = [
    [of("exact-zero"), "0 exactly"],
    [of("upper-bound"), `≤ ${short(Math.max(...of("upper-bound").map(({ resolvable }) => resolvable)))}`],
    [of("certified"), ends.join(" to ")],
  ].filter(([list]) => list.length > 0);
  return parts
    .map(([list, text]) => (parts.length === 1 ? text : `${text} (${list.length} of ${own.length})`))
    .join("; ");
}

/** Rows of one table: cells of each group of runs. */
function print(header, rows) {
  console.log(`\n| ${header.join(" | ")} |\n|${header.map(() => "---").join("|")}|`);
  for (const cells of rows) console.log(`| ${cells.join(" | ")} |`);
}

const all = kinds.flatMap((kind) =>
  [...new Set(runs.filter((run) => run.kind === kind).map(({ width }) => width))].flatMap((width) =>
    ACTIVATIONS.map((activation) =>
      runs.filter((run) => run.kind === kind && run.width === width && run.activation === activation),
    ),
  ),
);
print(
  [
    "architecture",
    "activation",
    "P/nM",
    "λ_min at t = 0",
    "rate, median (least to greatest)",
    "least R²",
    "L left, median",
    "exponential",
  ],
  all.map((own) => {
    const fitted = own.filter(({ rate }) => rate !== null);
    const rates = fitted.map(({ rate }) => rate).sort((p, q) => p - q);
    return [
      own[0].kind,
      own[0].activation,
      own[0].ratio.toFixed(2),
      lambdas(own),
      rates.length === 0 ? "" : `${short(median(rates))} (${short(rates[0])} to ${short(rates.at(-1))})`,
      rates.length === 0 ? "" : Math.min(...fitted.map(({ rSquared }) => rSquared)).toFixed(3),
      short(median(own.map(({ left }) => left))),
      `${count(own, ({ isVisible }) => isVisible)} of ${own.length}`,
    ];
  }),
);

const CLASSES = [
  ["P < nM", ({ ratio }) => ratio < 1],
  ["1 ≤ P/nM < 3", ({ ratio }) => ratio >= 1 && ratio < 3],
  ["P/nM ≥ 3", ({ ratio }) => ratio >= 3],
];
/** How many are visible, of how many, and over the seeds. */
function visible(own) {
  const seeds = [...new Set(own.map(({ seed }) => seed))];
  const bySeed = seeds.map((seed) => count(own, (run) => run.seed === seed && run.isVisible));
  return `${count(own, ({ isVisible }) => isVisible)} of ${own.length} (${Math.min(...bySeed)} to ${Math.max(...bySeed)})`;
}
const names = CLASSES.map(([name]) => name);
const inClasses = (own) => CLASSES.map(([, belongs]) => visible(own.filter(belongs)));
print(
  ["visible, by activation", ...names],
  ACTIVATIONS.map((activation) => [
    activation,
    ...inClasses(runs.filter((run) => run.activation === activation)),
  ]),
);
print(
  ["visible, by architecture", ...names],
  kinds.map((kind) => [kind, ...inClasses(runs.filter((run) => run.kind === kind))]),
);
print(
  ["P > nM, by λ_min at t = 0", "runs", "visible", "L left, median", "ended by the budget"],
  [
    ["0 exactly", ({ worth }) => worth === "exact-zero"],
    ["not told from 0", ({ worth }) => worth === "upper-bound"],
    ["certified, below 1e-6", ({ worth, lambdaMin }) => worth === "certified" && lambdaMin < 1e-6],
    [
      "certified, 1e-6 to 1e-3",
      ({ worth, lambdaMin }) => worth === "certified" && lambdaMin >= 1e-6 && lambdaMin < 1e-3,
    ],
    ["certified, above 1e-3", ({ worth, lambdaMin }) => worth === "certified" && lambdaMin >= 1e-3],
  ].map(([name, belongs]) => {
    const own = runs.filter((run) => run.ratio >= 1 && belongs(run));
    return [
      name,
      String(own.length),
      String(count(own, ({ isVisible }) => isVisible)),
      own.length === 0 ? "" : short(median(own.map(({ left }) => left))),
      String(count(own, ({ isCut }) => isCut)),
    ];
  }),
);
const cut = count(runs, ({ isCut }) => isCut);
const branched = count(runs, ({ ambiguous }) => ambiguous > 0);
const risen = runs.filter(({ rise }) => rise > 1);
const mostRisen = Math.max(1, ...risen.map(({ rise }) => rise)).toPrecision(2);
const unresolved = count(runs, ({ energyDefect }) => energyDefect > UNRESOLVED);
const bounds = ["pass", "vacuous", "unresolved", "violated"].map(
  (verdict) => `${verdict} ${count(runs, (run) => run.verdict === verdict)}`,
);
print(
  ["of all runs", "runs"],
  [
    ["in all", String(runs.length)],
    ["ended by the budget of gradients", String(cut)],
    ["met a boundary that repels", String(branched)],
    ["rise once, within the tolerance", `${risen.length}, to at most ${mostRisen} times the loss before`],
    ["do not resolve the flow", String(unresolved)],
    ...bounds.map((text) => [`the bound: ${text.split(" ")[0]}`, text.split(" ")[1]]),
  ],
);

/** Below this a rate is drawn as this: nothing decays. */
const FLOOR = 1e-4;
const NAMES = { "leaky-relu": "leaky ReLU", prelu: "PReLU", relu: "ReLU", sigmoid: "sigmoid" };
const COLOURS = ["#0072B2", "#009E73", "#D55E00", "#CC79A7"];
const drawn = runs
  .filter(({ rate }) => rate !== null)
  .map((run) => ({ ...run, activation: NAMES[run.activation], shown: Math.max(run.rate, FLOOR) }));
const x = {
  field: "ratio",
  type: "quantitative",
  scale: { type: "log", domain: [0.45, 5] },
  axis: { title: "P/nM", values: [0.5, 1, 2, 4] },
};
const y = {
  type: "quantitative",
  scale: { type: "log", domain: [FLOOR, 10] },
  axis: { title: "decay rate of ‖r‖²", format: ".0e", values: [1e-4, 1e-2, 1] },
};
const color = {
  field: "activation",
  type: "nominal",
  scale: { domain: Object.values(NAMES), range: COLOURS },
  legend: { orient: "top", title: null },
};
const svg = await renderSvg({
  $schema: "https://vega.github.io/schema/vega-lite/v6.json",
  title: {
    text: "Where the loss decays exponentially",
    subtitle: [
      `A point is a run; full: R² ≥ ${STRAIGHT} and ‖r‖² falls at least tenfold in the window; lines: medians of three seeds; grey: P = nM.`,
      `Rates below ${FLOOR} stand on the lower edge. ${cut} of ${runs.length} runs ended by their budget of gradients; ${branched} met a boundary that repels: their rates are of one branch;`,
      `in ${risen.length} the loss rises once, to at most ${mostRisen} times what it was, which the tolerances admit; ${unresolved} do not resolve the fast modes of the flow.`,
    ],
  },
  config: { ...THEME, axisLeft: {} },
  data: { values: drawn },
  facet: { field: "kind", type: "nominal", sort: kinds, header: { title: null, labelFontSize: 12 } },
  columns: 5,
  spacing: 22,
  spec: {
    width: 170,
    height: 130,
    layer: [
      {
        mark: { type: "rule", color: "#999999" },
        encoding: { x: { datum: 1, type: "quantitative", scale: x.scale } },
      },
      {
        mark: { type: "line", strokeWidth: 1.4 },
        encoding: {
          x,
          y: { ...y, field: "shown", aggregate: "median" },
          color,
        },
      },
      {
        mark: { type: "point", size: 34, strokeWidth: 1.4 },
        encoding: {
          x,
          y: { ...y, field: "shown" },
          color,
          fill: {
            condition: { test: "!datum.isVisible", value: "#FFFFFF" },
            field: "activation",
            type: "nominal",
            scale: color.scale,
            legend: null,
          },
        },
      },
    ],
  },
});
await writeFile(join(folder, "decay-table.svg"), svg);
await writeFile(join(folder, "decay-table.png"), renderPng(svg));
console.log(`\nfigure: ${join(folder, "decay-table.png")}`);
