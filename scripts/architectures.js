// Decay against P/nM for every architecture: the table and the pictures of docs/architectures.md, one a study, from the sweeps of
// configs/architectures. Half an hour on 2 idle cores; sweeps that stand already are read.
//   npm run --silent build && node scripts/architectures.js [folder]        # default: runs/architectures
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { renderPng, renderSvg } from "../dist/figure/render.js";
import { modeColour, THEME } from "../dist/figure/theme.js";
import { loadSweep, readRecord, runSweep } from "../dist/index.js";

const folder = process.argv[2] ?? "runs/architectures";
const studies = fileURLToPath(new URL("../configs/architectures/", import.meta.url));
/** As the founding paper lists them, then the second paper's. */
const KINDS = [
  ...[
    "dnn",
    "resnet",
    "cnn",
    "conv-resnet",
    "gcn",
    "cheb-net",
    "graph-conv-net",
    "u-net",
    "mobilenet",
    "siamese",
  ],
  "transformer",
];

await mkdir(folder, { recursive: true });
const rows = [];
const curves = [];
for (const kind of KINDS) {
  const directory = join(folder, kind);
  const loaded = await loadSweep(join(studies, `${kind}.yaml`), {});
  await runSweep(loaded, { directory, command: ["architectures"] });
  for (const { name } of loaded.jobs) {
    const { result, series, config } = await readRecord(join(directory, name));
    const { decay, ntk, loss, initialLoss, status, time, events } = result;
    const { value, kind: worth } = ntk.initial.lambdaMin;
    const activation = config.model.activation.kind;
    const row = {
      ...{
        kind,
        run: name,
        activation: activation === "leaky-relu" ? "leaky" : "smooth",
        name: activation,
      },
      ratio: ntk.parameters / ntk.scalars,
      ...{ parameters: ntk.parameters, lambdaMin: value, worth, status, time },
      rate: decay?.rate ?? null,
      rSquared: decay?.rSquared ?? null,
      left: loss / initialLoss,
      lambdaEnd: ntk.final.lambdaMin.value,
      worthEnd: ntk.final.lambdaMin.kind,
      ambiguous: config.flow.boundaries === "stepping" ? events.ambiguous : null,
    };
    rows.push(row);
    for (let k = 0; k < series.t.length; k++)
      curves.push({
        kind,
        activation: row.activation,
        ratio: row.ratio,
        t: series.t[k],
        loss: series.loss[k],
      });
  }
}
rows.sort((p, q) => KINDS.indexOf(p.kind) - KINDS.indexOf(q.kind) || p.ratio - q.ratio);

const short = (value) =>
  value === null ? "" : value === 0 ? "0" : value < 0.01 ? value.toExponential(1) : value.toPrecision(2);
const lambda = ({ lambdaMin, worth }) =>
  worth === "exact-zero" ? "0, exactly" : worth === "certified" ? short(lambdaMin) : `≤ ${short(lambdaMin)}`;
const isEarly = ({ status }) => status !== "reachedEnd" && status !== "lossReached";
const cells = (row) => [
  lambda(row),
  short(row.rate),
  row.rSquared?.toFixed(3) ?? "",
  `${short(row.left)}${isEarly(row) ? ` at t = ${short(row.time)}` : ""}`,
];
console.log("| architecture | P/nM | λ_min | rate | R² | L left | λ_min, leaky | rate | R² | L left |");
console.log("|---|---|---|---|---|---|---|---|---|---|");
for (const smooth of rows.filter((row) => row.activation === "smooth")) {
  const leaky = rows.find(
    (r) => r.kind === smooth.kind && r.activation === "leaky" && r.ratio === smooth.ratio,
  );
  console.log(`| ${[smooth.kind, smooth.ratio.toFixed(2), ...cells(smooth), ...cells(leaky)].join(" | ")} |`);
}
for (const activation of ["smooth", "leaky"]) {
  const whole = rows.filter((row) => row.activation === activation && !isEarly(row) && row.rate !== null);
  const own = (kind) => whole.filter((row) => row.kind === kind);
  // The transformer's output is scaled, and its clock with it.
  const alike = whole.filter(({ kind }) => kind !== "transformer");
  const median = (list) => [...list].sort((p, q) => p - q)[list.length >> 1] ?? Number.NaN;
  const facts = (list) =>
    `${list.length} runs, median rate ${short(median(list.map(({ rate }) => rate)))}, R² ${median(list.map(({ rSquared }) => rSquared)).toFixed(3)}, loss left ${short(median(list.map(({ left }) => left)))}`;
  const growth = KINDS.filter((kind) => own(kind).length > 1).map((kind) => {
    const rates = own(kind).map(({ rate }) => rate);
    const ascends = rates.every((rate, k) => k === 0 || rate >= rates[k - 1]);
    return `${kind} ${short(rates.at(-1) / rates[0])}${ascends ? "" : " (not with every width)"}`;
  });
  console.log(`${activation}, P < nM: ${facts(alike.filter(({ ratio }) => ratio < 1))}`);
  console.log(
    `${activation}, 1 ≤ P/nM < 2.4: ${facts(alike.filter(({ ratio }) => ratio >= 1 && ratio < 2.4))}`,
  );
  console.log(`${activation}, P/nM ≥ 2.4: ${facts(alike.filter(({ ratio }) => ratio >= 2.4))}`);
  console.log(`${activation}, rate at the widest over rate at the narrowest: ${growth.join(", ")}`);
}
const stepped = KINDS.map((kind) => rows.filter((row) => row.kind === kind && row.ambiguous !== null));
for (const own of stepped.filter((each) => each.length > 0))
  console.log(
    `${own[0].kind}, leaky: entries within the error of a boundary that repels, by width: ${own.map(({ ambiguous }) => ambiguous).join(", ")}`,
  );

