/** `gradflow list`: the records below a folder, chosen and sorted by what they state. */
import { access } from "node:fs/promises";
import { relative } from "node:path";
import { ConfigError } from "../errors.js";
import { type Facts, lookUp } from "../record/facts.js";
import type { Command } from "./command.js";
import { EXIT, UsageError } from "./exit.js";
import { formatColumns, formatFact, printable } from "./format.js";
import { single } from "./options.js";

const DEFAULT_COLUMNS =
  "status,model.kind,model.hidden,parameters,parametersPerTarget,time,loss,decay.rate,started";

export const listCommand: Command = {
  usage: "list [root]",
  summary: "List the records below a folder, those of sweeps included",
  positionals: { root: { type: "string", default: "runs", describe: "The folder" } },
  options: {
    where: {
      type: "string",
      array: true,
      requiresArg: true,
      describe:
        "Only records for which this holds: name=value, also != < <= > >= (may be repeated: all hold)",
    },
    sort: { type: "string", requiresArg: true, describe: "Sort by this name; --sort=-name for descending" },
    columns: { type: "string", requiresArg: true, describe: `Names to show, by commas; ${DEFAULT_COLUMNS}` },
    json: { type: "boolean", describe: "Print everything that the records state as JSON" },
  },
  epilogue: `Examples:
  gradflow list --where status=reachedEnd --sort loss
  gradflow list runs --where model.kind=dnn --where flow.rtol<=1e-6 --columns loss,decay.law,descent.0.parameterGap

Names are those of result.json (loss, decay.rate of the fitted exponential, decay.law that says whether it is one,
descent.0.parameterGap), of the config as --set takes them (model.hidden; a list is written 50-50), of the manifest (status, started, study.commit), and parametersPerTarget, P/nM. --json shows them all.
Exit codes: 0 all were read, 1 some could not be, which is told.`,

  async execute(values) {
    const root = String(values["root"]);
    const sort = single(values, "sort", "list");
    const names = (single(values, "columns", "list") ?? DEFAULT_COLUMNS)
      .split(",")
      .map((name) => name.trim());
    const { compareBy, parseCondition } = await import("../record/query.js");
    const { inTurn } = await import("../record/in-turn.js");
    const { findRecords } = await import("../record/search.js");
    const { readRunFacts } = await import("../record/sweep-states.js");
    const conditions = ((values["where"] ?? []) as string[]).map(parseCondition);
    await access(root).catch(() => {
      throw new ConfigError(`${root}: no such folder; name the one that holds the records.`);
    });
    let code: number = EXIT.done;
    const complain = (line: string): void => {
      process.stderr.write(`gradflow: ${printable(line)}\n`);
      code = EXIT.failed;
    };
    const paths = await findRecords(root, complain);
    const read = await inTurn(paths, (path) =>
      readRunFacts(path).then(
        (found) => ({ path, found }),
        (fault: Error) => ({ path, fault }),
      ),
    );
    const records = read.flatMap((entry): { path: string; facts: Facts }[] => {
      if ("found" in entry)
        return entry.found === null ? [] : [{ path: entry.path, facts: entry.found.facts }];
      complain(entry.fault.message);
      return [];
    });
    const unknown = [...names, ...(sort === undefined ? [] : [sort.replace(/^-/, "")])].find(
      (name) => records.length > 0 && records.every(({ facts }) => lookUp(facts, name).length === 0),
    );
    if (unknown !== undefined && (values["columns"] !== undefined || unknown === sort?.replace(/^-/, "")))
      throw new UsageError(`list: no record has ${unknown}; --json shows all names.`);
    const chosen = records.filter(({ facts }) => conditions.every((holds) => holds(facts)));
    if (sort !== undefined) {
      const order = compareBy(sort);
      chosen.sort((a, b) => order(a.facts, b.facts));
    }
    if (values["json"] === true) {
      const json = chosen.map(({ path, facts }) => ({ record: path, ...Object.fromEntries(facts) }));
      process.stdout.write(`${JSON.stringify(json, null, 2)}\n`);
      return code;
    }
    const rows = chosen.map(({ path, facts }) => [
      relative(root, path) || ".",
      ...names.map(
        (name) =>
          lookUp(facts, name)
            .map((fact) => formatFact(fact))
            .join(" ") || "–",
      ),
    ]);
    const table = rows.length === 0 ? [] : formatColumns([["record", ...names], ...rows]);
    process.stdout.write(
      [...table, `${chosen.length} of ${records.length} records below ${root}`, ""].join("\n"),
    );
    return code;
  },
};
