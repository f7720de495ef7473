// Sweeps configs/study/edge-sizes.yaml (what is there already is not run again) and lays its runs side by side: how far each flow is from descent's running
// average, what central and rod flow predict of it, how the central flow holds λ_max at 2/η and what it costs. Prints a table, draws a figure.
//   npm run --silent build && node scripts/edge-sizes.js [folder]
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { renderPng, renderSvg } from "../dist/figure/render.js";
import { descentStyle, FLOW_COLOUR, THEME } from "../dist/figure/theme.js";
import { readCells } from "../dist/record/table.js";

const ROOT = fileURLToPath(new URL("../", import.meta.url));
const FLOWS = ["modified", "central", "rod"];
const folder = process.argv[2] ?? "runs/edge-sizes";

const sweep = ["sweep", join(ROOT, "configs/study/edge-sizes.yaml"), "--out", folder];
const { status } = spawnSync(
  process.execPath,
  [join(ROOT, "bin/gradflow.js"), ...sweep, "--jobs", "1", "--quiet", "--set", "figure.draw=false"],
  { stdio: ["ignore", "ignore", "inherit"] },
);
if (status !== 0) throw new Error(`the sweep ended with ${status}`);

/** Rows of a table of a record by the names of its columns; a blank cell is null. */
async function readRows(file) {
  const { columns, rows } = await readCells(file);
  return rows.map((cells) => Object.fromEntries(columns.map((name, k) => [name, cells[k] || null])));
}

/** How far λ_max is from 2/η, in parts of it, where the central flow has an oscillation to hold it by; null where it never has. */
function missOf(rows) {
  const held = rows.filter(
    ({ kind, variance, ...row }) => kind === "central" && variance > 0 && row["sharpness.1"] > 0,
  );
  const misses = held.map((row) => Math.abs((Number(row["sharpness.1"]) * row.learningRate) / 2 - 1));
  return misses.length === 0 ? null : Math.max(...misses);
}

const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, "result.json")));
const runs = await Promise.all(
  names.map(async (name) => {
    const read = (file) => JSON.parse(readFileSync(join(folder, name, file), "utf8"));
    const [{ flows, parameters }, { loss, descent, seed }] = [
      read("result.json"),
      read("config.resolved.json"),
    ];
    const of = (wanted) => flows.find(({ kind }) => kind === wanted);
    const whole = of("gradient").means.meanDistance;
    const predicts = (kind, mean, real) => of(kind).means[mean] / of(kind).means[real];
    return {
      loss: loss.kind === "squared" ? "squared" : loss.labelSmoothing ? "smoothed labels" : "cross-entropy",
      parameters,
      learningRate: of("gradient").learningRate,
      start: descent.settle ? "settled" : "θ₀",
      seed,
      gradient: whole,
      ...Object.fromEntries(FLOWS.map((kind) => [kind, of(kind).means.meanDistance / whole])),
      centralLoss: predicts("central", "meanLoss", "descentMeanLoss"),
      centralVariance: predicts("central", "variance", "descentVariance"),
      rodLoss: predicts("rod", "meanLoss", "descentMeanLoss"),
      rodVariance: predicts("rod", "variance", "descentVariance"),
      watched: of("central").measured.watched.maximum,
      miss: missOf(await readRows(join(folder, name, "flows.csv"))),
      cost: of("central").gradientEquivalents / of("central").steps,
      swing: Math.sqrt(of("central").means.descentVariance),
    };
  }),
);

const LOSSES = ["squared", "cross-entropy", "smoothed labels"];
const cases = LOSSES.flatMap((loss) =>
  [...new Set(runs.map(({ parameters }) => parameters))]
    .sort((a, b) => a - b)
    .flatMap((parameters) =>
      ["θ₀", "settled"].map((start) =>
        runs.filter((run) => run.loss === loss && run.parameters === parameters && run.start === start),
      ),
    ),
).filter((seeds) => seeds.length > 0);

// A variance that is a ten thousandth of what other runs of the loss have is none that a flow could predict.
for (const run of runs) {
  const most = Math.max(...runs.filter(({ loss }) => loss === run.loss).map(({ swing }) => swing));
  if (run.swing < most / 100) run.centralVariance = run.rodVariance = null;
}

/** The seeds' numbers, the lowest first. */
const spread = (seeds, name, digits = 2) =>
  seeds
    .map((run) => run[name])
    .sort((a, b) => a - b)
    .map((value) => (value === null ? "–" : String(Number(value.toPrecision(digits)))))
    .join(", ");
const HEAD = [
  ...["loss", "P", "η", "begun", "descent's swing", "gradient flow", "modified", "central", "rod"],
  ...["loss, variance by central", "by rod", "eigenvalues at 2/η", "off 2/η", "gradients a step"],
];
const lines = cases.map((seeds) => {
  const { loss, parameters, learningRate, start } = seeds[0];
  return [
    ...[loss, parameters, learningRate, start],
    ...["swing", "gradient"].map((name) => spread(seeds, name)),
    ...FLOWS.map((name) => spread(seeds, name)),
    `${spread(seeds, "centralLoss")}; ${spread(seeds, "centralVariance")}`,
    `${spread(seeds, "rodLoss")}; ${spread(seeds, "rodVariance")}`,
    ...[spread(seeds, "watched", 1), spread(seeds, "miss", 1), spread(seeds, "cost")],
  ].join(" | ");
});
console.log(
  [HEAD.join(" | "), HEAD.map(() => "---").join(" | "), ...lines].map((line) => `| ${line} |`).join("\n"),
);

const colours = [FLOW_COLOUR, ...FLOWS.map((_, k) => descentStyle(k).colour)];
const values = runs.flatMap((run) =>
  [{ flow: "gradient", share: 1 }, ...FLOWS.map((flow) => ({ flow, share: run[flow] }))].map((row) => ({
    ...{ loss: run.loss, start: run.start, parameters: run.parameters, ...row },
  })),
);
const encoding = {
  x: {
    ...{ field: "parameters", type: "quantitative", scale: { type: "log", nice: false, padding: 12 } },
    axis: {
      title: "parameters",
      values: [...new Set(runs.map(({ parameters }) => parameters))],
      format: "d",
    },
  },
  y: {
    ...{ field: "share", type: "quantitative", scale: { type: "log" } },
    axis: { title: "distance, in gradient flow's", values: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5] },
  },
  color: {
    ...{ field: "flow", type: "nominal", sort: null },
    scale: { domain: ["gradient", ...FLOWS], range: colours },
    legend: { title: null, orient: "bottom" },
  },
};
const svg = await renderSvg({
  $schema: "https://vega.github.io/schema/vega-lite/v6.json",
  title: {
    text: "How far each flow is from descent's running average",
    subtitle:
      "digits, tanh, two hidden layers; mean over 600 steps, each seed a point, lines through the medians",
  },
  config: THEME,
  data: { values },
  facet: {
    row: { field: "start", title: null, sort: ["θ₀", "settled"] },
    column: { field: "loss", title: null, sort: LOSSES },
  },
  spec: {
    width: 190,
    height: 190,
    layer: [
      {
        mark: { type: "line", strokeWidth: 1.8 },
        encoding: { ...encoding, y: { ...encoding.y, aggregate: "median" } },
      },
      { mark: { type: "point", filled: true, size: 35 }, encoding },
    ],
  },
});
writeFileSync(join(folder, "edge-sizes.svg"), svg);
writeFileSync(join(folder, "edge-sizes.png"), renderPng(svg));
console.log(`figure: ${join(folder, "edge-sizes.png")}`);
