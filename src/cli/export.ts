/** `gradflow export`: records in the formats of other programs. */
import { join } from "node:path";
import { ConfigError } from "../errors.js";
import type { Command } from "./command.js";
import { EXIT, UsageError } from "./exit.js";
import { formatPath } from "./format.js";
import { watchInterrupts } from "./interrupt.js";
import { single } from "./options.js";

export const exportCommand: Command = {
  usage: "export <folder>",
  summary:
    "Write a record, or all records of a sweep, as .npz, .safetensors, TensorBoard events, CSV or ONNX",
  positionals: {
    folder: { type: "string", describe: "The folder of a run or of a sweep", demandOption: true },
  },
  options: {
    to: {
      choices: ["npz", "safetensors", "tensorboard", "csv", "onnx"],
      requiresArg: true,
      demandOption: true,
      describe: "The format",
    },
    force: { type: "boolean", describe: "Replace files and links that stand in the way" },
    layout: {
      choices: ["gradflow", "torch"],
      requiresArg: true,
      describe: "npz and safetensors only: torch writes the parameters alone, as a state_dict",
    },
    follow: { type: "boolean", describe: "tensorboard only: go on writing while the run is going" },
  },
  epilogue: `Examples:
  gradflow export runs/study-0123456789ab --to npz           numpy.load("…/export/record.npz")["series.loss"]
  gradflow export runs/study-0123456789ab --to tensorboard --follow &
  tensorboard --logdir runs
  gradflow export runs/study-0123456789ab --to npz --layout torch
  # model.load_state_dict({k: torch.from_numpy(v) for k, v in numpy.load("…/export/state_dict.npz").items()}), where the study's
  # model.init named a state_dict: the arrays have its names. Otherwise they have gradflow's, in the order of the layers.

Files go to the record's export/ and are removed with it. npz and safetensors hold every table column, theta0, theta and the
layers at the end (weights [in, out]) to the last bit. An empty cell is NaN, in a column of words the empty word; words are NumPy
strings in npz, int32 in safetensors with their meaning in the metadata "codes" (JSON: array name → list of words).
csv has flow and descents in one table, of a sweep all runs in runs.csv; tensorboard has flow and descents in float32, its step is
the recorded row (of descents: k), its axis RELATIVE the flow time t in seconds. Both name the tables that they leave out.
onnx is for networks that came from an ONNX file (model.kind: onnx): the file with the parameters at the end, in its own precision.`,

  async execute(values) {
    const root = String(values["folder"]);
    const to = single(values, "to", "export") as "npz" | "safetensors" | "tensorboard" | "csv" | "onnx";
    const force = values["force"] === true;
    const follow = values["follow"] === true;
    if (follow && to !== "tensorboard")
      throw new UsageError(`export: --follow is for --to tensorboard, not ${to}.`);
    const forTorch = single(values, "layout", "export") === "torch";
    if (values["layout"] !== undefined && to !== "npz" && to !== "safetensors")
      throw new UsageError(`export: --layout is for --to npz and safetensors, not ${to}.`);
    const { exportAll, exportParameters, exportRecord, followRecord, tablesLeftOut } = await import(
      "../experiment/export.js"
    );
    const { findRecords } = await import("../record/search.js");
    const { inTurn } = await import("../record/in-turn.js");
    const records = await findRecords(root);
    if (records.length === 0)
      throw new ConfigError(`${root}: is not a record and holds none; name the folder of a run or a sweep.`);
    const say = (path: string) => process.stdout.write(`${formatPath(path)}\n`);
    const leftOut = new Set((await inTurn(records, (path) => tablesLeftOut(path, to))).flat());
    if (leftOut.size > 0)
      process.stderr.write(
        `note: ${to} holds series.csv and descent.csv; left out: ${[...leftOut].join(", ")} (npz and safetensors hold all).\n`,
      );
    if (follow) {
      const interruption = watchInterrupts(() => undefined);
      const files = await Promise.all(
        records.map(async (record) => join(record, await followRecord(record, interruption.signal, force))),
      );
      interruption.release();
      files.forEach(say);
      return EXIT.done;
    }
    for (const record of records) {
      const file =
        forTorch && (to === "npz" || to === "safetensors")
          ? await exportParameters(record, to, force)
          : await exportRecord(record, to, force);
      say(join(record, file));
    }
    if (to === "csv" && records.length > 1) say(await exportAll(root, records, force));
    return EXIT.done;
  },
};
