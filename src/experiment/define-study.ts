/** A study from code: the sections of a study file as an object, its network a `Network` of the program's own. */
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { checkFiles } from "../config/files.js";
import type { LoadedConfig } from "../config/load.js";
import { validate } from "../config/validate.js";
import { ConfigError } from "../errors.js";
import { figures } from "../figure/figures.js";
import { type Measure, measureSection, measures } from "../measure/index.js";
import { createFamily, type Network } from "../model/index.js";
import { CODE } from "../record/sweep.js";

export interface StudyOptions {
  /** The sections of a study file; `model` as there, or a network. */
  readonly [section: string]: unknown;
  readonly model: Network | object;
  /** Of a network: how its parameters start, as `model.init` in a file. */
  readonly init?: object;
  /** Of a network: `{ scale, centred }`, as `model.output` in a file. */
  readonly output?: object;
  /** Measures of the program's own, taken beside those that `measure` names; of `defineMeasure`. */
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
  const own = { ...(init && { init }), ...(output && { output }) };
  const misplaced = network === null ? Object.keys(own) : [];
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
          ...own,
        };
  const input = { ...sections, model: section };
  const baseDir = resolve(folder);
  const { sections: config, sweep, findings } = validate(input);
  const stray = { path: ["sweep"], message: "a study from code is one run; defineSweep makes many." };
  const all = [
    ...[...findings, ...(sweep === null ? [] : [stray]), ...(await checkFiles(config, baseDir))],
    ...checkMeasures(mine),
  ];
  if (all.length > 0)
    throw new ConfigError(all.map(({ path, message }) => ({ path: path.map(String).join("."), message })));
  return {
    config: withMeasures(config as LoadedConfig["config"], mine),
    source: `${JSON.stringify(input, null, 2)}\n`,
    file: CODE,
    ...{ baseDir, set: [], locate: () => ({}), sweep: null, notes: [] },
    ...{ ...(network !== null && { network }), ...(mine.length > 0 && { measures: mine }) },
  };
}

/** The config with a section for each, so that its hash tells them apart. */
function withMeasures(config: LoadedConfig["config"], own: readonly Measure[]): LoadedConfig["config"] {
  const sections = own.map((measure) => {
    const text = [measure.columns, measure.follow, measure.refuse ?? ""].map(String).join("\n");
    const code = createHash("sha256").update(text).digest("hex");
    return [measure.name, { ...measureSection(measure).parse({}), code }];
  });
  return { ...config, measure: { ...config.measure, ...Object.fromEntries(sections) } };
}

function checkMeasures(own: readonly Measure[]): { path: string[]; message: string }[] {
  const taken = [...measures.map(({ name }) => name), "ntk", ...figures.map(({ name }) => name)];
  return own.flatMap(({ name }, k) => {
    const path = ["measures", String(k), "name"];
    if (!/^[A-Za-z][A-Za-z0-9-]*$/.test(name))
      return [{ path, message: `must consist of letters, digits and '-', got ${JSON.stringify(name)}.` }];
    const before = [...taken, ...own.slice(0, k).map((other) => other.name)];
    return before.includes(name) ? [{ path, message: `${name} is taken; choose another name.` }] : [];
  });
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
