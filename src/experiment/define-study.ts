/** A study from code: the sections of a study file as an object, its network a `Network` of the program's own. */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { checkMeasured } from "../config/checks-descent.js";
import { checkFiles } from "../config/files.js";
import type { LoadedConfig } from "../config/load.js";
import type { Sections } from "../config/schema.js";
import { validate } from "../config/validate.js";
import { isRecord } from "../config/walk.js";
import { ConfigError } from "../errors.js";
import type { Measure } from "../measure/index.js";
import { createFamily, type Network } from "../model/index.js";
import { CODE } from "../record/sweep.js";
import { ownMeasures } from "./own-measures.js";

export interface StudyOptions {
  /** The sections of a study file; `model` as there, or a network. */
  readonly [section: string]: unknown;
  readonly model: Network | object;
  /** Of a network: how its parameters start, as `model.init` in a file. */
  readonly init?: object;
  /** Of a network: `{ scale, centred }`, as `model.output` in a file. */
  readonly output?: object;
  /** Measures of the program's own, of `defineMeasure`. The section `measure` may have settings of them, by their names; without these they have their defaults. */
  readonly measures?: readonly Measure[];
}

/**
 * A study for `runExperiment`, `runKernelStudy`, `checkStudy` and `measureWorkPrecision`. The record of a network from code can be drawn, listed,
 * compared and exported like any; to go on with one takes the program, for no file holds a function.
 * @param folder what file names in it are relative to; default: the working directory
 * @throws ConfigError with every problem
 */
export async function defineStudy(
  { model, init, output, measures: mine = [], ...sections }: StudyOptions,
  folder = process.cwd(),
): Promise<LoadedConfig> {
  const network = "forward" in model ? (model as Network) : null;
  const start = { ...(init && { init }), ...(output && { output }) };
  const misplaced = network === null ? Object.keys(start) : [];
  if (misplaced.length > 0)
    throw new ConfigError(
      misplaced.map((path) => ({ path, message: "belongs into model, unless model is a network." })),
    );
  const section =
    network === null
      ? model
      : {
          ...{ kind: "code", graph: digest(network), activation: network.activation },
          ...(network.start !== null && { init: { kind: "own" } }),
          ...start,
        };
  const input = { ...sections, model: section };
  const baseDir = resolve(folder);
  const asked = isRecord(sections["measure"]) ? sections["measure"] : {};
  const isOwn = (name: string) => Array.isArray(mine) && mine.some((one) => one?.name === name);
  const [others, ours] = [false, true].map((own) =>
    Object.fromEntries(Object.entries(asked).filter(([name]) => isOwn(name) === own)),
  );
  const own = ownMeasures(mine, ours!);
  const known = isRecord(sections["measure"]) ? { ...input, measure: others } : input;
  const { sections: config, sweep, findings } = validate(known);
  const stray = { path: ["sweep"], message: "a study from code is one run; defineSweep makes many." };
  const all = [
    ...[...findings, ...(sweep === null ? [] : [stray]), ...(await checkFiles(config, baseDir))],
    ...[...own.findings, ...checkMeasured({ measure: own.sections, compare: config.compare } as Sections)],
  ];
  if (all.length > 0)
    throw new ConfigError(all.map(({ path, message }) => ({ path: path.map(String).join("."), message })));
  const complete = config as LoadedConfig["config"];
  return {
    config: { ...complete, measure: { ...complete.measure, ...own.sections } },
    source: `${JSON.stringify(input, null, 2)}\n`,
    file: CODE,
    ...{ baseDir, set: [], locate: () => ({}), sweep: null, notes: [] },
    ...{ ...(network !== null && { network }), ...(own.measures.length > 0 && { measures: own.measures }) },
  };
}

/** What tells networks apart: parameters with their laws, and every operation on the way to the outputs of a few samples. */
function digest(network: Network): string {
  const { nodes } = createFamily({ network, samples: 7, factor: 1 }).predict();
  const places = new Map(nodes.map((node, place) => [node, place]));
  const operations = nodes.map(({ op, shape, operands, attributes }) => [
    ...[op, shape, operands.map((operand) => places.get(operand))],
    Object.entries(attributes).map(([name, value]) => [
      name,
      ArrayBuffer.isView(value) ? [...(value as Float64Array)] : value,
    ]),
  ]);
  const parameters = network.layout.parameters.map(({ name, shape, law, init }) => [name, shape, law, init]);
  return createHash("sha256")
    .update(JSON.stringify([parameters, operations]))
    .update(new Uint8Array(network.start?.buffer ?? new ArrayBuffer(0)))
    .digest("hex");
}
