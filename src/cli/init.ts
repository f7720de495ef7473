/** `gradflow init`: a commented study to start from. */
import { writeFile } from "node:fs/promises";
import { studyTemplate } from "../config/template.js";
import { ConfigError } from "../errors.js";
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
    try {
      const text = studyTemplate(String(values["model"])).replaceAll("study.yaml", file);
      await writeFile(file, text, { flag: values["force"] === true ? "w" : "wx" });
    } catch (error) {
      throw new ConfigError([{ path: "", message: describeFault(error as NodeJS.ErrnoException), file }]);
    }
    process.stdout.write(`${file} is written. Run it with: gradflow run ${file}\n`);
    return EXIT.done;
  },
};

function describeFault(error: NodeJS.ErrnoException): string {
  if (error.code === "EEXIST") return "stands already; use --force to replace it, or give another name.";
  if (error.code === "ENOENT") return "its folder does not exist; make it first.";
  if (error.code === "EISDIR") return "is a folder; give the name of a file.";
  return `cannot be written (${error.code ?? error.message}); choose another place.`;
}
