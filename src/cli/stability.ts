/** `gradflow stability`: the largest learning rates at which descent falls at every step, and linearly. */
import type { StabilityReport, StableRate } from "../experiment/stability.js";
import type { Command, Values } from "./command.js";
import { overridesOf } from "./engine-option.js";
import { EXIT, UsageError } from "./exit.js";
import { formatColumns, formatDuration, formatNumber } from "./format.js";
import { watchInterrupts } from "./interrupt.js";
import { single } from "./options.js";
import { reportProgress } from "./progress.js";
import { studyOptions } from "./study.js";

export const stabilityCommand: Command = {
  usage: "stability <study>",
  summary: "Find the largest learning rates at which descent falls at every step, and linearly",
  positionals: { study: { type: "string", describe: "The study, a YAML file", demandOption: true } },
  options: {
    steps: {
      type: "string",
      requiresArg: true,
      describe: "Descent steps by which every rate is judged; default: stability.steps of the study, or 500",
    },
    tolerance: {
      type: "string",
      requiresArg: true,
      describe:
        "Relative distance between the rate that passes and the one that fails; default: stability.tolerance of the study, or 1e-3",
    },
    "least-loss": {
      type: "string",
      requiresArg: true,
      describe:
        "L*, which the loss falls towards; default: stability.leastLoss of the study, or 0 where the loss can reach that",
    },
    set: studyOptions.set,
    engine: studyOptions.engine,
    json: { type: "boolean", describe: "Print the report, with every rate tried, as JSON" },
    quiet: studyOptions.quiet,
  },
  epilogue: `Examples:
  gradflow stability study.yaml
  gradflow stability study.yaml --steps 5000 --set descent.kind=momentum
  gradflow stability study.yaml --json --quiet | jq .monotone.learningRate

Descends from the study's θ₀ at one rate after another: from 16·2/λ_max(θ₀) down by factors of √2 to the
first rate that passes, then by bisection. A rate passes
  monotone  when L(θ_k) ≤ L(θ_k−1) up to rounding at each of the steps;
  linear    when ln(L − L*) falls over each third of the steps' last three quarters, in the last third at
            no less than 3/4 of the mean slope (a power law k^−p has 0.62), or L − L* vanishes.
Both are said of the steps that were taken, not of later ones, and rates between those tried may differ.
Beside them: 2/λ_max(∇²L) at θ₀, and its least and greatest value along the descent found. While the
sharpness between θ_k and θ_k+1 stays below 2/η the loss cannot rise. What theorems allow is found along
the flow for the time of these steps, to flow.tEnd at most: 2/‖∇²L‖ there, and the rate at which Elkabetz
and Cohen (2021) promise that descent stays within 5 % of the flow's way. Nothing is written. A section stability in a study makes every run of
it search, for sweeps over widths or depths.
Exit codes: 0 done, 2 bad study or usage, 130 interrupted.`,

  async execute(values) {
    const given = Object.entries({
      steps: number(values, "steps"),
      tolerance: number(values, "tolerance"),
      leastLoss: number(values, "least-loss"),
    }).filter(([, value]) => value !== undefined);
    const { loadConfig } = await import("../config/load.js");
    const loaded = await loadConfig(String(values["study"]), { set: await overridesOf(values, "stability") });
    const { stabilitySchema } = await import("../config/schema-stability.js");
    const options = {
      ...(loaded.config.stability ?? stabilitySchema.parse({})),
      ...Object.fromEntries(given),
    };
    const { measureStability } = await import("../experiment/stability.js");
    const { say, stop } = reportProgress(process.stderr, values["quiet"] === true);
    const interruption = watchInterrupts(() => say("Interrupted. A second Ctrl-C kills."));
    try {
      const report = await measureStability(loaded, {
        ...options,
        ...{ say, signal: interruption.signal },
      });
      process.stdout.write(
        values["json"] === true ? `${JSON.stringify(report, null, 2)}\n` : describe(report),
      );
    } finally {
      stop();
      interruption.release();
    }
    return EXIT.done;
  },
};