const columns = Object.keys(rows[0]);
const lines = rows.map((row) => columns.map((name) => row[name] ?? "").join(","));
await writeFile(join(folder, "architectures.csv"), `${columns.join(",")}\n${lines.join("\n")}\n`);

const panel = { width: 330, height: 210 };
const SHAPES = { domain: ["smooth", "leaky"], range: ["#0072B2", "#D55E00"] };
const DASHES = {
  domain: ["smooth", "leaky"],
  range: [
    [1, 0],
    [4, 2],
  ],
};
const legend = { orient: "top", title: null };

/** Left the losses, right the rates. */
function specOf(kind) {
  const own = rows.filter((row) => row.kind === kind);
  const ratios = [...new Set(own.map(({ ratio }) => ratio))];
  const colours = { domain: ratios, range: ratios.map((_, k) => modeColour(k, ratios.length)) };
  const losses = {
    ...panel,
    title: {
      text: "Loss along the flow; colour: P/nM; solid: smooth, dashed: leaky",
      anchor: "middle",
      fontSize: 11,
    },
    data: { values: curves.filter((point) => point.kind === kind && point.loss > 0) },
    mark: { type: "line", strokeWidth: 1.4, clip: true },
    encoding: {
      x: { field: "t", type: "quantitative", axis: { title: "flow time t", tickCount: 5 } },
      y: {
        field: "loss",
        type: "quantitative",
        scale: { type: "log" },
        axis: { title: "loss L", format: ".0e", tickCount: 5 },
      },
      color: { field: "ratio", type: "ordinal", scale: colours, legend: { ...legend, format: ".2f" } },
      strokeDash: { field: "activation", type: "nominal", scale: DASHES, legend: null },
      detail: [{ field: "ratio" }, { field: "activation" }],
    },
  };
  const rates = {
    ...panel,
    title: { text: "Decay rate of ‖r‖², second half of the time", anchor: "middle", fontSize: 11 },
    data: { values: own.filter(({ rate }) => rate !== null && rate > 0) },
    layer: [
      {
        mark: { type: "rule", strokeDash: [3, 3] },
        encoding: {
          x: { datum: 1 },
          y: { value: 0 },
          y2: { value: panel.height },
          color: { value: "#777777" },
        },
      },
      { mark: { type: "line", strokeWidth: 1.4 } },
      {
        mark: { type: "point", size: 44, strokeWidth: 1.6 },
        encoding: {
          shape: {
            condition: { test: "datum.status === 'maxEvaluations'", value: "triangle-up" },
            value: "circle",
          },
          fill: {
            condition: { test: "datum.worth === 'exact-zero'", value: "#FFFFFF" },
            ...{ field: "activation", type: "nominal", scale: SHAPES, legend: null },
          },
        },
      },
    ],
    encoding: {
      x: {
        ...{ field: "ratio", type: "quantitative", scale: { type: "log", domain: [0.4, 5] } },
        axis: { title: "P/nM", values: [0.5, 1, 2, 4] },
      },
      y: {
        ...{ field: "rate", type: "quantitative", scale: { type: "log" } },
        axis: { title: "rate (1/t)", format: ".0e", tickCount: 5 },
      },
      color: { field: "activation", type: "nominal", scale: SHAPES, legend },
    },
  };
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: {
      text: kind,
      subtitle:
        "hollow: λ_min = 0 exactly at t = 0; triangle: ended early by its budget; dashed upright: P = nM",
    },
    ...{ config: { ...THEME, axisLeft: {} }, spacing: 30, hconcat: [losses, rates] },
    resolve: { scale: { color: "independent" } },
  };
}

for (const kind of KINDS) {
  const svg = await renderSvg(specOf(kind));
  await writeFile(join(folder, `${kind}.svg`), svg);
  await writeFile(join(folder, `${kind}.png`), renderPng(svg));
  console.log(`figure: ${join(folder, `${kind}.png`)}`);
}
