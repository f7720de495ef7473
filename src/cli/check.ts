/** `gradflow check`: the report before a run. */

import { formatBytes } from "../experiment/bytes.js";
import type { CheckReport } from "../experiment/check.js";
import type { Command } from "./command.js";
import { overridesOf } from "./engine-option.js";
import { EXIT } from "./exit.js";
import { formatColumns, formatDuration, formatNumber } from "./format.js";
import { reportProgress } from "./progress.js";
import { studyOptions } from "./study.js";

export const checkCommand: Command = {
  usage: "check <study>",
  summary: "Report on a study before it is run: sizes, rank caps of the tangent kernel, cost, stable steps",
  positionals: { study: { type: "string", describe: "The study, a YAML file", demandOption: true } },
  options: {
    set: studyOptions.set,
    engine: studyOptions.engine,
    json: { type: "boolean", describe: "Print the report as JSON" },
    quiet: studyOptions.quiet,
  },
  epilogue: `Example:
  gradflow check study.yaml --set model.hidden=[100,100]

Nothing is written. Exit codes: 0 done, 2 bad study or usage.`,

  async execute(values) {
    const { loadConfig } = await import("../config/load.js");
    const loaded = await loadConfig(String(values["study"]), {
      set: await overridesOf(values, "check"),
    });
    const { checkStudy } = await import("../experiment/check.js");
    const { say } = reportProgress(process.stderr, values["quiet"] === true);
    const report = await checkStudy(loaded, say);
    process.stdout.write(values["json"] === true ? `${JSON.stringify(report, null, 2)}\n` : describe(report));
    return EXIT.done;
  },
};

function describe(report: CheckReport): string {
  const { kernel, scalars, memory } = report;
  const facts: [string, string][] = [
    ["network", report.network],
    [
      "size",
      `P = ${report.parameters} parameters, nM = ${scalars} outputs, P/nM = ${formatNumber(report.ratio, 3)}`,
    ],
    ...report.caps.map(({ rank, reason }, k): [string, string] => [
      k === 0 ? "rank of J" : "",
      `≤ ${rank} < nM: ${reason}`,
    ]),
    [
      "λ_min(G)",
      report.exactZero
        ? `0 exactly at the initial parameters${report.gaussNewton === null ? "" : ": the exponential bound is vacuous there"}`
        : "no known cap forces it to be 0; P ≥ nM is necessary for λ_min > 0, not sufficient",
    ],
    ...(report.adjacency === null
      ? []
      : [
          [
            "Â of the gcn",
            `σ_min = ${formatNumber(report.adjacency.sigmaMin)}, whose vector gives λ_min(G) ≤ ${formatNumber(report.adjacency.bound)}`,
          ] as [string, string],
        ]),
    [
      "λ_max(G)",
      `${formatNumber(report.lambdaMax)}; λ_max(∇²L) = ${formatNumber(report.sharpness)}${report.gaussNewton === null ? "" : `, of which 2cλ_max(G) = ${formatNumber(report.gaussNewton)}`}`,
    ],
    [
      "kernel",
      `${kernel.asked ? "measure.ntk" : "measure.ntk is not asked for; its defaults"}: ${kernel.method}, about ${formatNumber(kernel.bytes / 1e6, 3)} MB, ${kernel.times} times in about ${formatDuration(kernel.seconds)}`,
    ],
    [
      "cost",
      `a gradient ${formatDuration(report.gradientSeconds)}, a product with G ${formatDuration(report.productSeconds)}`,
    ],
    ["boundaries", report.boundaries],
  ];
  const rows = report.steps.map(({ method, limit, stepSize, gradients }) => [
    method,
    `${formatNumber(limit)}/λ`,
    stepSize === null ? "any" : formatNumber(stepSize),
    gradients === null ? "–" : gradients < 1e15 ? String(gradients) : formatNumber(gradients),
    gradients === null ? "–" : formatDuration(gradients * report.gradientSeconds),
  ]);
  return [
    `${report.name}, before it is run`,
    "",
    ...facts.map(([name, text]) => `  ${name.padEnd(15)}${text}`),
    "",
    `  largest stable steps at the initial λ = λ_max(∇²L), and what they cost up to t = ${formatNumber(report.tEnd)}`,
    ...(report.logSharpness === null
      ? []
      : [
          `  but for gd in τ of flow.clock: log, dt = dτ/L: λ = λ_max(∇² ln L) = ${formatNumber(report.logSharpness)}; how many lead to t the fall of L decides`,
        ]),
    ...formatColumns([["method", "limit", "step", "gradients", "time"], ...rows]),
    "",
    `  memory of a run at its peak: about ${formatBytes(memory.bytes)} of the ${formatBytes(memory.available)} that this machine has`,
    ...formatColumns([
      ["part", "memory", "decided by"],
      ...memory.parts.map(({ name, bytes, field }) => [name, formatBytes(bytes), field === "" ? "–" : field]),
    ]),
    ...(report.notes.length === 0 ? [] : ["", ...report.notes.map((note) => `note: ${note}`)]),
    "",
  ].join("\n");
}
