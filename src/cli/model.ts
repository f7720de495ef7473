/** `gradflow model`: what a study's network is, layer by layer. */
import type { ModelReport } from "../experiment/describe-model.js";
import { describeImportCheck } from "../record/import-check.js";
import type { Command } from "./command.js";
import { overridesOf } from "./engine-option.js";
import { EXIT } from "./exit.js";
import { formatColumns, formatNumber } from "./format.js";
import { studyOptions } from "./study.js";

export const modelCommand: Command = {
  usage: "model <study>",
  summary: "Show a study's network: layers with shapes, parameters by name, where its kinks are, P and nM",
  positionals: { study: { type: "string", describe: "The study, a YAML file", demandOption: true } },
  options: {
    set: studyOptions.set,
    json: { type: "boolean", describe: "Print the description as JSON" },
  },
  epilogue: `Example:
  gradflow model study.yaml --set model.kind=resnet

Presets (dnn, cnn, transformer, …) are shown as the layers they expand to. Nothing is written. Exit codes: 0 done, 2 bad study or usage.`,

  async execute(values) {
    const { loadConfig } = await import("../config/load.js");
    const loaded = await loadConfig(String(values["study"]), { set: await overridesOf(values, "model") });
    const { describeModel } = await import("../experiment/describe-model.js");
    const report = await describeModel(loaded);
    process.stdout.write(values["json"] === true ? `${JSON.stringify(report, null, 2)}\n` : describe(report));
    return EXIT.done;
  },
};

const show = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

function describe(report: ModelReport): string {
  const { layers, parameters, sites, imported } = report;
  const tables = [
    imported === null
      ? [["layer", "makes", "parameters", "kinks"], ...layers.map(layerRow)]
      : [["operator", "makes", "parameters", "kinks"], ...layers.map(operatorRow)],
    [
      ["parameter", "shape", "in θ from"],
      ...parameters.map((p) => [p.name, show(p.shape), String(p.offset)]),
    ],
    [
      ["kinks", "of one sample", "at"],
      ...sites.map((site, k) => [`${k + 1}  ${site.path}`, show(site.shape), site.breakpoints.join(", ")]),
    ],
  ];
  return [
    `${report.name}: ${report.kind}, ${show(report.inputShape)} → ${show(report.outputShape)}`,
    "",
    ...tables.filter((rows) => rows.length > 1).flatMap((rows) => [...formatLeft(rows), ""]),
    `  P = ${report.size} parameters, nM = ${report.samples} × ${report.outputs} = ${report.scalars} targets, P/nM = ${formatNumber(report.ratio, 3)}`,
    ...(imported === null ? [] : describeImport(imported)),
    ...(report.importCheck === null
      ? []
      : [
          `  ${describeImportCheck(report.importCheck)}`,
          ...(report.importCheck.precision === "float32"
            ? [`  not in double there: ${report.importCheck.reason?.replace("float64: ", "")}`]
            : []),
        ]),
    `  ${report.entries === 0 ? "no kinks" : `${report.entries} entries at kinks over all samples`}; samples ${report.coupled ? "couple: a result of one depends on others" : "do not couple"}`,
    "",
  ].join("\n");
}

/** What of the file is not in the tables. */
function describeImport({
  producer,
  opset,
  arrays,
  frozen,
  folded,
  notes,
}: NonNullable<ModelReport["imported"]>): string[] {
  const flipped = Object.entries(arrays).filter(([, { transposed }]) => transposed);
  return [
    `  ONNX operator set ${opset}, written by ${producer}`,
    ...(flipped.length > 0
      ? [`  in θ [in, out], in the file [out, in]: ${flipped.map(([name]) => name).join(", ")}`]
      : []),
    ...(folded.length > 0 ? [`  folded, known beforehand: ${folded.join(", ")}`] : []),
    ...frozen.map(({ name, shape, why }) => `  not trained: ${name} ${show(shape)}, ${why}`),
    ...notes.map((note) => `  note: ${note}`),
  ];
}

function operatorRow({ path, kind, shape, parameters, kinks }: ModelReport["layers"][number]): string[] {
  const count = (value: number): string => (value === 0 ? "" : String(value));
  return [`${kind}  ${path}`, show(shape), count(parameters), count(kinks)];
}

function layerRow({ path, kind, shape, parameters, kinks }: ModelReport["layers"][number]): string[] {
  const depth = path.split(".").filter((part) => /^\d+$/.test(part)).length - 1;
  const count = (value: number): string => (value === 0 ? "" : String(value));
  return [
    `${"  ".repeat(depth)}${path.split(".").at(-1)}  ${kind}`,
    show(shape),
    count(parameters),
    count(kinks),
  ];
}

/** The first column to the left, the others as columns of numbers. */
function formatLeft(rows: readonly (readonly string[])[]): string[] {
  const width = Math.max(...rows.map(([first]) => first!.length));
  return formatColumns(rows.map(([first, ...rest]) => [first!.padEnd(width), ...rest]));
}
