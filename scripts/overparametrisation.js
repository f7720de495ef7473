// Sweeps the width of configs/study/overparametrisation.yaml through P = nM with several seeds: λ_min of the tangent kernel and the
// decay rate against P/nM. Writes the record of every run, a table and the figure into runs/overparametrisation (or the folder given).
//   npm run --silent build && node scripts/overparametrisation.js [folder]
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { planLogAxis } from "../dist/figure/axis.js";
import { explainMarks, laneLayers, markLayer, traceCurve } from "../dist/figure/marks.js";
import { renderPng, renderSvg } from "../dist/figure/render.js";
import { FIT_COLOUR, PLOT_WIDTH, SLIDING_COLOUR, STEP_COLOUR, THEME } from "../dist/figure/theme.js";
import { loadConfig, runExperiment } from "../dist/index.js";

const WIDTHS = [2, 3, 4, 5, 6, 8, 12, 16, 32, 64, 128, 256];
const SEEDS = [1, 2, 3, 4, 5];

const folder = process.argv[2] ?? "runs/overparametrisation";
const study = fileURLToPath(new URL("../configs/study/overparametrisation.yaml", import.meta.url));
await mkdir(folder, { recursive: true });

const rows = [];
for (const width of WIDTHS) {
  for (const seed of SEEDS) {
    const loaded = await loadConfig(study, {
      set: ["sweep=null", `seed=${seed}`, `model.hidden=[${width}]`],
    });
    const directory = join(folder, `h${width}-seed${seed}`);
    const result = await runExperiment(loaded, { directory, force: true, command: ["overparametrisation"] });
    const { ntk, decay } = result;
    rows.push({
      width,
      seed,
      ratio: ntk.parameters / ntk.scalars,
      kind: ntk.initial.lambdaMin.kind,
      lambdaMin: ntk.initial.lambdaMin.value,
      lambdaMinEnd: ntk.final.lambdaMin.value,
      lambdaMax: ntk.initial.lambdaMax.value,
      lambdaEff: ntk.final.lambdaEff,
      rate: decay?.rate ?? null,
      exponent: ntk.exponent,
      margin: ntk.margin,
      verdict: ntk.verdict,
      drift: ntk.drift,
      loss: result.loss,
      status: result.status,
    });
  }
  const here = rows.filter((row) => row.width === width);
  const list = (name) => here.map((row) => row[name].toExponential(1)).join(" ");
  console.log(
    `h = ${width}, P/nM = ${here[0].ratio.toFixed(2)}: λ_min ${list("lambdaMin")}; rate ${list("rate")}; ${here.map((row) => row.verdict).join(" ")}`,
  );
}

const columns = Object.keys(rows[0]);
const csv = rows.map((row) => columns.map((name) => row[name] ?? "").join(",")).join("\n");
await writeFile(join(folder, "overparametrisation.csv"), `${columns.join(",")}\n${csv}\n`);

// 4c of half-mean-sample at n = 20, the factor between an eigenvalue and the rate it gives.
const FOUR_C = 4 / 40;
const curves = [
  { label: "4c·λ_min at t = 0", colour: SLIDING_COLOUR, value: (row) => FOUR_C * row.lambdaMin },
  { label: "4c·λ_min at the end", colour: STEP_COLOUR, value: (row) => FOUR_C * row.lambdaMinEnd },
  { label: "fitted decay rate of ‖r‖²", colour: FIT_COLOUR, value: (row) => row.rate },
];
const x = planLogAxis(
  rows.map(({ ratio }) => ratio),
  0.05,
);
const y = planLogAxis(curves.flatMap(({ value }) => rows.map(value)));
const zeros = rows.filter(({ kind }) => kind === "exact-zero").length;
const look = (label, colour) => ({ label, colour, width: 1.8 });
const marks = curves.flatMap(({ label, colour, value }) =>
  rows.flatMap((row) => {
    const points = [{ t: row.ratio, value: value(row) }];
    return traceCurve({ ...look(label, colour), points }, x, y).marks;
  }),
);
const medians = curves.flatMap(({ label, colour, value }) => {
  const points = WIDTHS.map((width) => {
    const here = rows.filter((row) => row.width === width);
    return { t: here[0].ratio, value: here.map(value).sort((a, b) => a - b)[here.length >> 1] };
  });
  return traceCurve({ ...look(label, colour), points }, x, y).stretches.flatMap((stretch, k) =>
    stretch.map((point) => ({ curve: label, ratio: point.t, value: point.value, stretch: k })),
  );
});
const encoding = {
  x: { field: "ratio", type: "quantitative", scale: x.scale, axis: { ...x.axis, title: "P/nM" } },
  y: { field: "value", type: "quantitative", scale: y.scale, axis: { ...y.axis, title: "rate (1/t)" } },
  color: {
    field: "curve",
    type: "nominal",
    scale: { domain: curves.map(({ label }) => label), range: curves.map(({ colour }) => colour) },
    sort: null,
  },
};
const svg = await renderSvg({
  $schema: "https://vega.github.io/schema/vega-lite/v6.json",
  title: {
    text: "λ_min and decay against overparametrisation",
    subtitle: [
      `dnn 5–h–2 tanh, n = 20, h = ${WIDTHS[0]} … ${WIDTHS.at(-1)}, ${SEEDS.length} seeds (points) and their median (lines)`,
      `λ_min = 0 exactly in ${zeros} runs, left of P = nM (rule)`,
      ...explainMarks(marks),
    ],
  },
  width: PLOT_WIDTH,
  height: 330,
  config: THEME,
  layer: [
    ...laneLayers(y, encoding.y, "y"),
    {
      data: { values: [{ ratio: 1 }] },
      mark: { type: "rule", strokeDash: [4, 3], color: "#555555" },
      encoding: { x: encoding.x },
    },
    markLayer(marks, encoding.x, encoding.y),
    {
      data: { values: medians },
      mark: { type: "line", strokeWidth: 1.8, clip: true },
      encoding: { ...encoding, detail: { field: "stretch" } },
    },
  ],
});
await writeFile(join(folder, "overparametrisation.svg"), svg);
await writeFile(join(folder, "overparametrisation.png"), renderPng(svg));
console.log(`figure: ${join(folder, "overparametrisation.png")}`);
