/** `gradflow init`: a commented study to start from. */
import { lstat } from "node:fs/promises";
import { dirname } from "node:path";
import { ConfigError } from "../errors.js";
import { stands, writeWhole } from "../record/files.js";
import type { Command } from "./command.js";
import { EXIT } from "./exit.js";

export const initCommand: Command = {
  usage: "init [file]",
  summary: "Write a commented study to start from",
  positionals: { file: { type: "string", default: "study.yaml", describe: "The file to write" } },
  options: {
    model: {
      type: "string",
      // Written out, so that --help does not wait for the schema; a test holds it to the presets.
      choices: [
        "dnn",
        "resnet",
        "gcn",
        "cnn",
        "conv-resnet",
        "cheb-net",
        "graph-conv-net",
        "u-net",
        "mobilenet",
        "siamese",
        "transformer",
      ],
      default: "dnn",
      describe: "The kind of network in it",
    },
    force: { type: "boolean", describe: "Replace a file of that name" },
  },
  epilogue:
    "Example:\n  gradflow init widths.yaml && gradflow run widths.yaml\n  gradflow init images.yaml --model cnn",

  async execute(values) {
    const file = String(values["file"]);
    const fail = (message: string) => new ConfigError([{ path: "", message, file }]);
    const found = await lstat(file).catch(() => null);
    if (found?.isDirectory() === true) throw fail("is a folder; give the name of a file.");
    if (found !== null && values["force"] !== true)
      throw fail("stands already; use --force to replace it, or give another name.");
    if (!(await stands(dirname(file)))) throw fail("its folder does not exist; make it first.");
    const { studyTemplate } = await import("../config/template.js");
    await writeWhole(file, studyTemplate(String(values["model"])).replaceAll("study.yaml", file));
    process.stdout.write(`${file} is written. Run it with: gradflow run ${file}\n`);
    return EXIT.done;
  },
};
