/** `gradflow workprecision`: error against gradient evaluations for chosen methods on one study. */
import { join } from "node:path";
import type { Command, Values } from "./command.js";
import { engineOption, overridesOf } from "./engine-option.js";
import { EXIT } from "./exit.js";
import { formatColumns, formatNumber, formatPath } from "./format.js";

const METHODS = "auto,dopri5,dop853,rkc2,tsrkc3";
const TOLERANCES = "1e-3,1e-4,1e-5,1e-6,1e-7,1e-8";

export const workPrecisionCommand: Command = {
  usage: "workprecision <study>",
  summary: "Draw error against gradient evaluations for chosen methods and tolerances",
  positionals: { study: { type: "string", describe: "The study, a YAML file", demandOption: true } },
  options: {
    methods: { type: "string", requiresArg: true, default: METHODS, describe: "Methods, with commas" },
    tolerances: {
      type: "string",
      requiresArg: true,
      default: TOLERANCES,
      describe: "Values of rtol, with commas",
    },
    set: {
      type: "string",
      array: true,
      requiresArg: true,
      describe: "Change a value of the study: key.key=value (may be repeated)",
    },
    ...engineOption,
    out: { type: "string", requiresArg: true, describe: "Folder; runs/<name>-workprecision if left out" },
    json: { type: "boolean", describe: "Print the result as JSON" },
    quiet: { type: "boolean", describe: "No progress on stderr" },
  },
  epilogue: `Example:
  gradflow workprecision study.yaml --methods auto,dopri5 --tolerances 1e-4,1e-6

Runs the flow of the study once per method and tolerance, atol scaled with rtol as in the study, and compares its end with a
reference 100 times tighter. Writes workprecision.csv, .svg, .png and .json (the plot's spec); replaces those of an earlier call.`,

  async execute(values) {
    const { loadConfig } = await import("../config/load.js");
    const loaded = await loadConfig(String(values["study"]), {
      set: await overridesOf(values, "workprecision"),
    });
    const { measureWorkPrecision } = await import("../experiment/work-precision.js");
    const quiet = values["quiet"] === true;
    const result = await measureWorkPrecision(loaded, {
      methods: list(values, "methods"),
      tolerances: list(values, "tolerances").map(Number),
      directory: String(values["out"] ?? join("runs", `${loaded.config.name}-workprecision`)),
      onRow: (row, done, all) => {
        if (quiet) return;
        process.stderr.write(
          `${done} of ${all}: ${row.method}, rtol ${row.rtol}, ${formatNumber(row.seconds, 2)} s\n`,
        );
      },
    });
    if (values["json"] === true) {
      process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
      return EXIT.done;
    }
    const { reference, descent, rows, files } = result;
    const head = ["method", "rtol", "gradients", "+ Hessian", "steps", "error/‖θ‖", "error/moved", "s", ""];
    const cells = rows.map((row) => [
      row.method,
      formatNumber(row.rtol, 2),
      String(row.gradientEvaluations),
      formatNumber(row.hessianEquivalents, 3),
      String(row.steps),
      formatNumber(row.error, 2),
      formatNumber(row.errorOfDistance, 2),
      formatNumber(row.seconds, 2),
      row.status === "reachedEnd" ? "" : row.status,
    ]);
    process.stdout.write(`${formatColumns([head, ...cells]).join("\n")}\n`);
    if (descent !== null)
      process.stdout.write(
        `\n  gradient descent with η = 1/λ_max = ${formatNumber(descent.learningRate)}: ${descent.steps} gradients, error ${formatNumber(descent.error, 2)} of ‖θ‖\n`,
      );
    process.stdout.write(
      `\n  reference: ${reference.method} at rtol ${formatNumber(reference.rtol)}, within ${formatNumber(reference.uncertainty, 2)} of ‖θ‖ of one at ten times that\n`,
    );
    const figure = files.find((file) => file.endsWith(".png")) ?? files[0]!;
    process.stdout.write(`figure: ${formatPath(figure)}\n`);
    return EXIT.done;
  },
};

function list(values: Values, name: string): string[] {
  return String(values[name])
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
