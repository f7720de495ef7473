// Decay against P/nM for every architecture: the table and the two pictures of docs/architectures.md, from the sweeps of
// configs/architectures. A quarter of an hour on 2 idle cores; sweeps that stand already are read.
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
    const { decay, ntk, loss, initialLoss, status, time } = result;
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

const columns = Object.keys(rows[0]);
const lines = rows.map((row) => columns.map((name) => row[name] ?? "").join(","));
await writeFile(join(folder, "architectures.csv"), `${columns.join(",")}\n${lines.join("\n")}\n`);

const panel = { width: 190, height: 130 };
const facet = {
  field: "kind",
  type: "nominal",
  sort: KINDS,
  title: null,
  header: { labelFontSize: 12, labelFontWeight: "bold" },
};
const small = { labelFontSize: 9, titleFontSize: 10 };
const config = { ...THEME, axisLeft: {}, facet: { spacing: 16 } };
const DASHES = {
  domain: ["smooth", "leaky"],
  range: [
    [1, 0],
    [4, 2],
  ],
};
const rates = {
  $schema: "https://vega.github.io/schema/vega-lite/v6.json",
  title: {
    text: "Decay rate of ‖r‖² against P/nM",
    subtitle: [
      "blue: smooth; orange: leaky ReLU; fitted over the second half of each run; half-sum loss",
      "hollow: λ_min = 0 exactly at t = 0; filled: not; triangle: ended early by its budget; dashed: P = nM",
    ],
  },
  ...{ config, data: { values: rows }, columns: 4, facet },
  resolve: { scale: { y: "independent" }, axis: { x: "independent" } },
  spec: {
    ...panel,
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
        mark: { type: "point", size: 34, strokeWidth: 1.4 },
        encoding: {
          shape: {
            condition: { test: "datum.status === 'maxEvaluations'", value: "triangle-up" },
            value: "circle",
          },
          fill: {
            condition: { test: "datum.worth === 'exact-zero'", value: "#FFFFFF" },
            field: "activation",
            type: "nominal",
            scale: { domain: DASHES.domain, range: ["#0072B2", "#D55E00"] },
            legend: null,
          },
        },
      },
    ],
    encoding: {
      x: {
        field: "ratio",
        type: "quantitative",
        scale: { type: "log", domain: [0.4, 5] },
        axis: { ...small, title: "P/nM", values: [0.5, 1, 2, 4] },
      },
      y: {
        field: "rate",
        type: "quantitative",
        scale: { type: "log" },
        axis: { ...small, title: "rate (1/t)", format: ".0e", tickCount: 4 },
      },
      color: {
        field: "activation",
        type: "nominal",
        scale: { domain: DASHES.domain, range: ["#0072B2", "#D55E00"] },
      },
    },
  },
};
const ratios = [0.4, 0.8, 1.6, 3.2, 5];
const losses = {
  $schema: "https://vega.github.io/schema/vega-lite/v6.json",
  title: {
    text: "Loss along the flow",
    subtitle: "straight lines are exponential decay; colour: P/nM; solid: smooth; dashed: leaky ReLU",
  },
  ...{ config, data: { values: curves }, columns: 4, facet },
  resolve: { scale: { x: "independent", y: "independent" } },
  spec: {
    ...panel,
    mark: { type: "line", strokeWidth: 1.3, clip: true },
    encoding: {
      x: { field: "t", type: "quantitative", axis: { ...small, title: "flow time t", tickCount: 4 } },
      y: {
        field: "loss",
        type: "quantitative",
        scale: { type: "log" },
        axis: { ...small, title: "loss L", format: ".0e", tickCount: 4 },
      },
      color: {
        field: "ratio",
        type: "quantitative",
        scale: { type: "log", domain: ratios, range: ratios.map((_, k) => modeColour(k, ratios.length)) },
        legend: { title: "P/nM", values: [0.5, 1, 2, 4], gradientLength: 200 },
      },
      strokeDash: { field: "activation", type: "nominal", scale: DASHES },
      detail: [{ field: "ratio" }, { field: "activation" }],
    },
  },
};
for (const [name, spec] of [
  ["rate", rates],
  ["loss", losses],
]) {
  const svg = await renderSvg(spec);
  await writeFile(join(folder, `${name}.svg`), svg);
  await writeFile(join(folder, `${name}.png`), renderPng(svg));
  console.log(`figure: ${join(folder, `${name}.png`)}`);
}