function number(values: Values, name: string): number | undefined {
  const text = single(values, name, "stability");
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isNaN(value) || text.trim() === "")
    throw new UsageError(`stability: --${name} must be a number, got ${text}.`);
  return value;
}

function describe(report: StabilityReport): string {
  const { law, limit, sharpness, steps, monotone, linear } = report;
  const formula =
    law.kind === "gradient" ? "2/λ" : law.kind === "momentum" ? "2(1 + β)/λ" : "2(1 + β)/((1 + 2β)λ)";
  const kind = law.kind === "gradient" ? "gradient descent" : `${law.kind}, β = ${law.momentum}`;
  const rows = [
    ["", "largest η", "fails at", `${formula} along it`, "tried"],
    row(`falls at each of ${steps} steps`, monotone),
    ...(linear === null ? [] : [row("falls linearly", linear)]),
  ];
  const width = Math.max(...rows.map(([first]) => first!.length));
  const remarks = [
    ...remarksOn("at every step", monotone),
    ...(linear === null
      ? ["Nothing is said of linear convergence: what this loss is at least is not known; give --least-loss."]
      : remarksOn("linearly", linear)),
    ...report.notes,
  ];
  return [
    `${report.name}: ${kind}, P = ${report.parameters}`,
    "",
    `  ${formula} at θ₀: ${limit === null ? `none, λ_max = ${formatNumber(sharpness)} is not positive` : `${formatNumber(limit)}, λ_max = ${formatNumber(sharpness)}`}`,
    "",
    ...formatColumns(rows.map(([first, ...others]) => [first!.padEnd(width), ...others])),
    "",
    ...describeTheorems(report),
    "",
    `  to ${formatNumber(100 * report.tolerance)} %, by ${report.gradients} gradients and ${report.hessianProducts} Hessian products in ${formatDuration(report.seconds)}; true of these ${steps} steps, not of later ones`,
    ...(remarks.length === 0 ? [] : ["", ...remarks.map((remark) => `note: ${remark}`)]),
    "",
  ].join("\n");
}

/** The rates that theorems promise, beside those that were found. */
function describeTheorems({ theorems: { found, why } }: StabilityReport): string[] {
  if (found === null) return [`  theorems say nothing: ${why}.`];
  const { time, descentLemma, near, nearness, gradientEquivalents } = found;
  return [
    `  what theorems allow, by ∇²L along the flow to t = ${formatNumber(time)} (the work of ${formatNumber(gradientEquivalents, 3)} gradients):`,
    `    η < ${formatNumber(descentLemma)}: the loss falls at every step, while descent stays where the flow is (2/‖∇²L‖)`,
    `    η < ${formatNumber(near)}: descent stays within ${formatNumber(nearness, 3)} of the flow, 5 % of its way (Elkabetz and Cohen 2021, to leading order)`,
  ];
}

function row(what: string, { learningRate, failsAt, limits, tried }: StableRate): string[] {
  const along = limits === null ? "–" : `${formatNumber(limits.least)} to ${formatNumber(limits.greatest)}`;
  return [what, formatNumber(learningRate, 5), formatNumber(failsAt, 5), along, String(tried.length)];
}

function remarksOn(how: string, { learningRate, failsAt, failsBelow, tried }: StableRate): string[] {
  if (learningRate === null) {
    const steadiest = Math.max(...tried.map(({ steadiness }) => steadiness ?? Number.NEGATIVE_INFINITY));
    const near = Number.isFinite(steadiest)
      ? `; the steadiest fell in the last third at ${formatNumber(steadiest, 2)} of its mean slope, more --steps may bring the linear phase`
      : "";
    return [`At none of the ${tried.length} rates tried does the loss fall ${how}${near}.`];
  }
  return [
    ...(failsAt === null
      ? [`The loss fell ${how} at all rates tried, up to ${formatNumber(learningRate)}.`]
      : []),
    ...(failsBelow === null
      ? []
      : [
          `At the smaller η = ${formatNumber(failsBelow)} it does not fall ${how} in these steps: passing is no matter of being small enough here.`,
        ]),
  ];
}
