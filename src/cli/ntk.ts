/** `gradflow ntk`: the tangent kernel of a study at its initial parameters. */
import type { Command } from "./command.js";
import { executeStudy, loadStudy, studyOptions } from "./study.js";
import { summarise } from "./summary.js";

export const ntkCommand: Command = {
  usage: "ntk <study>",
  summary:
    "Compute the tangent kernel of a study at initialisation: its spectrum, λ_min and what it is worth",
  positionals: { study: { type: "string", describe: "The study, a YAML file", demandOption: true } },
  options: {
    set: studyOptions.set,
    engine: studyOptions.engine,
    out: {
      type: "string",
      requiresArg: true,
      describe: "Folder of the record; runs/<name>-<hash>-ntk if left out",
    },
    force: studyOptions.force,
    json: studyOptions.json,
    quiet: studyOptions.quiet,
  },
  epilogue: `Examples:
  gradflow ntk study.yaml
  gradflow ntk study.yaml --set measure.ntk.method=lanczos --set measure.ntk.products=2000
  gradflow ntk study.yaml --json --quiet | jq .ntk.initial.lambdaMin

Takes the settings of measure.ntk where the study has them. Nothing is integrated.
Exit codes: 0 done, 1 the kernel is not finite, 2 bad study or usage, 130 interrupted.`,

  async execute(values, words) {
    const choose = async () => (await import("../experiment/ntk-study.js")).runKernelStudy;
    const told = "Interrupted: writing what there is.";
    return executeStudy(await loadStudy(values, words, choose), values, words, summarise, told);
  },
};
